"""The detector: a run of failures trips it at once, a brownout later, scattered failures never."""

from __future__ import annotations

from math import inf, log2
from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    assert after_failures(*times).trips()


def test_two_failures_do_not_trip() -> None:
    assert not after_failures(0, 0).trips()


def test_three_failures_a_minute_apart_do_not_trip() -> None:
    assert not after_failures(0, 60, 120).trips()


def test_half_a_failure_counts_half() -> None:
    assert not after_failures(0, 0, 0, 0, weight=0.5).trips()
    assert after_failures(0, 0, 0, 0, 0, weight=0.5).trips()


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
    assert detector.trips()


def test_on_parole_one_further_failure_trips() -> None:
    detector = after_failures(0, 0, 0, 0, 0)
    detector.parole(10)
    assert not detector.trips()
    detector.failed(1.0, 10)
    assert detector.trips()


def test_trust_on_parole_is_earned() -> None:
    detector = cusum()
    detector.parole(0)
    for _ in range(3):
        detector.succeeded(0)
    detector.failed(1.0, 0)
    assert not detector.trips()


def test_one_strike_is_a_threshold_of_one() -> None:
    detector = cusum(1)
    detector.parole(0)
    assert detector.score == 0.0
    detector.failed(1.0, 0)
    assert detector.trips()


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
        if detector.trips():
            return number
    return limit


@pytest.mark.parametrize(
    ("rate", "least", "most"),
    [(1.0, 3, 3), (0.5, 4, 15), (0.3, 8, 40), (0.2, 20, 150), (0.1, 150, 3000), (0.03, 1000, 20_000)],
)
def test_mean_requests_to_open_fall_with_the_failure_rate(rate: float, least: float, most: float) -> None:
    rng = Random(7)
    assert least <= mean(requests_to_open(rate, rng) for _ in range(20 if rate < 0.1 else 200)) <= most


def test_nothing_known_is_no_risk() -> None:
    assert Tally().failure_rate(0) == 0.0


def test_successes_earn_no_advantage_over_those_who_were_not_asked() -> None:
    tally = Tally()
    tally.succeeded(0)
    assert tally.failure_rate(0) == Tally().failure_rate(0)


def test_one_failure_is_not_all_there_is() -> None:
    tally = Tally()
    tally.failed(0)
    assert tally.failure_rate(0) == pytest.approx(1 / 3)


def test_the_tally_follows_what_happens() -> None:
    tally = Tally()
    for _ in range(5):
        tally.failed(0)
    assert tally.failure_rate(0) > 0.7
    for _ in range(50):
        tally.succeeded(0)
    assert tally.failure_rate(0) < 0.1


def test_the_tally_forgets_by_half_in_twenty_seconds() -> None:
    tally = Tally()
    tally.failed(0)
    assert tally.failure_rate(20) == pytest.approx(0.5 / 2.5)
    tally.succeeded(20)
    assert (tally.erred, tally.answered) == (0.5, 1.0)


def test_asking_for_the_failure_rate_changes_nothing() -> None:
    tally = Tally()
    tally.failed(0)
    tally.succeeded(0)
    tally.failure_rate(20)
    assert (tally.erred, tally.answered) == (1.0, 1.0)


def test_where_a_success_clears_consecutive_failures_are_counted() -> None:
    detector = Cusum(3, inf, clears=True)
    for _ in range(2):
        detector.failed(1.0, 0)
        detector.failed(1.0, 1e9)
        detector.succeeded(2e9)
        assert detector.score == 0.0
    for _ in range(2):
        detector.failed(1.0, 3e9)
    assert not detector.trips()
    detector.failed(1.0, 4e9)
    assert detector.trips()


def test_a_failure_that_was_booked_too_early_is_taken_back() -> None:
    detector = after_failures(0, 0)
    detector.retract(1.0, 0)
    assert detector.suspicion(0) == pytest.approx(0.4)
    detector.retract(1.0, 0)
    assert detector.score == 0.0


def test_no_more_is_taken_back_than_is_left() -> None:
    detector = after_failures(0)
    detector.retract(1.0, 60)
    assert detector.score == 0.0
    detector.failed(1.0, 60)
    assert detector.suspicion(60) == pytest.approx(0.4)


def test_trusting_fully_forgets_everything() -> None:
    detector = after_failures(0, 0, 0)
    detector.clear()
    assert (detector.trips(), detector.suspicion(0)) == (False, 0.0)


def test_when_suspicion_will_have_faded_is_known_before() -> None:
    detector = after_failures(0, 0)
    when = detector.falls_to(0.5, 0)
    assert when == pytest.approx(60 * log2(1.6))
    assert detector.suspicion(when) == pytest.approx(0.5)
    assert detector.falls_to(0.5, when + 1) == when + 1


def test_without_a_half_life_suspicion_never_fades() -> None:
    detector = Cusum(2.5, inf)
    detector.failed(1.0, 0)
    detector.failed(1.0, 0)
    assert detector.suspicion(1e9) == pytest.approx(0.8)
    assert detector.falls_to(0.5, 0) == inf


def test_a_failure_can_be_taken_back_from_the_tally() -> None:
    tally = Tally()
    tally.failed(0)
    tally.failed(0, -0.25)
    assert tally.erred == 0.75
    tally.failed(0, -5.0)
    assert tally.erred == 0.0


@pytest.mark.parametrize(
    ("successes", "failures", "exceeds"), [(3, 0, False), (0, 3, False), (3, 1, True), (17, 3, False), (16, 3, True)]
)
def test_more_than_a_share_of_enough_calls_failed(successes: int, failures: int, exceeds: bool) -> None:  # noqa: FBT001
    tally = Tally()
    for _ in range(successes):
        tally.succeeded(0)
    for _ in range(failures):
        tally.failed(0)
    assert tally.exceeds(0.15, 4, 0) is exceeds


def test_when_too_few_calls_will_be_remembered_is_known_before() -> None:
    tally = Tally()
    for _ in range(8):
        tally.failed(0)
    assert tally.falls_to(4, 0) == 20.0
    assert tally.exceeds(0.15, 4, 19.9)
    assert not tally.exceeds(0.15, 4, 20.1)
    assert tally.falls_to(4, 30) == 30


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.sampled_from(["ok", "no", "late", "back"]), st.floats(0, 1)), max_size=60)
)
def test_evidence_is_never_negative_and_rates_are_shares(said: list[tuple[float, str, float]]) -> None:
    detector, tally, now = cusum(), Tally(), 0.0
    for passes, what, weight in said:
        now += passes
        if what == "ok":
            detector.succeeded(now)
            tally.succeeded(now)
        else:
            detector.retract(weight, now) if what == "back" else detector.failed(weight, now)
            tally.failed(now, -weight if what == "back" else weight)
        assert 0 <= detector.score < inf
        assert 0 <= tally.failure_rate(now) < 1
        assert now <= tally.falls_to(4, now) < inf
        assert now <= detector.falls_to(0.5, now) < inf
