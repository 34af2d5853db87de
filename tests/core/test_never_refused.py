"""Never worse than none: nobody is refused while a target is left that this request has not asked."""

from __future__ import annotations

import pytest
from core.scripted import (
    ProviderError,
    World,
    broken,
    chain,
    invalid,
    overloaded,
    rate_limited,
    target,
    tier,
    unauthorized,
)

from failover_plugin import Policy
from failover_plugin.errors import AllTargetsFailed


def world(*targets: object, **policy: object) -> World:
    return World(targets or chain(2), Policy(**({"strategy": "sequential", "same_target_retries": 0} | policy)))  # type: ignore[arg-type]


FORBIDDEN = ProviderError(403, "you may not")


def invalid_model() -> ProviderError:
    return ProviderError(404, "no such model", code="model_not_found")


@pytest.mark.parametrize("refusal", [unauthorized(), FORBIDDEN, invalid_model()], ids=["401", "403", "404"])
def test_a_primary_once_refused_is_asked_again_when_the_fallback_fails(refusal: BaseException) -> None:
    fleet = world()
    fleet.request().asks("a").fails(refusal).asks("b").succeeds()
    fleet.clock.advance(2)
    fleet.request().asks("b").fails(TimeoutError()).asks("a").succeeds()
    assert fleet.line("a").state in ("closed", "ramping"), "its success counts as the probe's"
    fleet.request().asks("a")


def test_a_refused_key_stands_for_a_second() -> None:
    fleet = world()
    fleet.request().asks("a").fails(unauthorized()).asks("b").succeeds()
    story = fleet.request().asks("b").fails(TimeoutError())
    assert story.sleeps() == pytest.approx(1.0)
    story.asks("a").succeeds()


def test_a_retry_after_that_was_named_is_kept_to_for_a_minute_and_then_tried_once_a_minute() -> None:
    fleet = world(*chain(1), patience=0)
    fleet.request().asks("a").fails(rate_limited(600)).gives_up()
    fleet.clock.advance(59)
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)
    fleet.clock.advance(2)
    fleet.request().asks("a").fails(rate_limited(600)).gives_up()
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)
    fleet.clock.advance(61)
    fleet.request().asks("a").succeeds()
    fleet.request().asks("a")


def test_an_overloaded_server_that_says_for_how_long_is_left_alone_so_long_once_it_is_set_aside() -> None:
    fleet = world(*chain(1), patience=0)
    while fleet.line("a").state == "closed":
        fleet.request().asks("a").fails(overloaded(retry_after=9)).gives_up()
    for _ in range(3):
        fleet.clock.advance(0.5)
        fleet.request().gives_up()
    fleet.clock.advance(9)
    fleet.request().asks("a").succeeds()


def test_headers_that_call_a_limit_used_up_for_an_hour_are_believed_for_a_minute() -> None:
    fleet = world(*chain(1), patience=0)
    story = fleet.request().asks("a")
    assert story.call is not None
    story.succeeds()
    story.flow.used_up(story.call, 3600, fleet.clock.now)
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)
    fleet.clock.advance(61)
    fleet.request().asks("a").succeeds()
    fleet.request().asks("a")


def test_a_429_without_a_time_gets_one_at_a_time_of_those_who_have_nobody_else() -> None:
    fleet = world(*chain(1), patience=0, same_target_retries=0)
    fleet.request().asks("a").fails(rate_limited()).gives_up()
    fleet.request().asks("a")
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_a_server_that_is_overloaded_by_its_only_call_gets_one_at_a_time() -> None:
    """Each of twenty processes sees but little of what a server has to do."""
    fleet = world(target("a"))
    fleet.request().asks("a").fails(overloaded()).gives_up()
    first, second = fleet.request().asks("a"), fleet.request()
    second.sleeps()
    assert fleet.line("a").in_flight == 1
    first.succeeds()
    second.asks("a").succeeds()


def test_all_dead_for_three_seconds_then_well_and_nobody_is_refused() -> None:
    fleet = world(*tier(2))
    begin = fleet.clock.now
    while fleet.clock.now < begin + 3:
        story = fleet.request()
        for _ in range(2):
            story.waits_and_starts()
            story.fails(broken())
        assert isinstance(story.gives_up(), AllTargetsFailed)
        fleet.clock.advance(0.25)
    for _ in range(20):
        story = fleet.request()
        story.starts()
        story.succeeds()
        fleet.clock.advance(0.25)


def test_those_set_aside_are_asked_once_each_the_likeliest_first_and_no_opening_is_made_longer() -> None:
    fleet = world(target("a"), target("b", 1), target("c", 2))
    fleet.request().asks("a").fails(unauthorized()).asks("b").fails(invalid_model()).asks("c").succeeds()
    fleet.wear_out("c", "server_error", times=3)
    fleet.clock.advance(1.5)
    before = {name: fleet.line(name).returns_in for name in "abc"}
    story = fleet.request().asks("c").fails(broken()).asks("b").fails(invalid_model()).asks("a").fails(unauthorized())
    assert isinstance(story.gives_up(), AllTargetsFailed)
    assert {name: fleet.line(name).returns_in for name in "abc"} == before


def test_a_probe_under_way_is_no_reason_to_refuse() -> None:
    fleet = world(*chain(1))
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3)
    fleet.request().asks("a")
    fleet.request().asks("a").succeeds()
    assert fleet.line("a").state == "ramping"


def test_what_somebody_opened_or_disabled_by_hand_stays_alone() -> None:
    fleet = world()
    fleet.failover.force_open("a", 100)
    fleet.failover.disable("b")
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_failing_fast_is_a_choice() -> None:
    fleet = world(last_resort="off", patience=0)
    for name in "ab":
        fleet.wear_out(name, "server_error", times=3)
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_at_the_start_of_an_outage_a_thousand_move_on() -> None:
    fleet = world()
    for _ in range(1000):
        story = fleet.request()
        if story.starts().target.id == "a":
            story.fails(TimeoutError()).asks("b")
        story.succeeds()


def test_refusals_that_say_nothing_of_load_cost_nothing() -> None:
    fleet = world()
    for _ in range(600):
        fleet.request().asks("a").fails(ProviderError(400, "This model does not support image input")).asks("b")


def test_four_targets_three_of_them_failing_and_the_healthy_fourth_is_asked() -> None:
    fleet = world(*chain(4), same_target_retries=None)
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()  # one repeat: five attempts are one more than there are targets
    for name in "abc":
        story.asks(name).fails(broken())
    story.asks("d").succeeds()


def test_seven_tiers_are_seven_attempts() -> None:
    story = world(*chain(7)).request()
    for name in "abcdef":
        story.asks(name).fails(TimeoutError())
    story.asks("g").succeeds()


def test_a_number_of_attempts_that_the_user_set_wins() -> None:
    story = world(*chain(7), max_attempts=2).request()
    story.asks("a").fails(TimeoutError()).asks("b").fails(TimeoutError())
    assert isinstance(story.gives_up(), AllTargetsFailed)


def test_a_limit_that_is_only_a_guess_yields_after_a_failed_attempt_too() -> None:
    fleet = world()
    fleet.failover._fleet.health.trouble.capacity.limit(fleet.failover._standing("b")).begin(1)
    holding = fleet.failover.acquire(among=["b"])
    assert holding is not None
    fleet.fleet.health.review(fleet.failover._standing("b"), fleet.clock.now)
    story, slept = fleet.request().asks("a").fails(TimeoutError()), 0.0
    while slept < 2.5:
        slept += story.sleeps()
    story.asks("b").succeeds()


def test_a_400_is_shown_to_one_target_of_another_provider() -> None:
    fleet = world(target("a", provider="p"), target("b", 1, provider="p"), target("c", 2, provider="q"))
    story = fleet.request().asks("a").fails(invalid()).asks("c").succeeds()
    assert [a.target for a in story.flow.trail.attempts] == ["a", "c"]
    assert all(t.failures == 0 or t.state == "closed" for t in fleet.failover.health().targets)


def test_if_that_refuses_as_well_the_first_error_is_raised() -> None:
    first = invalid()
    story = world(*chain(3)).request().asks("a").fails(first).asks("b").fails(invalid())
    assert story.gives_up() is first


def test_an_earlier_target_that_failed_otherwise_takes_nothing_from_that() -> None:
    world(*chain(3)).request().asks("a").fails(overloaded()).asks("b").fails(invalid()).asks("c")
