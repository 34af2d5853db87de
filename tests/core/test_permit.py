"""For hosts that own the loop: take a permit, settle it once, go on with ``after``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest
from core.scripted import blocked, broken, chain, rate_limited, target, tier, unauthorized

from failover_plugin import Failover, Permit, Policy, Request
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, StreamInterrupted
from failover_plugin.flow import STREAM_LIFETIME
from failover_plugin.judgement import Diverged
from failover_plugin.model import ErrorClass, Scope, Target
from failover_plugin.policy import LatencyPolicy
from failover_plugin.succession import GRACE
from failover_plugin.testing import FakeClock


class Host:
    """A loop of attempts that is not ours."""

    def __init__(self, *targets: Target, **policy: Any) -> None:
        self.clock = FakeClock()
        policy = {"strategy": "sequential"} | policy
        self.failover = Failover(targets or chain(2), Policy(**policy), clock=self.clock, rng=Random(2))

    def takes(self, request: Request | None = None, **offer: Any) -> Permit:
        permit = self.failover.acquire(request, **offer)
        assert permit is not None
        return permit

    def finds_nobody(self, request: Request | None = None, **offer: Any) -> bool:
        return self.failover.acquire(request, **offer) is None

    @property
    def in_flight(self) -> int:
        return self.failover.health().in_flight


def test_a_permit_names_its_target_and_its_times() -> None:
    host = Host(attempt_timeout=50, first_content_timeout=8, idle_timeout=5)
    permit = host.takes()
    assert (permit.target.id, permit.number, permit.wait) == ("a", 1, 0.0)
    assert (permit.timeout, permit.first_content_timeout, permit.idle_timeout) == (50, 8, 5)
    assert not permit.settled
    assert host.in_flight == 1


def test_the_primary_dies_then_the_fallback_answers() -> None:
    host = Host()
    first = host.takes()
    assert first.failure(unauthorized()).error_class is ErrorClass.AUTH
    second = host.takes(after=first)
    assert (second.target.id, second.number) == ("b", 2)
    second.success({"total_tokens": 12})
    assert [a.target for a in second.trail.attempts] == ["a", "b"]
    assert host.in_flight == 0
    assert host.failover.health()["b"].successes == 1


def test_the_same_target_is_offered_again_after_a_wait() -> None:
    host = Host()
    first = host.takes()
    first.failure(rate_limited(2))
    second = host.takes(after=first)
    assert second.target.id == "a"
    assert 2 <= second.wait <= 2.2
    host.clock.advance(second.wait)
    second.success()
    assert second.trail.attempts[1].duration == pytest.approx(0)


def test_a_permit_given_back_before_its_wait_is_over_took_no_time() -> None:
    host = Host()
    first = host.takes()
    first.failure(rate_limited(2))
    second = host.takes(after=first)
    second.cancel()
    assert second.trail.attempts[1].duration == 0


def test_at_the_start_too_a_short_absence_is_waited_for() -> None:
    host = Host(target("a"))
    host.takes().failure(rate_limited(1))
    permit = host.takes()
    assert 1 <= permit.wait <= 1.1


def test_a_permit_is_settled_once() -> None:
    host = Host()
    permit = host.takes()
    permit.success()
    assert permit.settled
    permit.success()
    permit.cancel()
    permit.first_content()
    assert permit.failure(unauthorized()).error_class is ErrorClass.AUTH
    line = host.failover.health()["a"]
    assert (line.in_flight, line.successes, line.failures, line.last_error) == (0, 1, 0, None)
    assert len(permit.trail.attempts) == 1
    assert host.takes().target.id == "a"


def test_a_permit_that_is_given_back_is_evidence_for_nothing() -> None:
    host = Host()
    permit = host.takes()
    permit.cancel()
    line = host.failover.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, 0, 0)


@pytest.mark.parametrize(("cut_short", "state"), [(True, "closed"), (False, "open")])
def test_a_caller_in_a_hurry_opens_nothing(*, cut_short: bool, state: str) -> None:
    """Six calls that their caller gave 150 ms each, and six that were given all of their time and used little of it."""
    clock = FakeClock()
    failover = Failover([target("a")], clock=clock, rng=Random(1))
    for _ in range(6):
        permit = failover.acquire()
        if permit is None:
            break
        permit.cut_short = cut_short
        clock.advance(permit.wait + 0.15)
        permit.failure(TimeoutError("too late"))
    assert failover.health()["a"].state == state


def test_only_those_on_offer_are_asked() -> None:
    host = Host(*chain(3))
    assert host.takes(among=["b", "c"]).target.id == "b"
    assert host.takes(among={"c"}).target.id == "c"
    assert host.finds_nobody(among=[])
    assert host.finds_nobody(among=["someone else"])


def test_every_attempt_has_its_own_offer() -> None:
    host = Host(*chain(3))
    first = host.takes(among=["a"])
    first.failure(unauthorized())
    assert host.finds_nobody(after=first, among=["a"])
    second = host.takes(after=first, among=["c"])
    second.failure(unauthorized())
    assert host.takes(after=second).target.id == "b"


def test_a_target_that_is_not_on_offer_any_more_is_not_asked_again() -> None:
    host = Host()
    first = host.takes()
    first.failure(broken())
    assert host.takes(after=first, among=["b"]).target.id == "b"


def test_content_that_is_told_after_the_failure_changes_nothing() -> None:
    host = Host()
    first = host.takes()
    first.failure(unauthorized())
    first.first_content()
    assert host.takes(after=first).target.id == "b"


def test_those_the_host_has_tried_without_a_permit_are_not_asked_again() -> None:
    host = Host(*chain(3))
    assert host.takes(tried=["a"]).target.id == "b"
    assert host.finds_nobody(tried=["a", "b", "c"])


def test_a_request_keeps_to_its_tags() -> None:
    host = Host(target("a"), target("b", 1, tags=frozenset({"eu"})))
    first = host.takes(Request(require_tags=frozenset({"eu"})))
    assert first.target.id == "b"
    first.failure(unauthorized())
    assert host.finds_nobody(after=first)


def test_with_nobody_there_is_none_and_nothing_is_taken() -> None:
    host = Host(target("a"), patience=0)
    host.takes().failure(unauthorized())
    assert host.finds_nobody()
    assert host.in_flight == 0
    assert host.failover.health()["a"].attempts == 1


def test_exhausted_is_the_first_targets_own_error_with_notes_and_trail() -> None:
    host = Host()
    error = unauthorized()
    first = host.takes()
    first.failure(error)
    second = host.takes(after=first)
    second.failure(TimeoutError("too slow"))
    assert host.finds_nobody(after=second)
    for _ in range(2):
        assert second.exhausted() is error
    assert error.__notes__ == ["b: timeout: too slow"]
    assert vars(error)["trail"] == second.trail
    assert vars(error)["retry_after"] == 2.0


def test_exhausted_is_the_error_that_nobody_else_would_cure() -> None:
    host = Host()
    error = blocked()
    permit = host.takes()
    permit.failure(error)
    assert host.finds_nobody(after=permit)
    assert permit.exhausted() is error


def test_exhausted_after_the_deadline_says_so() -> None:
    host = Host()
    permit = host.takes(Request(deadline=3.0))
    assert permit.timeout == 3.0
    host.clock.advance(3.0)
    permit.failure(TimeoutError("too slow"))
    assert host.finds_nobody(after=permit)
    assert isinstance(permit.exhausted(), DeadlineExceeded)


def test_a_host_may_give_up_before_we_do() -> None:
    host = Host()
    permit = host.takes()
    error = unauthorized()
    permit.failure(error)
    assert permit.exhausted() is error


def test_after_the_first_content_a_failure_is_the_callers_to_see() -> None:
    host = Host()
    permit = host.takes()
    permit.first_content()
    cause = ConnectionResetError("gone")
    assert permit.failure(cause).error_class is ErrorClass.STREAM_INTERRUPTED
    assert host.finds_nobody(after=permit)
    ended = permit.exhausted()
    assert isinstance(ended, StreamInterrupted)
    assert ended.__cause__ is cause


def test_the_first_content_of_a_probe_lets_everybody_back_in() -> None:
    host = Host(target("a"), same_target_retries=0, last_resort="off")
    for _ in range(3):
        host.takes().failure(broken())
    host.clock.advance(3)
    probe = host.takes()
    assert host.finds_nobody()
    probe.first_content()
    host.takes().success()
    probe.success()
    assert host.in_flight == 0


def test_a_permit_that_is_never_settled_expires_as_no_evidence() -> None:
    host = Host(attempt_timeout=120)
    permit = host.takes()
    host.clock.advance(120 + GRACE - 1)
    assert host.in_flight == 1
    host.clock.advance(1)
    assert host.in_flight == 0
    permit.failure(unauthorized())
    line = host.failover.health()["a"]
    assert (line.failures, line.in_flight) == (0, 0)
    assert host.takes().target.id == "a"


def test_a_lost_probe_does_not_wedge_its_target() -> None:
    host = Host(target("a"), attempt_timeout=20, last_resort="off")
    for _ in range(3):
        host.takes().failure(broken())
    host.clock.advance(3)
    host.takes()
    assert host.finds_nobody()
    host.clock.advance(20 + GRACE)
    host.takes()


def test_a_stream_under_way_does_not_expire_soon_after_its_first_content() -> None:
    host = Host()
    permit = host.takes()
    host.clock.advance(100)
    permit.first_content()
    host.clock.advance(STREAM_LIFETIME - 1)
    assert host.in_flight == 1
    permit.success()
    assert host.failover.health()["a"].successes == 1


def test_a_long_attempt_of_a_stream_may_take_as_long_as_any_other() -> None:
    host = Host(attempt_timeout=3600)
    permit = host.takes()
    permit.first_content()
    host.clock.advance(3600)
    assert host.in_flight == 1


def test_a_streams_permit_has_a_streams_times() -> None:
    host = Host(attempt_timeout=50, first_content_timeout=8, idle_timeout=5, stream_failover="off")
    assert host.takes(streaming=True).timeout == 5
    permit = host.takes(streaming=True)
    permit.failure(TimeoutError())
    assert host.finds_nobody(after=permit)


def test_nobody_waits_where_the_host_has_somebody_well_to_offer_later() -> None:
    host = Host()
    host.takes(among=["a"]).failure(rate_limited(1))
    assert host.finds_nobody(among=["a"], later=["b"])
    assert host.takes(among=["a"]).wait > 0


def test_nobody_is_asked_as_a_last_resort_where_the_host_has_somebody_well_to_offer_later() -> None:
    host = Host()
    for _ in range(3):
        host.takes(among=["a"]).failure(broken())
    assert host.finds_nobody(among=["a"], later=["b"])
    for _ in range(3):
        host.takes(among=["b"]).failure(broken())
    assert host.takes(among=["a"], later=["b"]).target.id == "a"


def test_who_is_set_aside_is_asked_where_those_that_the_host_has_to_offer_later_have_failed_when_last_asked() -> None:
    """LiteLLM gives no way back from a fallback group: b, which failed, is no reason to leave without asking a."""
    host = Host()
    for _ in range(3):
        host.takes(among=["a"]).failure(broken())
    host.takes(among=["b"]).failure(broken())
    assert host.takes(among=["a"], later=["b"]).target.id == "a"
    host.takes(among=["b"]).success()
    assert host.finds_nobody(among=["a"], later=["b"])


def test_max_attempts_counts_permits() -> None:
    host = Host(*tier(4), max_attempts=2)
    first = host.takes()
    first.failure(unauthorized())
    second = host.takes(after=first)
    second.failure(unauthorized())
    assert host.finds_nobody(after=second)


def test_a_permit_decides_as_run_does() -> None:
    def fail(asked: Target) -> str:
        raise broken()

    host, ours = Host(*chain(3)), Host(*chain(3))
    permit: Permit | None = host.takes()
    asked = []
    while permit is not None:
        asked.append(permit.target.id)
        host.clock.advance(permit.wait)
        permit.failure(broken())
        last, permit = permit, host.failover.acquire(after=permit)
    with pytest.raises(Exception, match="All targets failed") as ended:
        ours.failover.run(fail)
    assert asked == [a.target for a in ended.value.trail.attempts]
    assert str(last.trail) == str(ended.value.trail)


def test_going_on_from_a_permit_that_is_not_settled_gives_it_back() -> None:
    host = Host()
    first = host.takes()
    second = host.takes(after=first)
    assert first.settled
    assert host.in_flight == 1
    second.success()
    assert host.failover.health()["a"].failures == 0
    assert host.in_flight == 0


def test_a_permit_for_later_opens_no_door_before_its_time() -> None:
    eu = frozenset({"eu"})
    host = Host(target("a", tags=eu), target("b", 1))
    host.failover.force_open("b", 1.0)
    host.failover.cool("a", 2.0)
    assert host.takes(Request(require_tags=eu)).wait == 2.0
    (attempt,) = host.failover.run(lambda t: t.id).trail.attempts
    assert attempt.started == pytest.approx(1.0)


def test_headers_that_call_a_limit_used_up_keep_the_next_request_away() -> None:
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}
    host = Host()
    permit = host.takes()
    permit.saw({})
    permit.saw(used_up)
    permit.success()
    assert host.takes().target.id == "b"
    host = Host()
    host.failover.saw("a", {"server": "nginx"})
    assert host.takes().target.id == "a"
    host.failover.saw("a", used_up)
    assert host.takes().target.id == "b"


USED_UP = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "30s"}


def test_what_headers_say_is_not_held_against_a_targets_health_and_passes() -> None:
    host = Host()
    host.failover.saw("a", USED_UP)
    line = host.failover.health()["a"]
    assert (line.health, line.reason, line.returns_in) == ("healthy", "its limit per minute is reached", 30.0)
    host.clock.advance(30)
    assert host.takes().target.id == "a"


def test_of_several_answers_the_latest_time_to_refill_holds() -> None:
    host = Host()
    host.failover.saw("a", USED_UP)
    host.failover.saw("a", USED_UP | {"X-RateLimit-Reset-Requests": "3s"})
    assert host.failover.health()["a"].returns_in == 30.0


def test_whoever_shares_the_rate_limit_rests_as_well() -> None:
    shared = {"credential": "k", "model": "m"}
    host = Host(target("a", **shared), target("b", 1, **shared), target("c", 2, credential="k"))
    host.takes().saw(USED_UP)
    assert host.takes().target.id == "c"


def test_headers_may_be_told_before_or_after_the_outcome_and_even_of_a_target_that_is_gone() -> None:
    host = Host()
    permit = host.takes()
    permit.success()
    permit.saw(USED_UP)
    assert host.takes().target.id == "b"
    host = Host()
    gone = host.takes()
    host.failover.replace_targets([target("c"), target("d", 1)])
    gone.saw(USED_UP)
    gone.success()
    assert host.takes().target.id == "c"
    assert not host.failover.health()["c"].reason


@pytest.mark.parametrize(
    "usage",
    [{"total_tokens": 60}, {"prompt_tokens": 20, "completion_tokens": 40}, {"input_tokens": 20, "output_tokens": 40}],
)
def test_usage_corrects_what_was_estimated_by_whatever_names(usage: dict[str, int]) -> None:
    host = Host(target("a", tpm=600), target("b", 1))
    host.takes(Request(input_tokens=10)).success(usage)
    assert host.takes(Request(input_tokens=10)).target.id == "b"
    host = Host(target("a", tpm=600), target("b", 1))
    host.takes(Request(input_tokens=10)).success({"cached": 7})
    assert host.takes(Request(input_tokens=10)).target.id == "a"


def test_a_child_process_has_taken_no_permits() -> None:
    host, other = Host(), Failover(chain(1))
    permit = host.takes()
    assert other.acquire() is not None
    Failover._after_fork()
    assert other.health().in_flight == 0
    assert host.in_flight == 0
    permit.failure(unauthorized())
    assert host.failover.health()["a"].failures == 0
    assert host.takes().target.id == "a"


def test_a_host_that_gave_its_permit_back_and_asks_how_it_ended_is_told_that_nobody_was_asked() -> None:
    host = Host()
    permit = host.takes()
    permit.cancel()
    assert isinstance(permit.exhausted(), AllTargetsFailed)


def test_how_fast_a_stream_was_written_is_told_until_the_permit_is_settled() -> None:
    host = Host()
    permit = host.takes(streaming=True)
    permit.first_content()
    permit.paced(0.02)
    pace = host.failover._fleet.health.roster.by_id["a"].pace
    assert pace is not None
    assert pace.count == 1
    permit.success()
    permit.paced(0.02)
    assert pace.count == 1


# -- streams that a host watches --------------------------------------------------------------------------------------


class Paces(list[float]):
    """The seconds per chunk that a host's core hears of from now on."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        host.failover._fleet.health.paced = lambda _lease, seconds, _now: self.append(seconds)  # type: ignore[method-assign]


def test_the_pace_of_chunks_is_measured_from_the_first_content_and_told_once() -> None:
    host = Host()
    paces = Paces(host)
    permit = host.takes(streaming=True)
    permit.chunk_asked()
    permit.chunk_came()  # before any content nothing is measured
    permit.first_content()
    for _ in range(40):
        permit.chunk_asked()
        host.clock.advance(0.5)
        permit.chunk_came()
    permit.stream_ended()
    permit.success()
    assert paces == [pytest.approx(0.5)]


def test_a_short_stream_tells_its_pace_when_it_has_ended() -> None:
    host = Host()
    paces = Paces(host)
    permit = host.takes(streaming=True)
    permit.first_content()
    for _ in range(5):
        permit.chunk_asked()
        host.clock.advance(0.25)
        permit.chunk_came()
    assert paces == []
    permit.stream_ended()
    assert paces == [pytest.approx(0.25)]


def test_a_stream_without_content_has_no_pace() -> None:
    host = Host()
    paces = Paces(host)
    permit = host.takes(streaming=True)
    permit.stream_ended()
    permit.success()
    assert paces == []


def test_content_comes_first_only_once() -> None:
    host = Host()
    permit = host.takes(streaming=True)
    host.clock.advance(1.0)
    permit.first_content()
    host.clock.advance(1.0)
    permit.first_content()
    permit.success()
    assert permit.trail.attempts[0].first_content == 1.0


@pytest.mark.parametrize("prefill", [True, False])
def test_a_broken_stream_is_resumed_by_repeating_or_going_on(*, prefill: bool) -> None:
    host = Host(
        target("a"), target("b", 1, capabilities=frozenset({"prefill"} if prefill else ())), stream_failover="resume"
    )
    first = host.takes(streaming=True)
    assert not first.resumed
    first.first_content()
    first.failure(ConnectionResetError("gone"))
    second = host.takes(after=first)
    assert second.resumed
    assert second.takes_prefix is prefill
    repetition = second.repetition("once upon")
    assert repetition.complete is prefill
    assert repetition.repeated("once up") == (0 if prefill else 7)
    assert repetition.repeated("on a time") == (0 if prefill else 2)
    repetition.ended()
    assert repetition.complete


def test_a_resumed_stream_that_says_something_else_is_nobody_s_failure() -> None:
    host = Host(*chain(2), stream_failover="resume")
    first = host.takes(streaming=True)
    first.first_content()
    first.failure(ConnectionResetError("gone"))
    second = host.takes(after=first)
    with pytest.raises(Diverged) as shorter:
        second.repetition("once upon").ended()
    with pytest.raises(Diverged):
        second.repetition("once upon").repeated("twice")
    assert second.failure(shorter.value).scope is Scope.REQUEST


class Racing:
    """A host on an event loop: its call waits for ``first``, the one beside it for ``second``."""

    def __init__(self, **policy: Any) -> None:
        soon = LatencyPolicy(soft_min=0.005, soft_unknown=0.005)
        self.failover = Failover(chain(2), Policy(strategy="sequential", latency=soon, **policy), rng=Random(2))
        self.first, self.second = asyncio.Event(), asyncio.Event()
        self.begun = asyncio.Event()
        self.beside: Permit | None = None

    async def back_up(self, permit: Permit) -> bool:
        self.beside = permit
        self.begun.set()
        await self.second.wait()
        permit.first_content()
        return not permit.settled

    async def ask(self) -> str:
        permit = self.failover.acquire(streaming=True)
        assert permit is not None
        async with permit.race(self.back_up) as race:
            try:
                async with race.interruptible(5):
                    await self.first.wait()
                    permit.first_content()
                    permit.success()
            except TimeoutError:
                assert race.won
                assert permit.settled
                assert self.beside is not None
                self.beside.success()
                return self.beside.target.id
        return permit.target.id


@pytest.mark.parametrize("winner", ["a", "b"])
async def test_a_host_that_can_make_two_calls_races_them(winner: str) -> None:
    host = Racing()
    asking = asyncio.create_task(host.ask())
    await host.begun.wait()
    assert host.failover.health().in_flight == 2
    (host.first if winner == "a" else host.second).set()
    assert await asking == winner
    health = host.failover.health()
    assert health.in_flight == 0
    assert {t.target: t.successes for t in health.targets} == {"a": winner == "a", "b": winner == "b"}
    assert {t.target: t.failures for t in health.targets} == {"a": winner == "b", "b": 0}  # late, and beaten


async def test_a_host_that_leaves_a_race_leaves_nothing_behind() -> None:
    host = Racing()
    asking = asyncio.create_task(host.ask())
    await host.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert host.beside is not None
    assert host.beside.settled
    assert host.failover.health()["b"].in_flight == 0


async def test_a_host_gets_no_backup_where_the_policy_has_none() -> None:
    host = Racing(backups="off")
    asking = asyncio.create_task(host.ask())
    await asyncio.sleep(0.05)
    host.first.set()
    assert await asking == "a"
    assert host.beside is None


def test_sync_code_does_not_wait_two_minutes_for_one_set_aside_for_hanging_while_another_is_left() -> None:
    host = Host(*tier(2), attempt_timeout=120)
    for number in range(50):
        permit = host.takes(among=["ab"[number % 2]])
        host.clock.advance(8)
        permit.success()
    both_hang(host)
    first = host.takes()
    assert 20 < first.timeout < 30, "three times what 99 of 100 take"
    first.failure(TimeoutError())
    assert host.takes(after=first).timeout == 120, "the last one gets the usual limit"


def test_who_was_set_aside_for_another_reason_or_can_be_raced_is_not_hurried() -> None:
    host = Host(*tier(2), attempt_timeout=120)
    for _ in range(25):
        host.takes().success()
    for target_id in ("a", "b"):
        for _ in range(3):
            host.takes(among=[target_id]).failure(broken())
    assert host.takes().timeout == 120


def test_nobody_is_hurried_before_it_is_known_how_long_an_answer_takes() -> None:
    host = Host(*tier(2), attempt_timeout=120)
    both_hang(host)
    assert host.takes().timeout == 120


def both_hang(host: Host) -> None:
    """So often that they are set aside."""
    permits = [host.takes(among=[target_id]) for target_id in "abababab"]
    host.clock.advance(120)
    for permit in permits:
        permit.failure(TimeoutError())


def test_a_full_target_is_not_waited_for_where_the_host_has_to_wait_itself() -> None:
    host = Host(target("a", max_parallel=1))
    host.takes()
    assert host.finds_nobody()


def test_a_thread_waits_for_a_place() -> None:
    failover = Failover([target("a", max_parallel=1)])
    first = failover.acquire()
    assert first is not None
    threading.Timer(0.05, first.success).start()
    second = failover.acquire(blocking=True)
    assert second is not None
    assert second.wait == 0
    assert first.settled


async def test_a_task_waits_for_a_place() -> None:
    failover = Failover([target("a", max_parallel=1)])
    first = await failover.aacquire()
    assert first is not None
    asyncio.get_running_loop().call_later(0.05, first.success)
    second = await failover.aacquire()
    assert second is not None
    assert first.settled
    second.success()
    assert failover.health()["a"].successes == 2


@pytest.mark.parametrize("waiting", ["thread", "task"])
def test_who_waits_goes_on_with_the_same_request(waiting: str) -> None:
    host = Host(target("a"))
    began = host.clock.now
    first = host.takes()
    first.failure(rate_limited(2))
    second = (
        host.failover.acquire(after=first, blocking=True)
        if waiting == "thread"
        else asyncio.run(host.failover.aacquire(after=first))
    )
    assert second is not None
    assert (second.number, second.wait) == (2, 0)
    assert 2 <= host.clock.now - began <= 2.2
    second.failure(unauthorized())
    assert host.failover.acquire(after=second, blocking=True) is None


async def test_a_task_that_is_cancelled_while_it_waits_leaves_nothing_behind() -> None:
    failover = Failover([target("a", max_parallel=1)])
    first = failover.acquire()
    assert first is not None
    waiting = asyncio.create_task(failover.aacquire())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    first.success()
    assert failover.health().in_flight == 0


class _SlowClock(FakeClock):
    """Waiting in it takes a step of the loop."""

    async def asleep(self, seconds: float, woken: asyncio.Event | None = None) -> None:
        await asyncio.sleep(0)
        await super().asleep(seconds, woken)


async def test_what_the_host_was_handling_when_it_asked_is_not_the_next_ones_error() -> None:
    """LiteLLM asks, and drives what it has asked, while it handles an error; after a wait that is not to be seen."""
    failover = Failover([target("a")], Policy(), clock=_SlowClock(), rng=Random(2))
    first = failover.acquire()
    assert first is not None
    limited = rate_limited(1)
    first.failure(limited)
    asking = failover.aacquire(after=first)
    try:
        raise limited
    except Exception:  # noqa: BLE001 - the host's
        asking.send(None)
    second = _rest_of(asking)
    assert second is not None
    strange = RuntimeError("strange")
    strange.__context__ = limited
    assert second.failure(strange).error_class is ErrorClass.UNKNOWN


def _rest_of(asking: Coroutine[Any, Any, Permit | None]) -> Permit | None:
    try:
        while True:
            asking.send(None)
    except StopIteration as end:
        permit: Permit | None = end.value
        return permit
