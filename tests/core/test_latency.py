"""How long a target usually takes, and how long it happens to take now."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, inf, isfinite, log, nan
from random import Random
from sys import getsizeof

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.latency import BOUND, Baseline, Generations, Histogram, unhurried

PATIENT = {"deadline": None, "derandomize": True}


def lognormal(rng: Random, median: float = 0.8, sigma: float = 0.4) -> float:
    return median * exp(rng.gauss(0, sigma))


def after(samples: Iterable[float], baseline: Baseline | None = None) -> Baseline:
    """At one sample a second."""
    baseline = baseline or Baseline()
    for now, seconds in enumerate(samples):
        baseline.observe(seconds, float(now))
    return baseline


def usual_fleet(count: int = 500, *, median: float = 0.8, sigma: float = 0.4, seed: int = 3) -> Baseline:
    rng = Random(seed)
    return after(lognormal(rng, median, sigma) for _ in range(count))


def test_a_short_prompt_is_taken_as_it_is_and_a_long_one_is_forgiven_its_length() -> None:
    assert unhurried(2.0, None) == unhurried(2.0, 0) == 2.0
    assert unhurried(2.0, 20_000) == 1.0
    assert unhurried(2.0, 60_000) == 0.5


class TestTheBaseline:
    """Robust: what it is to find cannot poison it."""

    def test_the_first_sample_is_the_usual(self) -> None:
        baseline = after([0.7])
        assert baseline.usual == pytest.approx(0.7)
        assert not baseline.known

    def test_ten_samples_are_enough_to_judge_by(self) -> None:
        assert not after([0.7] * 9).known
        assert after([0.7] * 10).known

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("sigma", [0.25, 0.45, 0.8])
    def test_median_and_spread_are_found(self, sigma: float, seed: int) -> None:
        baseline = usual_fleet(sigma=sigma, seed=seed)
        assert baseline.usual == pytest.approx(0.8, rel=0.4 * sigma)
        assert baseline.deviation == pytest.approx(sigma, rel=0.35)

    def test_a_spread_is_never_taken_for_nothing(self) -> None:
        assert after([0.5] * 1000).deviation == 0.2

    def test_three_deviations_are_rarely_exceeded(self) -> None:
        baseline, rng = usual_fleet(), Random(9)
        late = sum(lognormal(rng) > baseline.within(3.0) for _ in range(20_000))
        assert late < 200

    def test_one_outlier_moves_it_no_more_than_a_bounded_step(self) -> None:
        baseline = usual_fleet()
        mean, deviation = baseline.mean, baseline.deviation
        baseline.observe(3000.0, 500.0)
        assert baseline.mean - mean <= 0.02 * BOUND * deviation + 1e-12

    def test_outliers_do_not_hide_the_next(self) -> None:
        clean = usual_fleet()
        score = clean.anomaly(20.0)
        for now in range(10):
            clean.observe(60.0, 500.0 + now)
        assert clean.anomaly(20.0) > 0.6 * score > 2.5

    def test_it_follows_a_change_that_lasts(self) -> None:
        baseline = usual_fleet()
        rng = Random(5)
        after((lognormal(rng, 1.2) for _ in range(600)), baseline)
        assert baseline.usual == pytest.approx(1.2, rel=0.25)

    def test_a_z_score_counts_deviations_from_the_usual(self) -> None:
        baseline = usual_fleet()
        assert baseline.anomaly(baseline.usual) == pytest.approx(0.0)
        assert baseline.anomaly(baseline.within(2.5)) == pytest.approx(2.5)
        assert baseline.anomaly(0.0) < -5


class TestThePeak:
    """Up at once, down in seconds: what strategies compare."""

    def test_is_nothing_at_first(self) -> None:
        assert Baseline().recent_peak(5.0) == 0.0

    def test_jumps_up_and_fades(self) -> None:
        baseline = after([0.5] * 5)
        baseline.observe(4.0, 10.0)
        assert baseline.recent_peak(10.0) == 4.0
        assert baseline.recent_peak(20.0) == pytest.approx(4.0 / exp(1))
        assert baseline.recent_peak(40.0, 30.0) == pytest.approx(4.0 / exp(1))

    def test_a_fast_answer_brings_it_down_step_by_step(self) -> None:
        baseline = Baseline()
        baseline.observe(4.0, 0.0)
        baseline.observe(0.5, 0.0)
        assert baseline.recent_peak(0.0) == pytest.approx(4.0 - 0.35)


class TestOverload:
    """First contents that come later and later, before a server says so."""

    @staticmethod
    def rising(factor: float, count: int = 40) -> Baseline:
        baseline, rng = usual_fleet(200, sigma=0.3), Random(1)
        return after((lognormal(rng, 0.8 * factor, 0.3) for _ in range(count)), baseline)

    def test_is_not_seen_in_noise(self) -> None:
        rng, baseline, alarms = Random(2), Baseline(), 0
        for now in range(5000):
            baseline.observe(lognormal(rng, sigma=0.45), float(now))
            alarms += baseline.overloaded()
        assert alarms <= 25

    def test_is_not_seen_in_noise_that_is_heavier(self) -> None:
        rng, baseline, alarms = Random(2), Baseline(), 0
        for now in range(5000):
            baseline.observe(lognormal(rng, sigma=0.8), float(now))
            alarms += baseline.overloaded()
        assert alarms <= 50

    def test_is_seen_when_everything_takes_twice_as_long(self) -> None:
        assert self.rising(2.2).overloaded()

    def test_is_not_seen_before_there_are_samples_enough(self) -> None:
        assert not after([0.1] * 15 + [30.0] * 15).overloaded()

    def test_a_part_of_it_is_seen_earlier(self) -> None:
        baseline = self.rising(1.45)
        assert baseline.overloaded(0.55)
        assert not baseline.overloaded(1.4)

    def test_is_not_learnt_as_what_is_usual(self) -> None:
        baseline = usual_fleet(200, sigma=0.3)
        usual = baseline.usual
        after([4.0] * 100, baseline)
        assert baseline.usual < 2 * usual

    def test_its_reference_is_the_fastest_it_has_been_and_creeps_up(self) -> None:
        baseline = usual_fleet(300)
        floor = baseline.floor
        after([0.2] * 60, baseline)
        assert baseline.floor < floor
        low = baseline.floor
        after([0.25] * 50, baseline)
        assert low < baseline.floor <= low + 50 * 0.0005 + 1e-9

    def test_what_was_followed_before_a_return_is_forgotten(self) -> None:
        baseline = after([0.5] * 50 + [9.0] * 30)
        baseline.restart(log(0.5))
        assert baseline.fast == pytest.approx(log(0.5))
        assert baseline.recent_peak(79.0) == pytest.approx(0.5)
        baseline.restart(log(2.0))
        assert baseline.fast == pytest.approx(log(0.5))


ABSURD = st.one_of(
    st.floats(), st.sampled_from([nan, inf, -inf, 0.0, -1.0, 5e-324, 1e308, 1e-3]), st.floats(0.001, 100.0)
)


@settings(max_examples=200, **PATIENT)
@given(st.lists(st.tuples(ABSURD, st.floats(0, 1e6)), min_size=1, max_size=80))
def test_absurd_times_never_lead_to_absurd_numbers(samples: list[tuple[float, float]]) -> None:
    baseline, histogram, now = Baseline(), Histogram(), 0.0
    for seconds, passes in samples:
        now += passes
        baseline.observe(seconds, now)
        histogram.add(seconds, now)
        state = (baseline.mean, baseline.deviation, baseline.fast, baseline.floor, baseline.usual)
        assert all(isfinite(value) for value in state)
        assert baseline.deviation >= 0.2
        assert baseline.floor <= baseline.fast + 1e-9
        assert 0 <= baseline.within(3.0) < inf
        assert 0 <= baseline.recent_peak(now) <= 86_400.0
        assert isfinite(baseline.anomaly(1.0))
        assert all(0 < value < 5000 for value in histogram.percentiles(0.0, 0.5, 1.0, now=now) if value is not None)


class TestTheHistogram:
    """Percentiles of the last five to ten minutes."""

    @staticmethod
    def of(*values: float) -> Histogram:
        histogram = Histogram()
        for value in values:
            histogram.add(value, 0.0)
        return histogram

    def test_of_nothing_there_is_no_percentile(self) -> None:
        assert Histogram().percentiles(0.5, 0.99, now=0.0) == (None, None)

    def test_none_asked_none_told(self) -> None:
        assert self.of(1.0).percentiles(now=0.0) == ()

    @pytest.mark.parametrize("seed", range(4))
    def test_percentiles_are_right_within_five_percent(self, seed: int) -> None:
        rng = Random(seed)
        values = sorted(lognormal(rng, 1.3, 1.2) for _ in range(5000))
        histogram = self.of(*values)
        for share in (0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999):
            (told,) = histogram.percentiles(share, now=0.0)
            assert told == pytest.approx(values[max(0, round(share * 5000) - 1)], rel=0.05)

    @settings(max_examples=300, **PATIENT)
    @given(st.floats(0.00105, 3600.0))
    def test_one_value_is_right_within_five_percent(self, value: float) -> None:
        assert self.of(value).percentiles(0.0, 0.5, 1.0, now=0.0) == (pytest.approx(value, rel=0.05),) * 3

    def test_what_is_off_the_scale_counts_at_its_ends(self) -> None:
        low, high = self.of(0.0), self.of(80_000.0)
        assert low.percentiles(0.5, now=0.0)[0] == pytest.approx(0.0011, rel=0.05)
        assert high.percentiles(0.5, now=0.0)[0] == pytest.approx(4200, rel=0.05)

    @settings(**PATIENT)
    @given(st.lists(st.floats(0.001, 4000), min_size=1, max_size=60), st.lists(st.floats(0, 1), min_size=2, max_size=6))
    def test_percentiles_never_fall(self, values: list[float], shares: list[float]) -> None:
        told = self.of(*values).percentiles(*sorted(shares), now=0.0)
        assert list(told) == sorted(told, key=lambda value: value or 0.0)

    def test_the_last_generation_counts_as_well(self) -> None:
        histogram = Histogram()
        histogram.add(1.0, 0.0)
        histogram.add(100.0, 300.0)
        assert histogram.percentiles(0.0, 1.0, now=400.0) == (pytest.approx(1, rel=0.05), pytest.approx(100, rel=0.05))
        assert histogram.percentiles(0.0, now=600.0) == (pytest.approx(100, rel=0.05),)

    def test_after_ten_minutes_of_silence_nothing_is_known(self) -> None:
        histogram = Histogram()
        histogram.add(1.0, 0.0)
        assert histogram.percentiles(0.5, now=599.9) == (pytest.approx(1, rel=0.05),)
        assert histogram.percentiles(0.5, now=600.0) == (None,)
        histogram.add(100.0, 10_000.0)
        assert histogram.percentiles(0.0, now=10_000.0) == (pytest.approx(100, rel=0.05),)

    @settings(max_examples=200, **PATIENT)
    @given(st.lists(st.floats(0, 500), min_size=1, max_size=25), st.floats(0, 700))
    def test_what_is_told_is_of_the_last_five_to_ten_minutes(self, pauses: list[float], wait: float) -> None:
        histogram, now, times = Histogram(), 0.0, list[float]()
        for number, pause in enumerate(pauses):
            now += pause
            times.append(now)
            histogram.add(1.2**number, now)
        now += wait
        (oldest,) = histogram.percentiles(0.0, now=now)
        if oldest is None:
            assert now - times[-1] >= 300
        else:
            index = round(log(oldest) / log(1.2))
            assert now - times[index] <= 600
            assert index == 0 or now - times[index - 1] >= 300

    def test_it_is_small(self) -> None:
        histogram = self.of(1.0)
        histogram.add(1.0, 300.0)
        assert getsizeof(histogram) + getsizeof(histogram._old) <= 900

    def test_what_a_fleet_counts_together_it_forgets_together(self) -> None:
        generations = Generations()
        early, late = Histogram(generations), Histogram(generations)
        early.add(1.0, 0.0)
        late.add(1.0, 299.0)
        late.add(100.0, 301.0)
        assert late.percentiles(0.0, now=599.0) == (pytest.approx(1, rel=0.05),)
        late.add(100.0, 601.0)
        assert late.percentiles(0.0, now=601.0) == (pytest.approx(100, rel=0.05),)
        early.add(100.0, 602.0)
        assert early.percentiles(0.0, now=602.0) == (pytest.approx(100, rel=0.05),)

    def test_where_a_count_is_full_the_shares_stay(self) -> None:
        histogram = Histogram()
        for _ in range(70_000):
            histogram.add(1.0, 0.0)
            histogram.add(10.0, 0.0)
        (low, high) = histogram.percentiles(0.49, 0.51, now=0.0)
        assert (low, high) == (pytest.approx(1, rel=0.05), pytest.approx(10, rel=0.05))

    def test_a_share_beyond_one_is_a_mistake_of_the_programmer(self) -> None:
        with pytest.raises(AssertionError, match="at most the total"):
            self.of(1.0).percentiles(1.5, now=0.0)
