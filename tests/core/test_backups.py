"""A call that is late gets a backup beside it: when, where, at whose cost, and what the race says of both."""

from __future__ import annotations

from typing import Any

import pytest
from core.scripted import Story, World, blocked, broken, chain, rate_limited, target, tier, unauthorized

from failover_plugin import Request
from failover_plugin.errors import AllTargetsFailed, StreamInterrupted
from failover_plugin.events import BackupStarted, BudgetEmpty
from failover_plugin.failover import Failover
from failover_plugin.model import Target
from failover_plugin.policy import BudgetPolicy, LatencyPolicy, Policy
from failover_plugin.testing import FakeClock


def world(*targets: Target, **policy: Any) -> World:
    return World(targets or chain(2), Policy(**({"strategy": "sequential"} | policy)))


def late(fleet: World, request: Request | None = None, *, at: str = "a") -> Story:
    """A stream that has said nothing for as long as its target may take."""
    story = fleet.request(request, streaming=True).asks(at)
    assert story.call is not None
    fleet.clock.advance(story.call.soft_timeout)
    return story


def trail(story: Story) -> list[str]:
    return [f"{a.target} {'ok' if a.diagnosis is None else a.diagnosis.error_class}" for a in story.flow.trail.attempts]


# -- who wins ---------------------------------------------------------------------------------------------------------


def test_the_backup_answers_first_and_the_late_call_has_failed() -> None:
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    assert backup is not None
    assert (backup.target.id, backup.number) == ("b", 2)
    assert story.speaks(backup, after=1.0) == [first]
    story.succeeds(backup, after=1.0)
    assert trail(story) == ["a timeout", "b ok"]
    assert story.flow.target == backup.target
    assert "a backup answered first" in repr(story.flow.trail.attempts[0].diagnosis)
    a, b = fleet.line("a"), fleet.line("b")
    assert (a.failures, a.in_flight, b.successes, b.backups, b.in_flight) == (1, 0, 1, 1, 0)


def test_the_late_call_answers_first_and_nobody_has_failed() -> None:
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    assert story.speaks(first) == [backup]
    story.succeeds(first)
    assert trail(story) == ["b cancelled", "a ok"]
    a, b = fleet.line("a"), fleet.line("b")
    assert (a.successes, a.failures, b.failures, b.successes, fleet.in_flight) == (1, 0, 0, 0, 0)
    assert b.attempts == 1


def test_a_backup_that_is_late_itself_is_not_to_blame_when_the_first_call_answers() -> None:
    """It began later: that it has lost says nothing about its target."""
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    assert backup is not None
    story.backs_up(backup, after=30.0)
    assert story.speaks(first, after=1.0) == [backup]
    assert trail(story) == ["b cancelled"]
    assert fleet.line("b").failures == 0


def test_a_plain_answer_wins_as_a_first_content_does() -> None:
    fleet = world()
    fleet.acquaint("a", 1.0)
    story = fleet.request().asks("a")
    first = story.call
    assert first is not None
    backup = story.backs_up(after=first.soft_timeout)
    assert story.flow.succeeded(backup, story.clock.now + 0.5) == [first]  # type: ignore[arg-type]
    assert trail(story) == ["a timeout", "b ok"]


def test_who_answered_late_but_answered_is_not_suspected() -> None:
    fleet = world(budget=BudgetPolicy(backup_capacity=0))
    for _ in range(5):
        story = late(fleet)
        assert story.backs_up() is None
        story.speaks()
        story.succeeds()
    assert fleet.line("a").health == "healthy"


def test_calls_that_are_late_while_nothing_answers_open_the_target() -> None:
    fleet = world(budget=BudgetPolicy(backup_capacity=0))
    fleet.acquaint("a", 1.0, streaming=True)
    stories = [fleet.request(streaming=True).asks("a") for _ in range(3)]
    fleet.clock.advance(5.0)
    for story in stories:
        story.backs_up()
    assert fleet.line("a").state == "open"


def test_calls_that_are_late_at_a_target_that_has_never_answered_prove_little() -> None:
    fleet = world(budget=BudgetPolicy(backup_capacity=0))
    stories = [fleet.request(streaming=True).asks("a") for _ in range(3)]
    fleet.clock.advance(5.0)
    for story in stories:
        story.backs_up()
    assert fleet.line("a").state == "closed"
    assert fleet.line("a").health == "healthy"


def test_calls_that_are_late_while_later_ones_answer_prove_little() -> None:
    fleet = world(budget=BudgetPolicy(backup_capacity=0))
    stories = [fleet.request(streaming=True).asks("a") for _ in range(3)]
    quick = fleet.request(streaming=True).asks("a")
    fleet.clock.advance(0.1)
    fresh = fleet.request(streaming=True).asks("a")
    fresh.speaks(after=0.1)
    quick.speaks()
    fleet.clock.advance(5.0)
    for story in stories:
        story.backs_up()
    assert fleet.line("a").state == "closed"


def lose_races(fleet: World, races: int) -> None:
    """The first target is late and beaten, so many times."""
    for _ in range(races):
        assert fleet.line("a").state == "closed"
        story = late(fleet)
        backup = story.backs_up()
        assert backup is not None
        story.speaks(backup, after=0.1)
        story.succeeds(backup)
        if fleet.line("a").health != "healthy":
            fleet.clock.advance(2.0)  # the test of a suspect


def test_three_that_were_late_and_beaten_open_the_target() -> None:
    fleet = world()
    fleet.acquaint("a", 1.0, streaming=True)
    lose_races(fleet, 3)
    assert fleet.line("a").state == "open"


def test_a_stranger_is_given_twice_as_many_races_to_lose_until_it_is_suspected() -> None:
    """It may be slow by nature; once it is a suspect, one test that is beaten counts in full."""
    fleet = world()
    lose_races(fleet, 2)
    assert fleet.line("a").health == "healthy"
    lose_races(fleet, 1)
    assert (fleet.line("a").health, fleet.line("a").state) == ("degraded", "closed")


def test_a_call_that_was_beaten_but_no_later_than_is_common_has_not_failed_and_the_trail_says_so_too() -> None:
    fleet = world()
    fleet.acquaint("a", 30.0, streaming=True)
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    assert story.speaks(backup, after=0.1) == [first]
    story.succeeds(backup)
    assert trail(story) == ["a cancelled", "b ok"]
    a = fleet.line("a")
    assert (a.failures, a.health, a.in_flight) == (0, "healthy", 0)


def test_the_backup_fails_and_the_late_call_goes_on() -> None:
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    story.fails(broken(), backup)
    assert story.flow.live == [first]
    story.speaks(first, after=1.0)
    story.succeeds(first)
    assert trail(story) == ["b server_error", "a ok"]
    assert fleet.in_flight == 0


def test_the_late_call_fails_and_the_backup_goes_on() -> None:
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    story.fails(unauthorized(), first)
    assert story.flow.live == [backup]
    story.speaks(backup)
    story.succeeds(backup)
    assert trail(story) == ["a auth", "b ok"]


def test_both_fail_and_the_next_one_is_asked() -> None:
    story = late(world(*chain(3)))
    first, backup = story.call, story.backs_up()
    story.fails(TimeoutError(), first).fails(TimeoutError(), backup).asks("c").succeeds()
    assert trail(story) == ["a timeout", "b timeout", "c ok"]


def test_both_fail_and_nobody_is_left_and_the_first_error_is_the_cause() -> None:
    story = late(world())
    first, backup = story.call, story.backs_up()
    error, other = unauthorized(), TimeoutError("too slow")
    story.fails(other, backup).fails(error, first)
    ended = story.gives_up()
    assert isinstance(ended, AllTargetsFailed)
    assert ended.__cause__ is other  # the first that failed
    assert not story.flow.live


def test_the_winner_dies_after_its_first_content_and_the_loser_is_gone() -> None:
    fleet = world()
    story = late(fleet)
    backup = story.backs_up()
    story.speaks(backup)
    assert isinstance(story.fails(ConnectionResetError("gone"), backup).gives_up(), StreamInterrupted)
    assert fleet.in_flight == 0


def test_an_error_of_the_caller_ends_it_once_both_are_through() -> None:
    story = late(world(*chain(3)))
    first, backup = story.call, story.backs_up()
    error = blocked()
    story.fails(TimeoutError(), first).fails(error, backup)
    assert story.gives_up() is error


def test_the_caller_leaves_and_nobody_has_failed() -> None:
    fleet = world()
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    story.leaves(first).leaves(backup)
    assert fleet.in_flight == 0
    assert (fleet.line("a").failures, fleet.line("b").failures) == (0, 0)
    assert fleet.line("a").health == "healthy"


# -- when there is none -----------------------------------------------------------------------------------------------


def test_after_the_first_content_there_is_none() -> None:
    story = late(world())
    story.speaks()
    assert story.backs_up() is None


def test_there_is_one_at_a_time() -> None:
    fleet = world(*chain(3))
    story = late(fleet)
    first, backup = story.call, story.backs_up()
    assert story.backs_up(first) is None
    assert story.backs_up(backup, after=9.0) is None
    assert fleet.in_flight == 2


@pytest.mark.parametrize("trouble", ["opened", "degraded", "cooling", "blocked", "full", "disabled"])
def test_with_nobody_healthy_left_there_is_none(trouble: str) -> None:
    fleet = world(target("a"), target("b", 1, max_parallel=1))
    story = late(fleet)
    match trouble:
        case "opened":
            fleet.wear_out("b", "server_error", times=1)
            fleet.failover.force_open("b")
        case "degraded":
            fleet.failover.replace_targets(chain(2))
            story = late(fleet)
            fleet.wear_out("b", "server_error", times=2)
        case "cooling":
            fleet.wear_out("b", "rate_limit", after=60)
        case "blocked":
            fleet.wear_out("b", "auth")
        case "full":
            assert fleet.failover.acquire(among=["b"]) is not None
        case _:
            fleet.failover.disable("b")
    attempts = fleet.line("b").attempts
    assert story.backs_up() is None
    assert fleet.line("b").attempts == attempts
    assert fleet.fleet.health.budget._backups == 10  # it costs nothing to find nobody


def test_a_prompt_goes_as_a_backup_only_where_it_may_go_at_all() -> None:
    eu = frozenset({"eu"})
    fleet = world(target("a", tags=eu), target("b", 1), target("c", 2, tags=eu))
    backup = late(fleet, Request(require_tags=eu)).backs_up()
    assert backup is not None
    assert backup.target.id == "c"
    fleet = world(target("a", tags=eu), target("b", 1))
    assert late(fleet, Request(require_tags=eu)).backs_up() is None


@pytest.mark.parametrize("policy", [{"backups": "off"}, {"max_attempts": 1}])
def test_a_policy_may_forbid_it(policy: dict[str, Any]) -> None:
    assert late(world(**policy)).backs_up() is None


def test_too_near_the_deadline_there_is_none() -> None:
    story = world().request(Request(deadline=5.005), streaming=True).asks("a")
    assert story.backs_up(after=5.0) is None


def test_a_backup_has_what_is_left_of_the_deadline() -> None:
    backup = world().request(Request(deadline=8.0), streaming=True).asks("a").backs_up(after=5.0)
    assert backup is not None
    assert backup.first_content_timeout == 3.0


def test_a_fallback_that_fails_is_not_asked_as_a_backup_of_its_own_fallback() -> None:
    story = world(*chain(3)).request(streaming=True).asks("a").fails(TimeoutError()).asks("b")
    backup = story.backs_up(after=5.0)
    assert backup is not None
    assert (backup.target.id, backup.number) == ("c", 3)


# -- what it costs ----------------------------------------------------------------------------------------------------


def test_backups_for_slow_calls_have_a_bucket_of_their_own() -> None:
    heard: list[Any] = []
    targets = tier(8)
    fo = Failover(
        targets,
        Policy(strategy="sequential", budget=BudgetPolicy(backup_capacity=2, backups_per_success=0.5, backup_share=1)),
        clock=FakeClock(),
        on_event=heard.append,
    )
    fleet = World(targets)
    fleet.failover, fleet.fleet, fleet.clock = fo, fo._fleet, fo._clock  # type: ignore[assignment]
    stories = [fleet.request(streaming=True).asks("a") for _ in range(4)]
    fleet.clock.advance(0.1)
    fleet.request(streaming=True).asks("a").speaks(after=0.1)  # so the others prove little by being late
    backups = [story.backs_up() for story in stories]
    assert [b is not None for b in backups] == [True, True, False, False]
    assert [e.kind for e in heard if isinstance(e, BudgetEmpty)] == ["backup", "backup"]
    started = [e for e in heard if isinstance(e, BackupStarted)]
    assert [(e.target, e.slow_target.id, e.number) for e in started] == [
        (b.target, "a", 2) for b in backups if b is not None
    ]
    for story in stories[:2]:
        story.succeeds(story.flow.live[0])
    assert fleet.request(streaming=True).asks("a").backs_up() is not None


def test_the_share_of_spend_is_never_exceeded_and_health_shows_it() -> None:
    budget = BudgetPolicy(backup_capacity=1, backups_per_success=1, backup_share=0.1)
    fleet = world(*tier(3), budget=budget)
    spent: list[float] = []
    for _ in range(60):
        story, quick = fleet.request(streaming=True), fleet.request(streaming=True)
        story.starts()
        fleet.clock.advance(0.1)
        quick.starts()
        quick.succeeds(after=0.1)
        backup = story.backs_up()
        if backup:
            spent.append(fleet.failover.health().spent)
        story.speaks(after=0.1)
        story.succeeds()
    report = fleet.failover.health()
    assert report.spent_on_backups == len(spent) == sum(t.backups for t in report.targets)
    assert report.spent == sum(t.attempts for t in report.targets)
    assert len(spent) >= 5
    assert report.spent_on_backups <= 0.1 * report.spent + 1
    assert spent[1] - 1 >= 10


def test_costs_are_counted_in_the_targets_own_unit() -> None:
    fleet = world(target("a", cost=3.0), target("b", 1, cost=0.5))
    late(fleet).backs_up()
    report = fleet.failover.health()
    assert (report.spent, report.spent_on_backups) == (3.5, 0.5)


def test_a_test_of_recovery_is_protected_by_a_backup_that_is_not_counted_as_one_for_a_slow_call() -> None:
    fleet = world(budget=BudgetPolicy(backup_capacity=0))
    assert late(fleet).backs_up() is None
    fleet.failover.reset()
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3.0)
    probe = late(fleet)
    backup = probe.backs_up()
    assert backup is not None
    assert backup.target.id == "b"
    probe.speaks(backup)
    assert fleet.line("a").state == "open"  # overdue and beaten


def test_without_failover_budget_a_test_is_not_protected() -> None:
    fleet = world(budget=BudgetPolicy(capacity=0, per_second=0, per_success=0))
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3.0)
    assert late(fleet).backs_up() is None


def test_looking_in_vain_for_who_could_step_in_costs_nothing() -> None:
    fleet = world(target("a"), target("b", 1, tpm=100))
    fleet.wear_out("a", "server_error", times=3)
    fleet.clock.advance(3.0)
    assert fleet.failover.acquire(Request(input_tokens=5), among=["b"]) is not None
    left = fleet.fleet.health.budget._attempts
    story = fleet.request(Request(input_tokens=90), streaming=True).asks("a")
    assert story.backs_up() is None
    assert fleet.fleet.health.budget._attempts == left


def test_a_slow_call_whose_backup_could_not_take_the_prompt_goes_on_alone() -> None:
    fleet = world(target("a"), target("b", 1, tpm=100))
    assert fleet.failover.acquire(Request(input_tokens=5), among=["b"]) is not None
    story = fleet.request(Request(input_tokens=90), streaming=True).asks("a")
    assert story.backs_up() is None
    assert fleet.in_flight == 2


# -- when a call is late ----------------------------------------------------------------------------------------------


def test_a_plain_call_is_late_at_a_target_that_nobody_knows_when_hardly_any_takes_so_long() -> None:
    assert 20 <= world().request().starts().soft_timeout <= 30


def test_a_plain_call_is_late_where_it_takes_longer_than_usual() -> None:
    fleet = world()
    fleet.acquaint("a", 4.0)
    assert 4.0 < fleet.request().starts().soft_timeout < 12.0


def test_a_stream_is_late_after_five_seconds_while_nothing_is_known() -> None:
    assert world().request(streaming=True).starts().soft_timeout == 5.0
    own = world(latency=LatencyPolicy(soft_unknown=2.0))
    assert own.request(streaming=True).starts().soft_timeout == 2.0


def test_a_known_stream_is_late_soon_and_a_long_prompt_has_more_time() -> None:
    fleet = world()
    fleet.acquaint("a", 0.8, streaming=True)
    usual = fleet.request(streaming=True).starts()
    long_ = fleet.request(Request(input_tokens=20_000), streaming=True).starts()
    assert 1.0 <= usual.soft_timeout < 5.0
    assert long_.soft_timeout == pytest.approx(2 * usual.soft_timeout)
    assert usual.first_content_timeout == max(10.0, 4 * usual.soft_timeout)


def test_what_is_known_of_a_rate_limited_backup_is_told_like_any_other_failure() -> None:
    fleet = world()
    story = late(fleet)
    backup = story.backs_up()
    story.fails(rate_limited(60), backup)
    assert fleet.line("b").state == "cooling"
