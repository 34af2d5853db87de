"""One breaker: its life as stories, and its laws under random outcomes."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from failover_plugin.breaker import Breaker, Era, State
from failover_plugin.policy import BreakerPolicy

CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN


class Call:
    """One that was let through: in which epoch, and whether as a probe."""

    def __init__(self, born: int, *, probe: bool) -> None:
        self.born = born
        self.probe = probe
        self.content = False


class Life:
    """A breaker and its time."""

    def __init__(self, **policy: Any) -> None:
        self.era = Era()
        self.breaker = Breaker(BreakerPolicy(**({"jitter": 0.0, "open_cap": 30} | policy)), self.era)
        self.now = 100.0
        self.rng = Random(1)

    @property
    def state(self) -> State:
        return self.breaker.state(self.now)

    @property
    def left(self) -> float:
        """Seconds it stays open."""
        assert self.breaker.until is not None
        return self.breaker.until - self.now

    def admit(self) -> Call:
        assert not self.breaker.refuses(self.now)
        return Call(self.era.now, probe=self.breaker.admit(self.now))

    def fail(self, call: Call | None = None, weight: float = 1.0) -> bool:
        call = call or self.admit()
        return self.breaker.failed(
            call.born, weight, "server_error 500", self.now, self.rng, probe=call.probe, whole=call.content
        )

    def block(
        self, call: Call | None = None, seconds: float = 60.0, named: float = 0.0, *, looked_at: bool = False
    ) -> bool:
        born = (call or self.admit()).born
        return self.breaker.blocked(born, seconds, "auth 401", self.now, self.rng, named=named, looked_at=looked_at)

    def speak(self, call: Call) -> bool:
        call.content = True
        return self.breaker.answered(call.born, probe=call.probe, now=self.now)

    def succeed(self, call: Call | None = None) -> bool:
        """Content first, as always."""
        call = call or self.admit()
        closed = not call.content and self.speak(call)
        return self.breaker.succeeded(call.born, probe=call.probe, now=self.now) or closed

    def release(self, call: Call) -> None:
        self.breaker.released(call.born, probe=call.probe, whole=call.content)

    def trip(self) -> Life:
        while self.state is CLOSED:
            self.fail()
        return self

    def wait_out(self) -> Life:
        self.now += self.left
        return self

    def fail_probes(self, count: int) -> list[float]:
        """How long it stays open after each of them."""
        spans = []
        for _ in range(count):
            self.wait_out()
            self.fail()
            spans.append(self.left)
        return spans


def test_closed_lets_everybody_pass() -> None:
    life = Life()
    leaves = [life.admit() for _ in range(100)]
    assert not any(leave.probe for leave in leaves)


def test_the_third_failure_in_a_row_opens_and_says_so() -> None:
    life = Life()
    assert [life.fail() for _ in range(3)] == [False, False, True]
    assert (life.state, life.left, life.breaker.reason) == (OPEN, 2.0, "server_error 500")
    assert life.breaker.refuses(life.now)


def test_it_becomes_half_open_by_itself_when_its_time_has_come() -> None:
    life = Life().trip()
    life.now += 1.99
    assert life.state is OPEN
    life.now += 0.02
    assert life.state is HALF_OPEN


def test_half_open_lets_one_probe_pass() -> None:
    life = Life().trip().wait_out()
    assert life.admit().probe
    assert life.breaker.refuses(life.now)


def test_half_open_lets_as_many_probes_pass_as_the_policy_says() -> None:
    life = Life(half_open_probes=3).trip().wait_out()
    assert [life.admit().probe for _ in range(3)] == [True] * 3
    assert life.breaker.refuses(life.now)


def test_a_probes_success_closes_on_parole() -> None:
    life = Life().trip().wait_out()
    life.succeed()
    assert life.state is CLOSED
    for _ in range(3):
        life.succeed()
    assert not life.fail()
    assert life.fail()


def test_the_probes_own_success_earns_no_more_than_the_parole() -> None:
    life = Life().trip().wait_out()
    life.succeed()
    life.now += 5
    assert life.fail()


def test_on_parole_the_next_failure_opens() -> None:
    life = Life().trip().wait_out()
    life.speak(life.admit())
    assert life.state is CLOSED
    assert life.fail()


def test_a_probe_whose_stream_dies_after_its_first_content_opens_again() -> None:
    life = Life().trip().wait_out()
    probe = life.admit()
    life.speak(probe)
    assert life.fail(probe)
    assert life.left == 4.0


def test_a_probe_that_told_nothing_makes_room_for_another() -> None:
    life = Life().trip().wait_out()
    life.release(life.admit())
    assert life.state is HALF_OPEN
    assert life.admit().probe


def test_each_failed_probe_doubles_the_time_up_to_the_cap() -> None:
    assert Life().trip().fail_probes(6) == [4, 8, 16, 30, 30, 30]


def test_doubling_never_overflows() -> None:
    assert Life().trip().fail_probes(3000)[-1] == 30


def test_half_a_failure_suffices_to_fail_a_probe() -> None:
    life = Life().trip().wait_out()
    assert life.fail(weight=0.5)


def test_the_doubling_starts_anew_once_all_evidence_is_paid_back() -> None:
    life = Life().trip()
    life.fail_probes(3)
    life.wait_out()
    for _ in range(3):
        life.succeed()
    assert life.trip().left == 30
    life.wait_out()
    for _ in range(13):
        life.succeed()
    assert life.trip().left == 2


def test_times_open_are_spread_by_the_jitter() -> None:
    spans = set()
    for seed in range(50):
        life = Life(jitter=0.2)
        life.rng = Random(seed)
        spans.add(life.trip().left)
    assert len(spans) == 50
    assert 1.6 <= min(spans) < 1.75
    assert 2.25 < max(spans) <= 2.4


def test_a_late_success_does_not_close_what_opened_after_it_started() -> None:
    life = Life()
    late = life.admit()
    life.trip()
    life.succeed(late)
    life.speak(late)
    assert (life.state, life.left) == (OPEN, 2.0)


def test_a_late_failure_does_not_prolong_the_opening() -> None:
    life = Life()
    leaves = [life.admit() for _ in range(20)]
    assert [life.fail(leave) for leave in leaves].count(True) == 1
    assert life.left == 2.0
    life.now += 1
    assert not life.fail(leaves[0])
    assert life.left == 1.0


def test_a_late_failure_does_not_fail_the_probe() -> None:
    life = Life()
    late = life.admit()
    life.trip().wait_out()
    probe = life.admit()
    assert not life.fail(late)
    life.release(late)
    assert life.breaker.refuses(life.now)
    life.succeed(probe)
    assert life.state is CLOSED


def test_of_two_probes_the_first_outcome_decides() -> None:
    life = Life(half_open_probes=2).trip().wait_out()
    first, second = life.admit(), life.admit()
    assert life.fail(first)
    until = life.breaker.until
    life.succeed(second)
    assert life.breaker.until == until


def test_a_block_opens_at_once_for_its_time() -> None:
    life = Life()
    assert life.block()
    assert (life.state, life.left, life.breaker.reason) == (OPEN, 60.0, "auth 401")


def test_blocks_double_up_to_an_hour() -> None:
    life = Life()
    spans = []
    for _ in range(8):
        life.block()
        spans.append(life.left)
        life.wait_out()
    assert spans == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_twenty_blocks_at_once_are_one() -> None:
    life = Life()
    leaves = [life.admit() for _ in range(20)]
    assert [life.block(leave) for leave in leaves] == [True] + [False] * 19
    assert life.left == 60


def test_a_block_lasts_as_long_as_the_provider_says() -> None:
    life = Life()
    life.block(named=1000)
    assert life.left == 1000


def test_a_block_is_short_again_after_a_success() -> None:
    life = Life()
    for _ in range(3):
        life.block()
        life.wait_out()
    life.succeed()
    life.block()
    assert life.left == 60


def test_a_block_that_is_longer_than_the_cap_is_kept() -> None:
    life = Life(block_cap=100)
    life.block(seconds=600)
    assert life.left == 600


def test_in_a_forked_child_the_parents_probes_do_not_count() -> None:
    life = Life().trip().wait_out()
    life.admit()
    life.breaker.forget_probes()
    assert life.admit().probe


@pytest.mark.parametrize("failures", [1, 2])
def test_suspicion_is_the_share_of_what_opens(failures: int) -> None:
    life = Life()
    for _ in range(failures):
        life.fail()
    assert life.breaker.evidence.suspicion(life.now) == pytest.approx(failures / 2.5)


def half_open(probes: int = 1, rate: float = 1.0, **policy: Any) -> Life:
    return Life(half_open_probes=probes, success_rate=rate, **policy).trip().wait_out()


class TestOfSeveralProbes:
    """With N probes and a rate of s, the ceil(N s)-th success closes; that it cannot be reached any more opens."""

    @pytest.mark.parametrize(
        ("probes", "rate", "needed"),
        [(1, 1.0, 1), (3, 1.0, 3), (10, 0.8, 8), (3, 0.5, 2), (4, 0.01, 1), (50, 0.14, 7), (100, 0.07, 7)],
    )
    def test_so_many_successes_close(self, probes: int, rate: float, needed: int) -> None:
        life = half_open(probes, rate)
        assert [life.succeed() for _ in range(needed)] == [False] * (needed - 1) + [True]
        assert life.state is CLOSED

    @pytest.mark.parametrize(("probes", "rate", "most"), [(1, 1.0, 0), (3, 1.0, 0), (10, 0.8, 2), (3, 0.5, 1)])
    def test_it_opens_as_soon_as_it_cannot_close_any_more(self, probes: int, rate: float, most: int) -> None:
        life = half_open(probes, rate)
        assert [life.fail() for _ in range(most + 1)] == [False] * most + [True]
        assert life.state is OPEN

    def test_a_tolerated_failure_does_not_open(self) -> None:
        life = half_open(10, 0.8)
        assert not life.fail()
        assert not life.fail()
        assert [life.succeed() for _ in range(8)] == [False] * 7 + [True]

    def test_a_probe_that_is_answered_and_then_ends_well_is_one_success(self) -> None:
        life = half_open(3)
        probe = life.admit()
        assert not life.speak(probe)
        assert not life.succeed(probe)
        assert life.breaker.probes == 0
        assert not life.succeed()
        assert life.succeed()

    def test_a_probe_that_breaks_after_its_first_content_is_one_failure_and_no_success(self) -> None:
        life = half_open(3, 0.5)
        probe = life.admit()
        life.speak(probe)
        assert not life.fail(probe)
        assert life.breaker.probes == 0
        assert not life.succeed()
        assert life.succeed()

    def test_a_probe_whose_caller_leaves_after_the_first_content_stays_a_success(self) -> None:
        life = half_open(2)
        probe = life.admit()
        life.speak(probe)
        life.release(probe)
        assert life.breaker.probes == 0
        assert life.succeed()

    def test_no_more_are_asked_than_can_count(self) -> None:
        life = half_open(3)
        life.succeed()
        life.admit()
        life.admit()
        assert life.breaker.refuses(life.now)

    def test_each_round_counts_anew(self) -> None:
        life = half_open(3)
        life.succeed()
        life.succeed()
        assert life.fail()
        life.wait_out()
        assert [life.succeed() for _ in range(3)] == [False, False, True]

    def test_the_last_outcomes_of_a_decided_round_say_nothing(self) -> None:
        life = half_open(3)
        first, second = life.admit(), life.admit()
        life.fail(first)
        until = life.breaker.until
        life.release(second)
        assert (life.breaker.until, life.breaker.probes) == (until, 0)


class TestAfterBrokenAnswers:
    """What opened for answers that broke in the middle is proven well by a whole answer only."""

    @staticmethod
    def broken() -> Life:
        life = Life()
        for _ in range(3):
            call = life.admit()
            life.speak(call)
            life.fail(call)
        return life.wait_out()

    def test_a_first_content_proves_nothing(self) -> None:
        life = self.broken()
        probe = life.admit()
        assert not life.speak(probe)
        assert life.state is HALF_OPEN
        assert life.breaker.refuses(life.now)
        assert life.succeed(probe)

    def test_a_probe_that_breaks_again_opens_again(self) -> None:
        life = self.broken()
        probe = life.admit()
        life.speak(probe)
        assert life.fail(probe)
        assert life.breaker.probes == 0

    def test_a_caller_who_leaves_in_the_middle_makes_room(self) -> None:
        life = self.broken()
        probe = life.admit()
        life.speak(probe)
        life.release(probe)
        assert not life.breaker.refuses(life.now)

    def test_once_closed_the_first_content_counts_again(self) -> None:
        life = self.broken()
        life.succeed()
        life.trip().wait_out()
        assert life.speak(life.admit())


def test_without_parole_a_recovery_is_full_trust() -> None:
    life = half_open(parole=False)
    life.succeed()
    assert [life.fail() for _ in range(3)] == [False, False, True]


def test_consecutive_failures_are_counted_where_a_success_clears() -> None:
    life = Life(success_clears=True, threshold=3, half_life=float("inf"))
    for _ in range(2):
        life.fail()
        life.fail()
        life.now += 1e6
        life.succeed()
    assert life.state is CLOSED
    assert [life.fail() for _ in range(3)] == [False, False, True]


def test_a_probe_that_hardly_proves_anything_does_not_double_the_time() -> None:
    life = half_open()
    life.fail(weight=0.2)
    assert life.left == 4.0
    life.wait_out()
    life.fail()
    assert life.left == 4.0


def test_the_time_starts_at_its_base_after_a_recovery_and_full_payment_by_time() -> None:
    life = half_open()
    life.succeed()
    life.now += 3600.0
    for _ in range(8):
        life.succeed()
    assert life.trip().left == 2.0


class TestByHand:
    """People decide, and calls under way have no say."""

    def test_it_is_forced_open_for_exactly_so_long(self) -> None:
        life = Life(jitter=0.2)
        late = life.admit()
        life.breaker.force_open(17.0, life.now)
        assert (life.state, life.left, life.breaker.reason) == (OPEN, 17.0, "by hand")
        life.succeed(late)
        assert not life.fail(late)
        assert not life.block(late)
        assert (life.state, life.left) == (OPEN, 17.0)

    def test_it_comes_back_by_a_probe(self) -> None:
        life = Life()
        life.breaker.force_open(17.0, life.now)
        assert life.wait_out().succeed()
        assert life.state is CLOSED

    def test_an_opening_is_cut_short(self) -> None:
        life = Life().trip()
        life.breaker.half_open(life.now)
        assert (life.state, life.breaker.reason) == (HALF_OPEN, "server_error 500")
        assert life.admit().probe

    def test_a_closed_one_is_tested(self) -> None:
        life = Life()
        life.breaker.half_open(life.now)
        assert (life.state, life.breaker.reason) == (HALF_OPEN, "by hand")

    def test_a_reset_forgets_everything(self) -> None:
        life = Life().trip()
        life.fail_probes(3)
        life.block(life.wait_out().admit())
        late = Call(life.era.now, probe=False)
        life.breaker.reset()
        assert (life.state, life.breaker.evidence.score) == (CLOSED, 0.0)
        life.fail(late)
        assert life.breaker.evidence.score == 0.0
        assert life.trip().left == 2.0
        life.breaker.reset()
        life.block()
        assert life.left == 60.0


def test_epochs_are_counted_over_a_fleet() -> None:
    era = Era()
    one, other = (Breaker(BreakerPolicy(), era) for _ in "ab")
    one.force_open(1.0, 0.0)
    other.force_open(1.0, 0.0)
    assert (one.epoch, other.epoch, era.now) == (1, 2, 2)


class BreakerLaws(RuleBasedStateMachine):
    """Whatever happens in whatever order, these hold. Beside the breaker stands a tally of its probes, kept by hand."""

    calls = Bundle("calls")

    @initialize(probes=st.sampled_from([1, 2, 3, 10]), rate=st.sampled_from([0.3, 0.5, 0.8, 1.0]), parole=st.booleans())
    def begin(self, probes: int, rate: float, parole: bool) -> None:  # noqa: FBT001 - drawn
        self.life = Life(half_open_probes=probes, success_rate=rate, parole=parole, jitter=0.2)
        self.breaker = self.life.breaker
        self.quota = max(1, ceil(Fraction(str(rate)) * probes))
        self.most_losses = probes - self.quota
        self.probes = probes
        self.won = self.lost = 0
        self.out: list[Call] = []

    @property
    def counts(self) -> tuple[object, ...]:
        breaker = self.breaker
        return breaker.epoch, breaker.until, breaker.evidence.suspicion(self.life.now), breaker.refuses(self.life.now)

    def speaks_of_now(self, call: Call) -> bool:
        return call.born >= self.breaker.epoch

    def decides(self, call: Call) -> bool:
        """Whether it is a probe of the present half-open time."""
        return self.speaks_of_now(call) and call.probe and self.breaker.until is not None

    def opened(self, before: tuple[object, ...], base: float, cap: float) -> None:
        self.won = self.lost = 0
        assert self.life.state is OPEN
        assert self.breaker.epoch == before[0] + 1  # type: ignore[operator]
        assert before[1] is None or self.breaker.until > before[1]  # type: ignore[operator]
        assert base * 0.8 <= self.life.left <= cap * 1.2 + 1e-9

    def wins(self, before: tuple[object, ...]) -> None:
        self.won += 1
        assert (self.life.state is CLOSED) == (self.won >= self.quota)
        assert self.breaker.epoch == before[0]
        if self.life.state is CLOSED:
            self.won = self.lost = 0

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 2.5, 10.0, 45.0, 100.0, 5000.0]))
    def time_passes(self, seconds: float) -> None:
        epoch, until = self.breaker.epoch, self.breaker.until
        self.life.now += seconds
        assert (self.breaker.epoch, self.breaker.until) == (epoch, until)

    @rule(target=calls)
    @precondition(lambda self: not self.breaker.refuses(self.life.now))
    def admit(self) -> Call:
        before = self.life.state
        call = self.life.admit()
        assert before is not OPEN
        assert call.probe == (before is HALF_OPEN)
        self.out.append(call)
        return call

    @rule(call=calls)
    def first_content(self, call: Call) -> None:
        if call.content:
            return
        before, decides = self.counts, self.decides(call) and not self.breaker.needs_whole
        closed = self.life.speak(call)
        if decides:
            self.wins(before)
            assert closed == (self.life.state is CLOSED)
        else:
            assert self.counts == before
            assert not closed

    @rule(call=consumes(calls))
    def success(self, call: Call) -> None:
        self.out.remove(call)
        before, current, decides = self.counts, self.speaks_of_now(call), self.decides(call)
        counted = call.content and not self.breaker.needs_whole
        self.life.succeed(call)
        if not current:
            assert self.counts == before
        elif decides and not counted:
            self.wins(before)
        elif before[1] is None:
            assert self.life.state is CLOSED

    @rule(call=consumes(calls), weight=st.sampled_from([0.0, 0.3, 1.0]))
    def failure(self, call: Call, weight: float) -> None:
        self.out.remove(call)
        before, current, decides = self.counts, self.speaks_of_now(call), self.decides(call)
        if decides:
            self.lost += 1
            self.won -= call.content and not self.breaker.needs_whole
        opened = self.life.fail(call, weight)
        if not current:
            assert not opened
            assert self.counts == before
        elif decides:
            assert opened == (self.lost > self.most_losses)
        if opened:
            self.opened(before, 2.0, 30.0)

    @rule(call=consumes(calls), seconds=st.sampled_from([60.0, 600.0]))
    def block(self, call: Call, seconds: float) -> None:
        self.out.remove(call)
        before, current = self.counts, self.speaks_of_now(call)
        blocked = self.life.block(call, seconds)
        assert blocked == current
        if blocked:
            self.opened(before, seconds, 3600.0)
        else:
            assert self.counts == before

    @rule(call=consumes(calls))
    def release(self, call: Call) -> None:
        self.out.remove(call)
        before = self.counts
        self.life.release(call)
        assert self.counts[:3] == before[:3]

    @rule(how=st.sampled_from(["force_open", "half_open", "reset"]))
    def by_hand(self, how: str) -> None:
        if how == "force_open":
            self.breaker.force_open(5.0, self.life.now)
        elif how == "half_open":
            self.breaker.half_open(self.life.now)
        else:
            self.breaker.reset()
        self.won = self.lost = 0

    @invariant()
    def never_more_probes_than_the_quota(self) -> None:
        if not hasattr(self, "life") or self.breaker.until is None:
            return
        taken = [call for call in self.out if call.probe and self.speaks_of_now(call)]
        under_way = [call for call in taken if not call.content or self.breaker.needs_whole]
        assert self.breaker.probes == len(under_way)
        assert len(under_way) + self.won + self.lost <= self.probes
        if self.life.state is HALF_OPEN:
            full = len(under_way) + self.won + self.lost == self.probes
            assert self.breaker.refuses(self.life.now) == full

    @invariant()
    def closed_trusts_and_open_refuses(self) -> None:
        if not hasattr(self, "life"):
            return
        assert (self.life.state is CLOSED) == (self.breaker.until is None)
        if self.life.state is CLOSED:
            assert not self.breaker.refuses(self.life.now)
            assert self.breaker.evidence.suspicion(self.life.now) < 1
        elif self.life.state is OPEN:
            assert self.breaker.refuses(self.life.now)


TestBreakerLaws = BreakerLaws.TestCase
TestBreakerLaws.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, derandomize=True)
