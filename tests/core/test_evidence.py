"""The detector: a run of failures trips it at once, a brownout later, scattered failures never."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from failover_plugin.evidence import Cusum, Tally
from failover_plugin.policy import BreakerPolicy

POLICY = BreakerPolicy()


def cusum(failures: float = POLICY.threshold, half_life: float = POLICY.half_life) -> Cusum:
    return Cusum(failures, half_life)


def after_failures(*times: float, weight: float = 1.0) -> Cusum:
    detector = cusum()
    for now in times:
        detector.failed(weight, now)
    return detector


@pytest.mark.parametrize("times", [(0, 0, 0), (0, 7.5, 15), (0, 0, 15), (0, 15, 15)])
def test_three_failures_within_fifteen_seconds_trip(times: tuple[float, ...]) -> None:
    assert after_failures(*times).tripped


def test_two_failures_do_not_trip() -> None:
    assert not after_failures(0, 0).tripped


def test_three_failures_a_minute_apart_do_not_trip() -> None:
    assert not after_failures(0, 60, 120).tripped


def test_half_a_failure_counts_half() -> None:
    assert not after_failures(0, 0, 0, 0, weight=0.5).tripped
    assert after_failures(0, 0, 0, 0, 0, weight=0.5).tripped


def test_a_failure_without_weight_is_none() -> None:
    assert after_failures(*range(100), weight=0.0).score == 0.0


def test_evidence_is_forgotten_by_half_in_a_half_life() -> None:
    detector = after_failures(0, 0)
    assert detector.suspicion(0) == pytest.approx(0.8)
    assert detector.suspicion(60) == pytest.approx(0.4)
    assert detector.suspicion(180) == pytest.approx(0.1)


def test_about_six_successes_pay_back_one_failure() -> None:
    detector = after_failures(0)
    for _ in range(5):
        detector.succeeded(0)
    assert detector.score > 0
    detector.succeeded(0)
    assert detector.score == 0.0


def test_successes_are_not_saved_up() -> None:
    detector = cusum()
    for _ in range(1000):
        detector.succeeded(0)
    for _ in range(3):
        detector.failed(1.0, 0)
    assert detector.tripped


def test_on_parole_one_further_failure_trips() -> None:
    detector = after_failures(0, 0, 0, 0, 0)
    detector.parole(10)
    assert not detector.tripped
    detector.failed(1.0, 10)
    assert detector.tripped


def test_trust_on_parole_is_earned() -> None:
    detector = cusum()
    detector.parole(0)
    for _ in range(3):
        detector.succeeded(0)
    detector.failed(1.0, 0)
    assert not detector.tripped


def test_one_strike_is_a_threshold_of_one() -> None:
    detector = cusum(1)
    detector.parole(0)
    assert detector.score == 0.0
    detector.failed(1.0, 0)
    assert detector.tripped


def test_a_clock_that_seems_to_go_back_brings_nothing_back() -> None:
    detector = after_failures(100)
    score = detector.score
    detector.failed(0.0, 50)
    assert detector.suspicion(99) * detector.limit == score


def requests_to_open(rate: float, rng: Random, limit: int = 20_000) -> int:
    """At a request a second, at most ``limit``."""
    detector = cusum()
    for number in range(1, limit + 1):
        if rng.random() < rate:
            detector.failed(1.0, number)
        else:
            detector.succeeded(number)
        if detector.tripped:
            return number
    return limit


@pytest.mark.parametrize(
    ("rate", "least", "most"),
    [(1.0, 3, 3), (0.5, 4, 15), (0.3, 8, 40), (0.2, 20, 150), (0.1, 150, 3000), (0.03, 1000, 20_000)],
)
def test_mean_requests_to_open_fall_with_the_failure_rate(rate: float, least: float, most: float) -> None:
    rng = Random(7)
    assert least <= mean(requests_to_open(rate, rng) for _ in range(20 if rate < 0.1 else 200)) <= most


def test_nothing_known_is_a_small_risk() -> None:
    assert Tally().failure_rate(0) == pytest.approx(0.05)


def test_the_tally_follows_what_happens() -> None:
    tally = Tally()
    for _ in range(5):
        tally.book(ok=False, now=0)
    assert tally.failure_rate(0) > 0.7
    for _ in range(50):
        tally.book(ok=True, now=0)
    assert tally.failure_rate(0) < 0.1


def test_the_tally_forgets_by_half_in_twenty_seconds() -> None:
    tally = Tally()
    tally.book(ok=False, now=0)
    assert tally.failure_rate(20) == pytest.approx(0.6 / 2.5)
    tally.book(ok=True, now=20)
    assert (tally.failures, tally.successes) == (0.5, 1.0)


def test_asking_for_the_failure_rate_changes_nothing() -> None:
    tally = Tally()
    tally.book(ok=False, now=0)
    tally.book(ok=True, now=0)
    tally.failure_rate(20)
    assert (tally.failures, tally.successes) == (1.0, 1.0)
