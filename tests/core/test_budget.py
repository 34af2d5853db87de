"""Failover is paid from a budget, so that it never feeds a storm."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.budget import Budget, full_jitter
from failover_plugin.policy import BudgetPolicy


def budget(capacity: float = 3.0, per_success: float = 0.5, per_second: float = 1.0) -> Budget:
    return Budget(BudgetPolicy(capacity=capacity, per_success=per_success, per_second=per_second))


def spendable(purse: Budget, now: float = 0.0) -> int:
    count = 0
    while purse.spend(now):
        count += 1
    return count


def test_it_starts_full() -> None:
    assert spendable(budget(3)) == 3


def test_the_default_lets_fifty_attempts_through_at_once() -> None:
    assert spendable(Budget(BudgetPolicy())) == 50


def test_time_earns() -> None:
    purse = budget()
    spendable(purse, now=10.0)
    assert not purse.spend(10.9)
    assert purse.spend(11.0)
    assert not purse.spend(11.0)


def test_time_before_the_first_use_earns_nothing_more() -> None:
    purse = budget(3)
    assert spendable(purse, now=1e9) == 3


def test_successes_earn() -> None:
    purse = budget()
    spendable(purse)
    purse.succeeded()
    assert not purse.spend(0)
    purse.succeeded()
    assert purse.spend(0)


def test_no_more_is_saved_than_the_capacity() -> None:
    purse = budget(3)
    for _ in range(1000):
        purse.succeeded()
    purse.refund()
    assert spendable(purse) == 3
    assert spendable(purse, now=1e6) == 3


def test_an_attempt_that_was_not_made_is_given_back() -> None:
    purse = budget(1)
    assert purse.spend(0)
    purse.refund()
    assert purse.spend(0)
    assert not purse.spend(0)


def test_a_clock_that_seems_to_go_back_takes_nothing_away() -> None:
    purse = budget(2)
    assert purse.spend(100)
    assert purse.spend(50)


def test_without_capacity_there_is_no_failover() -> None:
    assert not budget(0).spend(1e6)


@pytest.mark.parametrize(("retry", "most"), [(1, 0.05), (2, 0.1), (5, 0.8)])
def test_the_pause_is_drawn_from_the_whole_span(retry: int, most: float) -> None:
    rng = Random(1)
    pauses = [full_jitter(0.05, retry, rng) for _ in range(500)]
    assert all(0 <= pause <= most for pause in pauses)
    assert mean(pauses) == pytest.approx(most / 2, rel=0.1)


class TestBackups:
    """Bounded by their number, and by their share of all that is spent."""

    @staticmethod
    def purse(**policy: float) -> Budget:
        return Budget(BudgetPolicy(**policy))

    @staticmethod
    def backs_up(purse: Budget, price: float = 1.0) -> bool:
        granted = purse.back_up(price)
        if granted:
            purse.charge(price, backup=True)
        return granted

    def test_at_first_there_are_as_many_as_may_be_saved_up(self) -> None:
        purse = self.purse()
        assert [self.backs_up(purse) for _ in range(11)] == [True] * 10 + [False]

    def test_successes_earn_them(self) -> None:
        purse = self.purse(backup_share=1.0)
        while self.backs_up(purse):
            pass
        for _ in range(19):
            purse.charge(1.0, backup=False)
            purse.succeeded()
        assert not self.backs_up(purse)
        purse.charge(1.0, backup=False)
        purse.succeeded()
        assert self.backs_up(purse)
        assert not self.backs_up(purse)

    def test_no_more_are_saved_than_the_capacity(self) -> None:
        purse = self.purse(backup_share=1.0)
        for _ in range(10_000):
            purse.charge(1.0, backup=False)
            purse.succeeded()
        assert [self.backs_up(purse) for _ in range(11)] == [True] * 10 + [False]

    def test_they_never_exceed_their_share_of_what_is_spent(self) -> None:
        purse = self.purse(backup_share=0.05, backup_capacity=2, backups_per_success=1)
        made = 0
        for number in range(1, 2001):
            purse.charge(1.0, backup=False)
            purse.succeeded()
            made += self.backs_up(purse)
            assert purse.spent_on_backups <= 0.05 * purse.spent + 2
            assert purse.spent == number + made
        assert made == pytest.approx(0.05 * purse.spent + 2, abs=1)

    def test_dear_backups_are_fewer(self) -> None:
        purse = self.purse(backup_capacity=2, backups_per_success=1)
        for _ in range(1000):
            purse.charge(1.0, backup=False)
            purse.succeeded()
        purse.spent_on_backups = 50.0
        assert [purse.back_up(0.5), purse.back_up(30.0)] == [True, True]
        purse.spent_on_backups = 60.0
        assert not purse.back_up(0.0001)

    def test_what_costs_nothing_is_bounded_by_number_only(self) -> None:
        purse = self.purse(backup_share=0.0)
        assert [self.backs_up(purse, 0.0) for _ in range(11)] == [True] * 10 + [False]

    def test_without_capacity_there_are_none(self) -> None:
        purse = self.purse(backup_capacity=0)
        for _ in range(100):
            purse.charge(1.0, backup=False)
            purse.succeeded()
        assert not self.backs_up(purse)

    def test_a_backup_takes_nothing_from_the_attempts(self) -> None:
        purse = self.purse(capacity=1)
        assert self.backs_up(purse)
        assert purse.spend(0.0)


AMOUNTS = st.floats(0, 1e6)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(["spend", "refund", "succeeded"]), st.floats(-10, 1e9)), max_size=60),
    st.builds(BudgetPolicy, capacity=st.floats(0, 9), per_success=st.floats(0, 9), per_second=st.floats(0, 9)),
)
def test_nobody_spends_more_than_was_saved_up_and_earned(said: list[tuple[str, float]], policy: BudgetPolicy) -> None:
    purse, earned, first, latest = Budget(policy), policy.capacity, None, 0.0
    for what, now in said:
        if what == "succeeded":
            purse.succeeded()
            earned += policy.per_success
        elif what == "refund":
            purse.refund()
            earned += 1
        else:
            first = now if first is None else first
            latest = max(latest, now)
            earned -= purse.spend(now)
        assert earned + policy.per_second * max(0.0, latest - (first or 0.0)) >= -1e-6
