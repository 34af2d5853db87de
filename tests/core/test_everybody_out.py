"""When everybody is out, nothing helps but time: a request's last try comes a moment later. It is no further call."""

from __future__ import annotations

import pytest
from core.scripted import Story, World, broken, chain, overloaded, target, unauthorized

from failover_plugin import Policy, Request
from failover_plugin.errors import AllTargetsFailed

LEAST, MOST = 2.0, 2.5


def world(*targets: object, times: int = 3, **policy: object) -> World:
    """A fleet of which everybody has failed so many times."""
    fleet = World(targets or chain(2), Policy(**({"strategy": "sequential", "breaker": {"jitter": 0}} | policy)))  # type: ignore[arg-type]
    for one in fleet.failover.targets:
        if times:
            fleet.wear_out(one.id, "server_error", times=times)
    return fleet


def test_an_outage_of_everybody_that_lasts_two_seconds_is_outlived() -> None:
    fleet = world()
    story = fleet.request().asks("a").fails(broken())
    assert LEAST <= story.sleeps() <= MOST
    story.asks("b").succeeds()


def test_it_is_no_further_call() -> None:
    fleet = world()
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    assert isinstance(story.asks("b").fails(broken()).gives_up(), AllTargetsFailed)


def test_only_the_last_of_those_set_aside_is_put_off() -> None:
    fleet = world(*chain(3))
    story = fleet.request().asks("a").fails(broken()).asks("b").fails(broken())
    assert LEAST <= story.sleeps() <= MOST
    story.asks("c").succeeds()


def test_the_last_repeat_is_put_off_as_long_as_nobody_is_set_aside_yet() -> None:
    fleet = world(times=0)
    story = fleet.request().asks("a").fails(broken())
    assert story.sleeps() < 0.1
    story.asks("a").fails(broken()).asks("b").fails(broken())
    assert LEAST <= story.sleeps() <= MOST
    story.asks("b").succeeds()


def test_one_failure_each_is_chance_and_nothing_is_put_off() -> None:
    fleet = world(target("a"), target("b"), times=0, same_target_retries=1)
    story = fleet.request().asks("a").fails(broken()).asks("b").fails(broken())
    assert story.sleeps() < 0.1
    story.asks("b").succeeds()


def test_alone_there_is_nobody_to_tell_an_outage_from_chance() -> None:
    fleet = world(*chain(1), times=0)
    story = fleet.request().asks("a").fails(broken())
    assert story.sleeps() < 0.1


def test_who_comes_back_meanwhile_is_asked_at_once() -> None:
    fleet = world()
    waiting = fleet.request().asks("a").fails(broken())
    waiting.next()
    fleet.failover.reset("b")
    waiting.asks("b").succeeds()


def test_a_deadline_that_is_too_short_for_it_is_kept() -> None:
    fleet = world()
    fleet.request(Request(deadline=1.5)).asks("a").fails(broken()).asks("b").succeeds()


def test_what_no_time_mends_is_asked_at_once() -> None:
    fleet = world(times=0)
    fleet.request().asks("a").fails(unauthorized()).asks("b").succeeds()
    fleet.wear_out("b", "server_error", times=3)
    fleet.clock.advance(1.5)
    fleet.request().asks("b").fails(broken()).asks("a").succeeds()


def test_whose_calls_take_too_long_is_asked_at_once() -> None:
    fleet = world(times=0)
    for one in "ab":
        fleet.wear_out(one, "timeout", times=3)
    fleet.request().asks("a").fails(TimeoutError()).asks("b").succeeds()


@pytest.mark.parametrize("policy", [{"patience": 0}, {"last_resort": "off", "patience": 0}])
def test_without_patience_nothing_is_put_off(policy: dict[str, object]) -> None:
    fleet = world(**policy)
    step = fleet.request().next()
    assert not hasattr(step, "seconds")


def test_who_was_asked_before_and_is_well_by_then_is_asked_again() -> None:
    fleet = world()
    waiting = fleet.request().asks("a").fails(broken())
    waiting.next()
    fleet.failover.reset("a")
    waiting.asks("a").succeeds()


def test_but_not_against_a_policy_that_asks_nobody_twice() -> None:
    fleet = world(same_target_retries=0)
    waiting = fleet.request().asks("a").fails(broken())
    waiting.sleeps()
    fleet.failover.reset("a")
    waiting.asks("b").succeeds()


def test_a_host_with_more_to_offer_is_not_kept_waiting() -> None:
    fleet = world(*chain(3))
    story = fleet.request()
    story.flow.offer(["a", "b"], ["c"])
    story.asks("a").fails(broken()).asks("b").fails(broken())
    story.gives_up()


def test_whoever_it_waits_for_may_be_removed_meanwhile() -> None:
    fleet = world()
    waiting = fleet.request().asks("a").fails(broken())
    waiting.next()
    fleet.failover.replace_targets([target("a")])
    assert isinstance(waiting.gives_up(), AllTargetsFailed)


def _all_at_once(fleet: World, error: Exception) -> list[Story]:
    """Three requests for whom nobody was out, until they all failed at both targets."""
    stories = [fleet.request() for _ in range(3)]
    for asked in ("a", "b"):
        for story in stories:
            story.asks(asked)
        for story in stories:
            story.fails(error)
    return stories


def test_many_at_once_find_everybody_out_then_each_has_a_last_try() -> None:
    fleet = world(times=0)
    stories = _all_at_once(fleet, broken())
    rest = [story.next().seconds for story in stories]  # type: ignore[union-attr]
    assert all(LEAST <= seconds <= MOST for seconds in rest)
    fleet.clock.advance(MOST)
    for story in stories:
        story.asks("b").fails(broken())
        assert isinstance(story.gives_up(), AllTargetsFailed)


def test_many_at_once_find_everybody_overloaded_then_one_goes_first_and_the_others_as_it_answers() -> None:
    fleet = world(times=0)
    first, *others = _all_at_once(fleet, overloaded())
    for story in (first, *others):
        story.next()
    fleet.clock.advance(MOST)
    first.asks("b")
    for story in others:
        story.sleeps()
    first.succeeds()
    for story in others:
        story.asks("b").succeeds()


def test_whoever_has_only_failed_is_not_well_by_then_though_no_breaker_is_open() -> None:
    fleet = world(breaker={"threshold": 100})
    story = fleet.request().asks("a").fails(broken())
    assert story.sleeps() < 0.1
    story.asks("a").fails(broken()).asks("b").fails(broken())
    assert LEAST <= story.next().seconds <= MOST  # type: ignore[union-attr]
    fleet.clock.advance(LEAST / 2)  # somebody wakes it
    assert story.sleeps() >= LEAST / 2 - 0.1
    story.asks("b").succeeds()
