"""One request's way from target to target: outcomes in, commands out."""

from __future__ import annotations

from typing import Any

import pytest
from core.scripted import (
    FAULTS,
    ProviderError,
    Story,
    World,
    blocked,
    broken,
    chain,
    invalid,
    overloaded,
    rate_limited,
    target,
    tier,
    too_long,
    unauthorized,
)

from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, StreamInterrupted
from failover_plugin.failover import Failover
from failover_plugin.flow import Sleep
from failover_plugin.model import ErrorClass, Request, Target
from failover_plugin.policy import BudgetPolicy, Policy


def world(targets: list[Target], **policy: Any) -> World:
    return World(targets, Policy(**({"strategy": "sequential"} | policy)))


def told(targets: list[Target], **policy: Any) -> Story:
    return world(targets, **policy).request()


def trail(story: Story) -> list[str]:
    """The attempts, as targets and what became of them."""
    return [f"{a.target} {'ok' if a.diagnosis is None else a.diagnosis.error_class}" for a in story.flow.trail.attempts]


def exhausted(story: Story) -> AllTargetsFailed:
    error = story.gives_up()
    assert isinstance(error, AllTargetsFailed), error
    return error


# -- who is next ------------------------------------------------------------------------------------------------------


def test_the_primary_answers() -> None:
    story = told(chain(2)).asks("a").succeeds(after=1.5)
    assert str(story.flow.trail) == "#1 a at 0.00 s, 1.50 s: ok"


def test_the_primary_dies_then_the_fallback_answers() -> None:
    story = told(chain(2)).asks("a").fails(FAULTS[ErrorClass.AUTH](), after=0.5).asks("b").succeeds(after=1.0)
    assert trail(story) == ["a auth", "b ok"]
    assert story.flow.trail.failed_over
    assert [a.started for a in story.flow.trail.attempts] == [0.0, 0.5]


def test_tiers_are_asked_in_order_wherever_they_stand_in_the_list() -> None:
    story = told([target("z", 2), target("y", 1), target("x", 0)])
    for id_ in "xyz":
        story.asks(id_).fails(unauthorized())
    exhausted(story)


def test_a_sibling_of_the_same_tier_is_asked_before_anything_is_repeated() -> None:
    story = told([*tier(2), target("z", 1)])
    story.asks("a").fails(broken()).asks("b").fails(broken())
    assert story.sleeps() <= 0.05
    story.asks("b").fails(broken()).asks("z").fails(broken()).sleeps()
    story.asks("z").fails(broken())
    exhausted(story)


@pytest.mark.parametrize(
    ("error_class", "longest"),
    [(ErrorClass.SERVER_ERROR, 0.05), (ErrorClass.NETWORK, 0.05), (ErrorClass.OVERLOADED, 1.0)],
)
def test_what_may_pass_by_itself_is_tried_once_more_after_a_pause(error_class: ErrorClass, longest: float) -> None:
    story = told(chain(2)).asks("a").fails(FAULTS[error_class]())
    assert 0 < story.sleeps() <= longest
    story.asks("a").fails(FAULTS[error_class]()).asks("b")


@pytest.mark.parametrize(
    "error_class",
    sorted(set(FAULTS) - {ErrorClass.SERVER_ERROR, ErrorClass.NETWORK, ErrorClass.OVERLOADED}),
)
def test_nothing_else_is_asked_of_the_same_target_again(error_class: ErrorClass) -> None:
    story = told(chain(1)).asks("a").fails(FAULTS[error_class]())
    story.gives_up()


def test_same_target_retries_may_be_more_or_none() -> None:
    none = told(chain(2), same_target_retries=0).asks("a").fails(broken())
    none.asks("b")
    more = told(chain(2), same_target_retries=2, breaker={"threshold": 9}).asks("a").fails(broken())
    for _ in range(2):
        more.sleeps()
        more.asks("a").fails(broken())
    more.asks("b")


def test_a_target_that_opens_meanwhile_is_not_tried_again() -> None:
    fleet = world(chain(2))
    story = fleet.request().asks("a")
    fleet.wear_out("a", "server_error", times=2)
    story.fails(broken()).asks("b")


def test_a_pause_that_finds_the_target_open_goes_on_to_the_next_tier() -> None:
    fleet = world(chain(2))
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    fleet.wear_out("a", "server_error", times=2)
    story.asks("b")


def test_a_pause_that_finds_a_sibling_back_asks_the_sibling() -> None:
    fleet = world([*tier(2), target("z", 1)])
    fleet.wear_out("b", "rate_limit", after=0.5)
    story = fleet.request().asks("a").fails(overloaded())
    story.sleeps()
    fleet.clock.advance(1.0)
    story.asks("b")


def test_a_place_that_is_taken_in_between_is_looked_for_elsewhere() -> None:
    fleet = world(chain(2))
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3)
    fleet.request().asks("a")
    story = fleet.request().asks("b")
    assert "a probe is under way" in str(story.flow.trail)
    assert fleet.line("a").in_flight == 1


def test_a_target_that_has_failed_twice_lately_is_passed_over_with_its_reason_then_tested() -> None:
    fleet = world(chain(2))
    fleet.wear_out("a", "server_error", times=2)
    story = fleet.request().asks("b").succeeds()
    assert str(story.flow.trail.skips[0]).strip() == "a not asked: degraded: server_error"
    fleet.clock.advance(2)
    fleet.request().asks("a")
    fleet.request().asks("b")


# -- rate limits ------------------------------------------------------------------------------------------------------


def test_a_short_retry_after_is_waited_for() -> None:
    story = told(chain(2)).asks("a").fails(rate_limited(2))
    assert 2 <= story.sleeps() <= 2.2
    story.asks("a").succeeds()
    assert trail(story) == ["a rate_limit", "a ok"]


def test_a_retry_after_of_exactly_the_patience_is_waited_for() -> None:
    assert told(chain(2)).asks("a").fails(rate_limited(2.5)).sleeps() >= 2.5


def test_a_retry_after_just_beyond_the_patience_is_not_waited_for() -> None:
    for seed in range(20):
        World(chain(2), seed=seed).request().asks("a").fails(rate_limited(2.6)).asks("b")


def test_a_retry_after_of_zero_is_not_taken_literally() -> None:
    assert told(chain(2)).asks("a").fails(rate_limited(0)).sleeps() >= 0.5


def test_a_long_retry_after_is_not_waited_for_and_the_target_left_alone_that_long() -> None:
    fleet = world(chain(2))
    fleet.request().asks("a").fails(rate_limited(60)).asks("b").succeeds()
    fleet.clock.advance(59)
    story = fleet.request().asks("b").succeeds()
    assert "a not asked: rate limit" in str(story.flow.trail)
    fleet.clock.advance(8)
    fleet.request().asks("a")


def test_without_a_retry_after_nobody_waits() -> None:
    told(chain(2)).asks("a").fails(rate_limited()).asks("b")


def test_a_sibling_is_asked_rather_than_waiting() -> None:
    told(tier(2)).asks("a").fails(rate_limited(1)).asks("b")


def test_a_second_rate_limit_goes_on_to_the_next_tier() -> None:
    story = told(chain(2)).asks("a").fails(rate_limited(1))
    story.sleeps()
    story.asks("a").fails(rate_limited(1)).asks("b")


def test_nobody_waits_for_a_cooldown_that_others_have_made_long() -> None:
    fleet = world(chain(2))
    story = fleet.request().asks("a")
    fleet.wear_out("a", "rate_limit", after=60)
    story.fails(rate_limited(1)).asks("b")


@pytest.mark.parametrize("begun", [0.0, 0.1, 0.3, 1e-3, 7.7, 1000.0, 123456.789])
def test_the_wait_is_long_enough_whatever_the_clock_says(begun: float) -> None:
    for step in range(200):
        fleet = world(chain(1))
        fleet.clock.now = begun + step / 7
        story = fleet.request().asks("a").fails(rate_limited(1.1))
        story.sleeps()
        story.asks("a")


# -- the start --------------------------------------------------------------------------------------------------------


def test_a_target_known_to_be_sick_is_passed_over_with_its_reason() -> None:
    fleet = world(chain(2))
    fleet.wear_out("a", "server_error", times=3)
    story = fleet.request().asks("b").succeeds()
    (skip,) = story.flow.trail.skips
    assert (skip.target, skip.reason) == ("a", "target open: server_error")
    assert skip.returns_in == pytest.approx(2, rel=0.2)


def test_with_nobody_there_a_short_absence_is_waited_for() -> None:
    fleet = world(chain(2))
    fleet.wear_out("a", "rate_limit", after=60)
    fleet.wear_out("b", "rate_limit", after=1)
    story = fleet.request()
    assert 1 <= story.sleeps() <= 1.1
    story.asks("b")


def test_with_nobody_there_a_long_absence_is_not_waited_for() -> None:
    fleet = world(chain(3))
    fleet.wear_out("a", "rate_limit", after=60)
    fleet.wear_out("b", "auth")
    fleet.wear_out("c", "rate_limit", after=10)
    story = fleet.request()
    story.sleeps()  # a refused key stands for a second
    story.asks("b").fails(unauthorized())
    error = exhausted(story)
    assert any("a not asked: rate limit" in note for note in error.__notes__)
    assert any("c not asked: rate limit" in note for note in error.__notes__)
    assert error.retry_after == pytest.approx(9.5, abs=0.6)
    assert [s.target for s in error.trail.skips] == ["a", "b", "c"]


def test_waits_at_the_start_add_up_to_the_patience_and_no_further() -> None:
    fleet = world(chain(1))
    story = fleet.request()
    for _ in range(2):
        fleet.wear_out("a", "rate_limit", after=1)
        assert story.sleeps() <= 1.1
    fleet.wear_out("a", "rate_limit", after=1)
    exhausted(story)


def test_with_only_a_probe_under_way_nobody_knows_when() -> None:
    fleet = world(chain(1), last_resort="off")
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3)
    fleet.request().asks("a")
    error = exhausted(fleet.request())
    assert "half open, a probe is under way" in str(error)
    assert error.retry_after is None


def test_a_target_is_noted_as_passed_over_once_for_each_reason() -> None:
    fleet = world(tier(2))
    fleet.wear_out("b", "server_error", times=3)
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    story.asks("a")
    assert [s.target for s in story.flow.trail.skips] == ["b"]


def test_disabled_targets_are_not_asked() -> None:
    story = told([target("a", enabled=False), target("b", 1)]).asks("b")
    assert str(story.flow.trail) == "   a not asked: disabled"


# -- what a request excludes ------------------------------------------------------------------------------------------


def test_tags_keep_a_prompt_where_it_may_go() -> None:
    fleet = world([target("a"), target("b", 1, tags=frozenset({"eu"})), target("c", 2)])
    story = fleet.request(Request(require_tags=frozenset({"eu"})))
    story.asks("b").fails(unauthorized())
    error = exhausted(story)
    assert [s.target for s in error.trail.skips] == ["a", "c"]
    assert error.retry_after == pytest.approx(60, rel=0.2)


def test_a_request_that_nobody_may_see_asks_nobody() -> None:
    error = exhausted(world(chain(2)).request(Request(require_tags=frozenset({"moon"}))))
    assert "lacks the required tag moon" in str(error)
    assert error.retry_after is None


def test_needs_and_windows_exclude_too() -> None:
    targets = [
        target("a", 0, capabilities=frozenset({"images"})),
        target("b", 1, context_window=1000),
        target("c", 2, context_window=9000),
    ]
    story = world(targets).request(Request(needs=frozenset({"tools"}), input_tokens=2000))
    story.asks("c")
    assert [s.target for s in story.flow.trail.skips] == ["a", "b"]


# -- errors that go elsewhere only with cause -------------------------------------------------------------------------


def test_a_prompt_that_is_too_long_goes_to_a_window_not_known_to_be_as_small() -> None:
    windows = {"a": 100, "b": 100, "c": None, "d": 200}
    story = told([target(i, n, context_window=w) for n, (i, w) in enumerate(windows.items())])
    story.asks("a").fails(too_long()).asks("c").fails(too_long()).asks("d").succeeds()
    assert [s.target for s in story.flow.trail.skips] == ["b"]


def test_a_prompt_too_long_for_all_is_returned_as_it_is() -> None:
    error = too_long()
    story = told([target(i, n, context_window=100) for n, i in enumerate("ab")]).asks("a").fails(error)
    assert story.gives_up() is error
    assert vars(error)["trail"] == story.flow.trail
    assert "b not asked: its window is not larger" in str(story.flow.trail)


def test_a_prompt_too_long_for_the_fallback_tells_of_the_first_targets_fault() -> None:
    first = unauthorized()
    story = told(chain(2)).asks("a").fails(first).asks("b").fails(too_long())
    assert exhausted(story).__cause__ is first


def test_what_a_safety_system_blocked_is_returned_as_it_is() -> None:
    error = blocked()
    story = told(chain(2)).asks("a").fails(error)
    assert story.gives_up() is error
    assert vars(error)["trail"] == story.flow.trail


def test_what_went_before_is_noted_on_a_returned_error() -> None:
    error = invalid()
    story = told(chain(2)).asks("a").fails(unauthorized()).asks("b").fails(error)
    assert story.gives_up() is error
    assert error.__notes__ == ["a: auth 401: who are you?"]


def test_asking_twice_how_it_ended_notes_nothing_twice() -> None:
    error = invalid()
    story = told(chain(2)).asks("a").fails(unauthorized()).asks("b").fails(error)
    story.gives_up()
    assert story.flow.verdict(story.clock.now) is error
    assert error.__notes__ == ["a: auth 401: who are you?"]


def test_the_first_targets_own_error_carries_the_notes_once() -> None:
    first = unauthorized()
    ended = exhausted(told(chain(2)).asks("a").fails(first).asks("b").fails(TimeoutError("too slow")))
    assert ended.first_error() is ended.first_error() is first
    assert first.__notes__ == ["b: timeout: too slow"]
    assert vars(first)["trail"] == ended.trail
    assert vars(first)["retry_after"] == ended.retry_after


def test_where_nobody_was_asked_the_first_error_is_the_error_itself() -> None:
    ended = exhausted(told([target("a", enabled=False)]))
    assert ended.first_error() is ended


def test_fallback_on_adds_a_class_and_takes_all_others_away() -> None:
    policy = {"fallback_on": {"content_policy"}}
    told(chain(2), **policy).asks("a").fails(blocked()).asks("b")
    error = broken()
    assert told(chain(2), **policy).asks("a").fails(error).gives_up() is error


def test_fallback_on_does_not_send_a_long_prompt_to_a_window_no_larger() -> None:
    error, windows = too_long(), [target(i, n, context_window=100) for n, i in enumerate("ab")]
    assert told(windows, fallback_on={"context_window"}).asks("a").fails(error).gives_up() is error


def test_give_up_on_returns_a_class_at_once() -> None:
    error = broken()
    assert told(chain(2), give_up_on={"server_error"}).asks("a").fails(error).gives_up() is error
    told(chain(2), give_up_on={"server_error"}).asks("a").fails(unauthorized()).asks("b")


def test_give_up_on_wins_over_fallback_on() -> None:
    error = broken()
    story = told(chain(2), give_up_on={"server_error"}, fallback_on={"server_error"}).asks("a").fails(error)
    assert story.gives_up() is error


@pytest.mark.parametrize("policy", [{}, {"fallback_on": {"cancelled"}}])
def test_a_caller_who_left_is_not_answered_elsewhere(policy: dict[str, Any]) -> None:
    fleet = world(chain(2), **policy)
    left = KeyboardInterrupt()
    assert fleet.request().asks("a").fails(left).gives_up() is left
    report = fleet.fleet.health.report(fleet.clock.now)["a"]
    assert (report.in_flight, report.failures) == (0, 0)


# -- the ends ---------------------------------------------------------------------------------------------------------


def test_exhaustion_is_raised_from_the_first_targets_error_with_the_others_as_notes() -> None:
    first, second = unauthorized(), TimeoutError("too slow")
    story = told(chain(2)).asks("a").fails(first).asks("b").fails(second)
    error = exhausted(story)
    assert error.__cause__ is first
    assert error.__notes__ == ["b: timeout: too slow"]
    assert str(error).startswith("All targets failed (a: auth 401; b: timeout).")
    assert error.trail == story.flow.trail
    assert error.retry_after == 2.0


def test_exhaustion_says_when_the_first_target_is_due_back() -> None:
    story = told(chain(2)).asks("a").fails(unauthorized()).asks("b").fails(rate_limited(30))
    assert exhausted(story).retry_after == pytest.approx(31.5, abs=1.5)


def test_max_attempts_ends_it() -> None:
    story = told(chain(5), max_attempts=3)
    for id_ in "abc":
        story.asks(id_).fails(unauthorized())
    assert len(exhausted(story).trail.attempts) == 3


def test_one_attempt_at_most_means_one() -> None:
    exhausted(told(chain(2), max_attempts=1).asks("a").fails(broken()))


def test_an_empty_budget_ends_repeats_and_no_first_call_to_anybody() -> None:
    fleet = world(chain(2), budget=BudgetPolicy(capacity=1, per_second=0, per_success=0))
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    story.asks("a").fails(broken()).asks("b").succeeds()
    for _ in range(20):
        fleet.clock.advance(4400)
        fleet.request().asks("a").fails(invalid_model()).asks("b").succeeds()
    fleet.clock.advance(4400)
    story = fleet.request().asks("a").fails(broken()).asks("b").fails(TimeoutError())
    notes = exhausted(story).__notes__
    assert "a not asked: the failover budget for repeats is spent" in notes


def test_who_is_not_asked_for_want_of_attempts_is_told() -> None:
    story = told(chain(2), max_attempts=1).asks("a").fails(TimeoutError())
    assert "b not asked: max_attempts is reached" in str(exhausted(story).trail)


def test_a_target_that_is_a_failover_itself_is_overloaded_when_its_members_are_exhausted() -> None:
    inner = AllTargetsFailed("all failed", retry_after=60)
    inner.__cause__ = unauthorized()
    for error in (inner, inner.first_error()):
        fleet = world(chain(2))
        fleet.request().asks("a").fails(error).asks("b")
        last = fleet.failover.health()["a"].last_error
        assert last is not None
        assert last.startswith("overloaded, retry after 60 s")


def test_an_impatient_callers_probe_makes_no_opening_longer() -> None:
    fleet = world(chain(1), attempt_timeout=120)
    fleet.wear_out("a", "server_error", times=3)
    for _ in range(6):
        fleet.clock.advance(5)
        fleet.request(Request(deadline=0.2)).asks("a").fails(TimeoutError(), after=0.2).gives_up()
    returns_in = fleet.failover.health()["a"].returns_in
    assert returns_in is not None
    assert returns_in <= 4.8


def test_successes_fill_the_budget_again() -> None:
    fleet = world(chain(2), budget=BudgetPolicy(capacity=1, per_second=0, per_success=0.5))
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    story.asks("a").succeeds()
    fleet.request().asks("a").fails(broken()).asks("b").succeeds()
    fleet.clock.advance(600)
    fleet.request().asks("a").fails(rate_limited(1)).sleeps()


def invalid_model() -> ProviderError:
    return ProviderError(404, "no such model")


def test_an_attempt_that_was_not_made_costs_nothing() -> None:
    fleet = world(chain(1), budget=BudgetPolicy(capacity=1, per_second=0, per_success=0))
    for _ in range(5):
        exhausted(fleet.request().asks("a").fails(TimeoutError(), after=100))
        fleet.clock.advance(1000)
    story = fleet.request().asks("a").fails(broken())
    story.sleeps()
    story.asks("a")


# -- deadlines --------------------------------------------------------------------------------------------------------


def test_the_requests_deadline_bounds_every_attempt() -> None:
    story = world(chain(2)).request(Request(deadline=5.0))
    assert story.starts().timeout == 5.0
    story.fails(unauthorized(), after=3.0)
    start = story.starts()
    assert (start.target.id, start.timeout, start.first_content_timeout) == ("b", 2.0, 2.0)
    assert start.deadline == story.clock.now + 2.0


def test_after_the_deadline_nobody_is_asked() -> None:
    error = TimeoutError("too slow")
    story = world(chain(2)).request(Request(deadline=5.0)).asks("a").fails(error, after=5.0)
    ended = story.gives_up()
    assert isinstance(ended, DeadlineExceeded)
    assert ended.__cause__ is error
    assert ended.trail == story.flow.trail


def test_the_policys_deadline_counts_where_the_request_has_none() -> None:
    fleet = world(chain(1), deadline=7.0)
    assert fleet.request().starts().timeout == 7.0
    assert fleet.request(Request(deadline=9.0)).starts().timeout == 9.0


def test_nobody_waits_beyond_the_deadline() -> None:
    fleet = world(chain(2))
    fleet.request(Request(deadline=1.5)).asks("a").fails(rate_limited(2)).asks("b").fails(rate_limited(2))
    exhausted(fleet.request(Request(deadline=1.5)))
    fleet.request(Request(deadline=2.5)).sleeps()


def test_a_pause_that_does_not_fit_the_deadline_is_not_cut_short() -> None:
    for seed in range(20):
        fleet = World(chain(1), seed=seed)
        story = fleet.request(Request(deadline=0.1)).asks("a").fails(overloaded(), after=0.08)
        exhausted(story)


def test_a_callers_short_deadline_is_hardly_held_against_the_target() -> None:
    fleet = world(chain(1), attempt_timeout=120)
    for _ in range(20):
        fleet.request(Request(deadline=0.5)).asks("a").fails(TimeoutError("too slow"), after=0.5).gives_up()
    fleet.request().asks("a")


def test_a_timeout_of_our_own_is_held_against_the_target_in_full() -> None:
    fleet = world(chain(1), attempt_timeout=2, deadline=2)
    for _ in range(3):
        fleet.request().asks("a").fails(TimeoutError("too slow"), after=2).gives_up()
    assert fleet.line("a").state == "open"


def test_a_long_retry_after_of_an_overloaded_target_is_not_waited_for() -> None:
    error = ProviderError(503, "no capacity", retry_after=60)
    told(chain(2)).asks("a").fails(error).asks("b")


def test_a_short_retry_after_of_an_overloaded_target_is() -> None:
    error = ProviderError(503, "no capacity", retry_after=2)
    story = told(chain(2)).asks("a").fails(error)
    step = story.next()
    assert isinstance(step, Sleep)
    assert 2 <= step.seconds <= 2.5


def test_plain_calls_and_streams_have_their_own_timeouts() -> None:
    fleet = world(chain(1), attempt_timeout=50, first_content_timeout=8, idle_timeout=5)
    plain, stream = fleet.request().starts(), fleet.request(streaming=True).starts()
    assert (plain.timeout, stream.timeout) == (50, 5)
    assert (stream.first_content_timeout, stream.idle_timeout) == (8, 5)


def test_the_adaptive_first_content_timeout_is_a_number() -> None:
    assert told(chain(1)).starts().first_content_timeout == 20.0


# -- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_that_dies_before_its_first_content_is_opened_elsewhere() -> None:
    world(chain(2)).request(streaming=True).asks("a").fails(TimeoutError()).asks("b")


def test_a_stream_that_dies_after_its_first_content_is_the_callers_to_see() -> None:
    fleet = world(chain(2))
    story = fleet.request(streaming=True).asks("a")
    story.speaks()
    cause = ConnectionResetError("gone")
    error = story.fails(cause, after=1.0).gives_up()
    assert isinstance(error, StreamInterrupted)
    assert error.__cause__ is cause
    assert error.trail == story.flow.trail
    assert trail(story) == ["a stream_interrupted"]
    assert story.flow.trail.attempts[0].first_content == 0.0


def test_a_dead_key_is_a_dead_key_even_midway() -> None:
    fleet = world(chain(2))
    story = fleet.request(streaming=True).asks("a")
    story.speaks()
    assert isinstance(story.fails(unauthorized()).gives_up(), StreamInterrupted)
    fleet.request().asks("b")


def test_a_text_that_is_blocked_midway_is_held_against_nobody() -> None:
    fleet = world(chain(2))
    for _ in range(5):
        story = fleet.request(streaming=True).asks("a")
        story.speaks()
        error = blocked()
        ended = story.fails(error).gives_up()
        assert isinstance(ended, StreamInterrupted)
        assert ended.__cause__ is error
    assert fleet.fleet.health.report(fleet.clock.now)["a"].health == "healthy"


def test_with_stream_failover_off_a_streams_error_is_returned() -> None:
    fleet = world(chain(2), stream_failover="off")
    error = TimeoutError()
    assert fleet.request(streaming=True).asks("a").fails(error).gives_up() is error
    fleet.request().asks("a").fails(TimeoutError()).asks("b")


def test_the_caller_leaves_and_nothing_is_held_against_anybody() -> None:
    fleet = world(chain(1))
    story = fleet.request().asks("a")
    story.leaves()
    report = fleet.fleet.health.report(fleet.clock.now)["a"]
    assert (report.in_flight, report.failures, report.last_error) == (0, 0, None)
    assert trail(story) == ["a cancelled"]


def test_each_start_tells_what_came_before() -> None:
    story = told(chain(2))
    assert story.starts().trail.entries == ()
    start = story.fails(unauthorized()).starts()
    assert (start.number, [a.target for a in start.trail.attempts]) == (2, ["a"])


# -- what listeners hear ----------------------------------------------------------------------------------------------


def test_listeners_hear_each_attempt_and_how_it_ended() -> None:
    heard: list[Any] = []
    fleet = world(chain(2))
    fleet.failover = Failover(chain(2), Policy(strategy="sequential"), clock=fleet.clock, on_event=heard.append)
    fleet.fleet = fleet.failover._fleet
    story = fleet.request().asks("a").fails(unauthorized(), after=0.5).asks("b").fails(TimeoutError())
    ended = exhausted(story)
    kinds = [type(event).__name__ for event in heard]
    assert kinds == [
        "AttemptStarted", "KeyBlocked", "AttemptEnded", "FailedOver", "AttemptStarted", "AttemptEnded", "Exhausted",
    ]  # fmt: skip
    assert heard[-1].errors == ("a: auth 401", "b: timeout")
    assert heard[-1].retry_after == ended.retry_after
    assert heard[3].reason == "auth 401"
    assert {event.request_id for event in heard if hasattr(event, "request_id")} == {story.flow.request_id}
