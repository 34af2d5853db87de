"""When a target counts as degraded, and what a report says of the calls that led there."""

from __future__ import annotations

from math import inf, log
from random import Random
from typing import Any

import pytest
from core.scripted import broken, invalid, rate_limited, tier

from failover_plugin import BreakerPolicy, ConfigError, ErrorClass, Failover, Health, Policy, VerdictPolicy
from failover_plugin.classify import Hold
from failover_plugin.testing import FakeClock


class Life:
    """Two equals, and calls to the first of them."""

    def __init__(self, **breaker: Any) -> None:
        self.clock = FakeClock()
        policy = Policy(strategy="sequential", breaker=BreakerPolicy(**breaker))
        self.failover = Failover(tier(2), policy, clock=self.clock, rng=Random(1))

    def fails(self, error: BaseException | None = None) -> Life:
        permit = self.failover.acquire(among=["a"])
        assert permit is not None
        permit.failure(error or broken())
        return self

    def succeeds(self) -> Life:
        permit = self.failover.acquire(among=["a"])
        assert permit is not None
        permit.success()
        return self

    def streams(self, seconds: float) -> None:
        permit = self.failover.acquire(among=["a"], streaming=True)
        assert permit is not None
        self.clock.advance(seconds)
        permit.first_content()
        permit.success()

    @property
    def health(self) -> Health:
        return self.failover.health()["a"].health

    @property
    def in_a_row(self) -> int:
        return self.failover.health()["a"].consecutive_failures


def test_one_failure_degrades_nobody_unless_the_policy_is_that_wary() -> None:
    assert Life().fails().health is Health.HEALTHY
    assert Life(degraded_at=0.1).fails().health is Health.DEGRADED


def test_a_wary_policy_forgets_in_the_same_half_life() -> None:
    life = Life(degraded_at=0.1, threshold=2.5).fails()
    life.clock.advance(119)  # 0.4 of the evidence is 0.1 after two half-lives
    assert life.health is Health.DEGRADED
    life.clock.advance(2)
    assert life.health is Health.HEALTHY


def test_without_forgetting_a_degraded_target_waits_for_a_success() -> None:
    life = Life(degraded_at=0.1, half_life=inf).fails()
    life.clock.advance(1e6)
    assert life.health is Health.DEGRADED


def test_a_share_that_means_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"BreakerPolicy.degraded_at = 0: it should be greater than 0"):
        BreakerPolicy(degraded_at=0)


def test_where_one_success_clears_all_evidence_it_clears_the_failure_rate_too() -> None:
    cleared, weighed = (Life(success_clears=clears).fails().fails() for clears in (True, False))
    for life in (cleared, weighed):
        life.clock.advance(2)
        life.succeeds().succeeds()
    assert cleared.health is Health.HEALTHY
    assert weighed.health is Health.DEGRADED


def test_failures_in_a_row_are_counted_from_the_last_success() -> None:
    life = Life()
    assert life.in_a_row == 0
    assert life.fails().fails().in_a_row == 2
    assert life.succeeds().in_a_row == 0
    assert life.fails().in_a_row == 1


def test_a_reset_forgets_failures_in_a_row() -> None:
    life = Life().fails()
    life.failover.reset("a")
    assert life.in_a_row == 0


def test_a_rest_says_what_it_is_for() -> None:
    resting = VerdictPolicy(hold=Hold.COOL, seconds=30)
    policy = Policy(strategy="sequential", verdicts={ErrorClass.SERVER_ERROR: resting})
    fo = Failover(tier(3), policy, clock=FakeClock(), rng=Random(1))
    for error in (broken(), rate_limited(30)):
        permit = fo.acquire()
        assert permit is not None
        permit.failure(error)
    fo.cool("c", 30)
    assert [line.reason for line in fo.health().targets] == [
        "cooling after server_error 500",
        "rate limit",
        "cooling by hand",
    ]


def test_a_callers_own_mistake_is_not_a_failure_in_a_row() -> None:
    life = Life().fails().fails(invalid())
    assert life.in_a_row == 1
    assert life.failover.health()["a"].failures == 2


def test_the_usual_time_and_its_spread_are_reported_and_hardly_moved_by_one_outlier() -> None:
    life = Life()
    assert (life.failover.health()["a"].usual, life.failover.health()["a"].deviation) == (None, None)
    for seconds in [0.4, 0.5, 0.6] * 20:
        life.streams(seconds)
    before = life.failover.health()["a"]
    assert before.usual == pytest.approx(0.5, rel=0.1)
    life.streams(60.0)
    after = life.failover.health()["a"]
    assert before.usual is not None
    assert after.usual is not None
    assert after.deviation is not None
    assert after.usual == pytest.approx(before.usual, rel=0.02)
    assert log(60.0 / after.usual) / after.deviation > 2.5
    assert after.anomalies == 1
