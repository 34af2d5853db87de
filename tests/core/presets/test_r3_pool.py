"""R3, a pool of nodes that take turns: a test for each row of its table, then one for each defect mended."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from core.presets.stage import Stage
from core.scripted import broken, invalid, rate_limited, unauthorized

from failover_plugin import ConfigError, ErrorClass, Failover, Health, presets
from failover_plugin.events import AttemptStarted, Event
from failover_plugin.presets import Node

NODES = [Node(f"https://node{i}.example", address) for i, address in enumerate("abc")]


def stage(*nodes: Node, seed: int = 1, **settings: Any) -> Stage:
    targets = presets.node_targets(nodes or NODES, provider="gonka", model="qwen3")
    return Stage(targets, presets.pool(**settings), seed=seed)


def timeout() -> TimeoutError:
    return TimeoutError("too slow")


# -- the rows ---------------------------------------------------------------------------------------------------------


def test_row_node_has_a_base_url_and_an_address_that_is_its_identity() -> None:
    (target,) = presets.node_targets([Node("https://node1.example/v1", "gonka1xyz")], provider="gonka", model="qwen3")
    assert (target.id, target.endpoint) == ("gonka1xyz", "https://node1.example/v1")


def test_row_next_advances_on_every_call() -> None:
    here = stage()
    assert [here.takes().target.id for _ in range(7)] == list("abcabca")


def test_row_next_skips_nodes_in_cooldown() -> None:
    here = stage()
    here.failover.cool("a", 3600)
    assert "a" not in {here.succeeds() for _ in range(9)}


def test_row_next_looks_at_each_node_once_at_most() -> None:
    here = stage()
    for node in "abc":
        here.failover.disable(node)
    assert here.finds_nobody()
    assert len(here.failover.explain().skips) == 3


def test_row_all_in_cooldown_the_one_whose_cooldown_ends_first_is_returned() -> None:
    here = stage()
    for node, seconds in zip("abc", (60, 20, 40), strict=True):
        here.failover.cool(node, seconds)
    assert [here.succeeds(), here.succeeds()] == ["b", "b"]
    here.clock.advance(19)
    permit = here.takes()
    assert (permit.target.id, permit.wait) == ("b", 0), "at once"


def test_row_mark_failed_for_a_duration() -> None:
    here = stage()
    here.failover.cool("a", 30)
    assert (here.line("a").health, here.line("a").returns_in) == (Health.DEGRADED, 30)
    here.clock.advance(30)
    assert here.line("a").health is Health.HEALTHY


def test_row_mark_failed_zero_duration_clears_it_at_once() -> None:
    here = stage()
    for _ in range(2):
        here.fails("a")
        here.failover.cool("a", 0)
        assert here.line("a").health is Health.HEALTHY


def test_row_mark_failed_of_a_node_that_is_not_there_changes_nothing() -> None:
    here = stage()
    with pytest.raises(ConfigError, match=r"target_id = 'z': there is no such target. Known: a, b, c"):
        here.failover.cool("z", 30)
    assert {line.health for line in here.failover.health().targets} == {Health.HEALTHY}


def test_row_next_with_index_the_failure_is_charged_to_the_right_node() -> None:
    here = stage()
    first, second = here.takes(), here.takes()
    second.success()
    first.failure(broken())
    assert [here.line(node).failures for node in "abc"] == [1, 0, 0]
    assert here.line("a").health is Health.DEGRADED


def test_row_construction_an_empty_list() -> None:
    with pytest.raises(ConfigError, match=r"nodes = \[\]: there is nobody to ask"):
        presets.node_targets([], provider="gonka", model="qwen3")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("not a url", r"nodes\[1\].base_url = 'not a url': is not a URL"),
        ("ftp://node.example", r"nodes\[1\].base_url = 'ftp://node.example': its scheme is neither http nor https"),
    ],
)
def test_row_construction_an_unparsable_url_and_another_scheme(url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        presets.node_targets([NODES[0], Node(url, "b")], provider="gonka", model="qwen3")


def test_row_cost_every_pick_can_be_traced() -> None:
    heard: list[Event] = []
    fo = Failover(stage().failover.targets, presets.pool(), on_event=heard.append)
    for _ in range(3):
        permit = fo.acquire()
        assert permit is not None
        permit.success()
    assert [event.target.id for event in heard if isinstance(event, AttemptStarted)] == list("abc")


# -- what a failure costs ---------------------------------------------------------------------------------------------


def test_a_node_rests_after_one_failure_longer_after_a_timeout() -> None:
    here = stage()
    here.fails("a")
    here.fails("b", error=timeout())
    assert 30 <= (here.line("a").returns_in or 0) <= 33
    assert 60 <= (here.line("b").returns_in or 0) <= 66
    assert here.line("a").reason == "cooling after server_error 500"


def test_each_kind_of_error_may_have_a_rest_of_its_own() -> None:
    here = stage(cooldown=10, cooldowns={ErrorClass.OVERLOADED: 5})
    here.fails("a", error=timeout())
    here.fails("b", error=type(broken())(503, "no capacity"))
    assert 10 <= (here.line("a").returns_in or 0) <= 11
    assert 5 <= (here.line("b").returns_in or 0) <= 5.5


def test_after_its_rest_a_node_takes_its_turn_again() -> None:
    here = stage()
    assert here.fails() == "a"
    assert [here.succeeds() for _ in range(4)] == list("bcbc")
    here.clock.advance(33)
    assert [here.succeeds() for _ in range(3)] == list("abc")


# -- defects mended ---------------------------------------------------------------------------------------------------


def test_mended_the_others_get_even_shares_while_one_rests() -> None:
    here = stage(*NODES, Node("https://node3.example", "d"))
    here.failover.cool("b", 3600)
    assert Counter(here.succeeds() for _ in range(300)) == {"a": 100, "c": 100, "d": 100}


def test_mended_time_is_monotonic() -> None:
    here = stage()
    here.failover.cool("a", 0.5)
    here.clock.advance(0.25)
    assert here.line("a").returns_in == 0.25


def test_mended_a_shorter_cooldown_does_not_overwrite_a_longer_one() -> None:
    here = stage()
    late = here.takes("a")
    here.fails("a", error=timeout())
    before = here.line("a").returns_in
    late.failure(broken())
    assert here.line("a").returns_in == before
    here.failover.cool("a", 1)
    assert here.line("a").returns_in == before
    here.failover.cool("a", 100)
    assert here.line("a").returns_in == 100


def test_mended_a_retry_after_is_kept() -> None:
    here = stage()
    here.fails("a", error=rate_limited(120))
    here.fails("b", error=rate_limited())
    assert 120 <= (here.line("a").returns_in or 0) <= 132
    assert 30 <= (here.line("b").returns_in or 0) <= 33


def test_mended_a_dead_key_is_not_treated_like_a_blip() -> None:
    here = stage()
    here.fails("a", error=unauthorized())
    assert here.line("a").health is Health.UNHEALTHY
    assert (here.line("a").returns_in or 0) > 40


def test_mended_a_callers_own_mistake_sends_nobody_to_rest() -> None:
    here = stage()
    here.fails("a", error=invalid())
    assert here.line("a").health is Health.HEALTHY


def test_mended_with_all_nodes_resting_calls_at_the_same_time_are_spread() -> None:
    here = stage()
    for node in "abc":
        here.failover.cool(node, 30)
    assert sorted(here.takes().target.id for _ in range(6)) == list("aabbcc")


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cooldown": 0}, "cooldown = 0: it should be a number of seconds greater than 0"),
        ({"cooldowns": {ErrorClass.TIMEOUT: -1}}, r"cooldowns\[timeout\] = -1: it should be a number of seconds"),
        ({"cooldowns": {ErrorClass.AUTH: 5}}, "cooldowns: 'auth' sends no node to rest. Those that do: rate_limit"),
        ({"cooldowns": {"slow": 5}}, "cooldowns: 'slow' sends no node to rest"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        presets.pool(**settings)
