"""Failover is paid from a budget, so that it never feeds a storm."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from failover_plugin.budget import FailoverBudget, full_jitter
from failover_plugin.policy import BudgetPolicy


def budget(capacity: float = 3.0, per_success: float = 0.5, per_second: float = 1.0) -> FailoverBudget:
    return FailoverBudget(BudgetPolicy(capacity=capacity, per_success=per_success, per_second=per_second))


def spendable(purse: FailoverBudget, now: float = 0.0) -> int:
    count = 0
    while purse.spend(now):
        count += 1
    return count


def test_it_starts_full() -> None:
    assert spendable(budget(3)) == 3


def test_the_default_lets_fifty_attempts_through_at_once() -> None:
    assert spendable(FailoverBudget(BudgetPolicy())) == 50


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


def test_it_goes_on_after_a_fork() -> None:
    purse = budget(2)
    purse.spend(0)
    purse.after_fork()
    assert spendable(purse) == 1


@pytest.mark.parametrize(("retry", "most"), [(1, 0.05), (2, 0.1), (5, 0.8)])
def test_the_pause_is_drawn_from_the_whole_span(retry: int, most: float) -> None:
    rng = Random(1)
    pauses = [full_jitter(0.05, retry, rng) for _ in range(500)]
    assert all(0 <= pause <= most for pause in pauses)
    assert mean(pauses) == pytest.approx(most / 2, rel=0.1)
