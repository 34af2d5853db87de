"""One breaker: its life as stories, and its laws under random outcomes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from failover_plugin.breaker import Breaker, Pass, State
from failover_plugin.policy import BreakerPolicy

CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN


class Life:
    """A breaker and its time."""

    def __init__(self, **policy: float) -> None:
        self.breaker = Breaker(BreakerPolicy(**({"jitter": 0.0} | policy)))
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

    def admit(self) -> Pass:
        assert not self.breaker.refuses(self.now)
        return self.breaker.admit(self.now)

    def fail(self, leave: Pass | None = None, weight: float = 1.0) -> bool:
        return self.breaker.failed(leave or self.admit(), weight, "server_error 500", self.now, self.rng)

    def block(self, leave: Pass | None = None, seconds: float = 60.0) -> bool:
        return self.breaker.blocked(leave or self.admit(), seconds, "auth 401", self.now, self.rng)

    def succeed(self, leave: Pass | None = None) -> None:
        self.breaker.succeeded(leave or self.admit(), self.now)

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
    life.breaker.answered(life.admit(), life.now)
    assert life.state is CLOSED
    assert life.fail()


def test_a_probe_whose_stream_dies_after_its_first_content_opens_again() -> None:
    life = Life().trip().wait_out()
    probe = life.admit()
    life.breaker.answered(probe, life.now)
    assert life.fail(probe)
    assert life.left == 4.0


def test_a_probe_that_told_nothing_makes_room_for_another() -> None:
    life = Life().trip().wait_out()
    life.breaker.released(life.admit())
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
    life.breaker.answered(late, life.now)
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
    life.breaker.released(late)
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
    life.breaker.blocked(life.admit(), 60, "quota_exhausted 429", life.now, life.rng, named=1000)
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
    assert life.breaker.suspicion(life.now) == pytest.approx(failures / 2.5)


class BreakerLaws(RuleBasedStateMachine):
    """Whatever happens in whatever order, these hold."""

    passes = Bundle("passes")

    def __init__(self) -> None:
        super().__init__()
        self.policy = BreakerPolicy(half_open_probes=2)
        self.breaker = Breaker(self.policy)
        self.rng = Random(4)
        self.now = 1000.0
        self.out: list[Pass] = []

    def snapshot(self) -> tuple[object, ...]:
        return self.breaker.epoch, self.breaker.until, self.breaker.suspicion(self.now), self.breaker.refuses(self.now)

    def give_back(self, leave: Pass) -> tuple[bool, tuple[object, ...]]:
        """Whether it speaks of the present, and what is known before its outcome."""
        self.out.remove(leave)
        return leave.epoch == self.breaker.epoch, self.snapshot()

    def opened(self, before: tuple[object, ...], base: float, cap: float) -> None:
        assert self.breaker.state(self.now) is OPEN
        assert self.breaker.until is not None
        assert self.breaker.epoch == before[0] + 1  # type: ignore[operator]
        assert before[1] is None or self.breaker.until > before[1]  # type: ignore[operator]
        assert base * 0.8 <= self.breaker.until - self.now <= cap * 1.2 + 1e-9

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 2.5, 10.0, 45.0, 100.0, 5000.0]))
    def time_passes(self, seconds: float) -> None:
        epoch, until = self.breaker.epoch, self.breaker.until
        self.now += seconds
        assert (self.breaker.epoch, self.breaker.until) == (epoch, until)

    @rule(target=passes)
    @precondition(lambda self: not self.breaker.refuses(self.now))
    def admit(self) -> Pass:
        before = self.breaker.state(self.now)
        leave = self.breaker.admit(self.now)
        assert before is not OPEN
        assert leave.probe == (before is HALF_OPEN)
        assert leave.epoch == self.breaker.epoch
        self.out.append(leave)
        return leave

    @rule(leave=passes)
    def first_content(self, leave: Pass) -> None:
        current, before = leave.epoch == self.breaker.epoch, self.snapshot()
        self.breaker.answered(leave, self.now)
        if not current or not leave.probe:
            assert self.snapshot() == before
        elif before[1] is not None:
            assert self.breaker.state(self.now) is CLOSED

    @rule(leave=consumes(passes))
    def success(self, leave: Pass) -> None:
        current, before = self.give_back(leave)
        self.breaker.succeeded(leave, self.now)
        if not current:
            assert self.snapshot() == before
        else:
            assert self.breaker.state(self.now) is CLOSED

    @rule(leave=consumes(passes), weight=st.sampled_from([0.0, 0.5, 1.0]))
    def failure(self, leave: Pass, weight: float) -> None:
        current, before = self.give_back(leave)
        opened = self.breaker.failed(leave, weight, "why", self.now, self.rng)
        if not current:
            assert not opened
            assert self.snapshot() == before
        elif before[1] is not None:
            assert opened
        if opened:
            self.opened(before, self.policy.open_base, self.policy.open_cap)

    @rule(leave=consumes(passes), seconds=st.sampled_from([60.0, 600.0]))
    def block(self, leave: Pass, seconds: float) -> None:
        current, before = self.give_back(leave)
        blocked = self.breaker.blocked(leave, seconds, "why", self.now, self.rng)
        assert blocked == current
        if blocked:
            self.opened(before, seconds, self.policy.block_cap)
        else:
            assert self.snapshot() == before

    @rule(leave=consumes(passes))
    def release(self, leave: Pass) -> None:
        _, before = self.give_back(leave)
        self.breaker.released(leave)
        assert self.snapshot()[:3] == before[:3]

    @invariant()
    def never_more_probes_than_the_quota(self) -> None:
        if self.breaker.state(self.now) is HALF_OPEN:
            probes = sum(leave.probe and leave.epoch == self.breaker.epoch for leave in self.out)
            assert probes <= self.policy.half_open_probes
            assert self.breaker.refuses(self.now) == (probes == self.policy.half_open_probes)

    @invariant()
    def open_refuses_and_closed_does_not(self) -> None:
        state = self.breaker.state(self.now)
        assert (state is CLOSED) == (self.breaker.until is None)
        if state is not HALF_OPEN:
            assert self.breaker.refuses(self.now) == (state is OPEN)

    @invariant()
    def closed_is_not_tripped(self) -> None:
        if self.breaker.until is None:
            assert self.breaker.suspicion(self.now) < 1


TestBreakerLaws = BreakerLaws.TestCase
TestBreakerLaws.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
