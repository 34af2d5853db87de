"""When nobody can be asked: fail fast, or ask who is due back first, if the policy says so. And the model to call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from core.scripted import World, broken, chain, target, tier, unauthorized

from failover_plugin import Failover, Policy, Request, current_attempt
from failover_plugin.errors import AllTargetsFailed
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock


def world(*targets: Target, **policy: Any) -> World:
    return World(targets, Policy(**({"strategy": "sequential", "last_resort": "earliest", "patience": 0.0} | policy)))


def shut(fleet: World, **seconds: float) -> World:
    for target_id, time in seconds.items():
        fleet.failover.force_open(target_id, time)
    return fleet


def test_by_default_nobody_is_asked_who_would_not_be() -> None:
    fleet = shut(world(*chain(2), last_resort="off"), a=60, b=30)
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_the_one_due_back_first_is_asked() -> None:
    shut(world(*chain(3)), a=60, b=30, c=90).request().asks("b")


def test_not_everybody_at_the_same_one() -> None:
    fleet = shut(world(*chain(3)), a=60, b=30, c=90)
    asked = Counter(fleet.request().starts().target.id for _ in range(6))
    assert asked == {"a": 2, "b": 2, "c": 2}


def test_one_request_asks_each_once() -> None:
    fleet = shut(world(*chain(2)), a=60, b=30)
    fleet.request().asks("b").fails(unauthorized()).gives_up()


def test_who_can_be_asked_as_a_matter_of_course_is_asked_first() -> None:
    shut(world(*chain(2)), a=60).request().asks("b")


def test_a_short_absence_is_rather_waited_for() -> None:
    fleet = shut(world(*chain(2), patience=2.5), a=60, b=1)
    assert fleet.request().sleeps() == pytest.approx(1.0)


def test_a_disabled_target_is_not_even_a_last_resort() -> None:
    fleet = shut(world(target("a", enabled=False), target("b", 1)), b=60)
    fleet.request().asks("b")
    fleet.failover.disable("b")
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_a_prompt_never_goes_where_it_may_not_go() -> None:
    fleet = shut(world(target("a"), target("b", 1, tags=frozenset({"eu"}))), a=1, b=60)
    fleet.request(Request(require_tags=frozenset({"eu"}))).asks("b")
    assert isinstance(fleet.request(Request(require_tags=frozenset({"moon"}))).gives_up(), AllTargetsFailed)


def test_it_is_booked_like_any_other_call() -> None:
    fleet = shut(world(*tier(1)), a=60)
    fleet.request().asks("a").succeeds()
    line = fleet.line("a")
    assert (line.attempts, line.successes, line.in_flight) == (1, 1, 0)


def test_a_last_resort_that_fails_does_not_bring_its_target_back_sooner() -> None:
    fleet = shut(world(*tier(1)), a=60)
    fleet.request().asks("a").fails(broken())
    returns_in = fleet.line("a").returns_in
    assert returns_in is not None
    assert returns_in >= 60


def test_last_resorts_are_no_probes() -> None:
    fleet = shut(world(*tier(1)), a=60)
    for _ in range(2):
        fleet.request().asks("a")
    (_, _, breaker) = next(iter(fleet.fleet.health.scopes))
    assert breaker.probes <= 1


# -- the model to call ------------------------------------------------------------------------------------------------

MAPS = {"b": {"gpt": "claude"}}


def models(request: Request | None = None, **policy: Any) -> dict[str, str]:
    seen: dict[str, str] = {}

    def call(asked: Target) -> str:
        seen[asked.id] = current_attempt().model
        raise unauthorized()

    with pytest.raises(AllTargetsFailed):
        Failover(chain(2), Policy(**policy), clock=FakeClock()).run(call, request)
    return seen


def test_a_call_is_told_the_targets_own_model() -> None:
    assert models() == {"a": "a-model", "b": "b-model"}
    assert models(Request(model="gpt")) == {"a": "a-model", "b": "b-model"}


def test_a_map_translates_the_model_that_the_request_names() -> None:
    assert models(Request(model="gpt"), model_maps=MAPS) == {"a": "a-model", "b": "claude"}


def test_what_a_map_does_not_list_passes_through() -> None:
    assert models(Request(model="llama"), model_maps=MAPS) == {"a": "a-model", "b": "llama"}


def test_a_request_that_names_no_model_gets_the_targets_own() -> None:
    assert models(model_maps=MAPS) == {"a": "a-model", "b": "b-model"}
