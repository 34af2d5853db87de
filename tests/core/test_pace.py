"""How fast a server writes, against how fast it writes with little to do."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.pace import FEW, Pace

USUAL = 0.0155


def written(pace: Pace, samples: Iterable[float], now: float = 0.0) -> Pace:
    for sample in samples:
        pace.observe(sample, now)
    return pace


def scattered(count: int, *, times: float = 1.0, sigma: float = 0.2, seed: int = 1) -> list[float]:
    rng = Random(seed)
    return [times * USUAL * exp(rng.gauss(0.0, sigma)) for _ in range(count)]


def samples_until_proven(
    pace: Pace, times: float, *, sigma: float = 0.2, seed: int = 2, now: float = 0.0
) -> int | None:
    for number, sample in enumerate(scattered(500, times=times, sigma=sigma, seed=seed), 1):
        pace.observe(sample, now)
        if pace.loaded:
            return number
    return None


class TestTheReference:
    """The pace of a server with little to do."""

    @pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2, 0.3])
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("count", [100, 2000, 20_000])
    def test_is_found_within_a_tenth_however_long_it_is_looked_for(self, count: int, seed: int, sigma: float) -> None:
        pace = written(Pace(), scattered(count, sigma=sigma, seed=seed))
        assert pace.unloaded == pytest.approx(log(USUAL), abs=max(0.12, 0.5 * sigma))

    def test_is_found_by_a_few_calls_to_a_server_that_was_busy_all_the_time_before(self) -> None:
        pace = written(Pace(), scattered(200, times=2.5))
        written(pace, scattered(16, seed=5))
        assert pace.unloaded < log(1.6 * USUAL)

    def test_is_hardly_trusted_while_little_is_known(self) -> None:
        """The first calls scatter more than their mean of twenty will."""
        early = [written(Pace(), scattered(FEW, seed=seed)).unloaded for seed in range(200)]
        assert sum(unloaded < log(0.9 * USUAL) for unloaded in early) < 20

    def test_does_not_follow_an_overload_of_minutes(self) -> None:
        pace = written(Pace(), scattered(500))
        before = pace.unloaded
        written(pace, scattered(2000, times=2.0, seed=3))
        assert pace.unloaded == pytest.approx(before, abs=0.11)
        assert pace.excess == pytest.approx(log(2.0), abs=0.25)

    def test_is_forgiven_to_a_server_that_is_slower_for_good(self) -> None:
        pace = written(Pace(), scattered(500))
        written(pace, scattered(30_000, times=1.5, seed=3))
        assert pace.excess < 0.15


class TestSlownessOfItsOwn:
    """A provider that is slower at noon for everybody is not slower because of our calls."""

    @staticmethod
    def accepted(times: float = 3.0) -> Pace:
        pace = written(Pace(), [*scattered(200), *scattered(200, times=times)])
        assert pace.loaded
        pace.accept()
        return pace

    def test_is_no_excess_once_it_is_accepted(self) -> None:
        pace = self.accepted()
        assert (pace.excess, pace.loaded) == (0.0, False)
        assert samples_until_proven(pace, 3.0) is None

    def test_is_remembered_when_it_has_gone_and_comes_again(self) -> None:
        pace = written(self.accepted(1.5), scattered(200, seed=4))
        assert pace.excess < -0.2
        assert samples_until_proven(pace, 1.5) is None

    def test_does_not_hide_what_is_slower_still(self) -> None:
        assert samples_until_proven(self.accepted(1.5), 2.5) is not None

    def test_is_half_forgotten_in_ten_minutes(self) -> None:
        pace = self.accepted(2.0)
        written(pace, scattered(100, seed=4), now=600.0)
        assert pace.excess == pytest.approx(-0.5 * log(2.0), abs=0.15)
        written(pace, scattered(100, seed=4), now=6000.0)
        assert pace.excess == pytest.approx(0.0, abs=0.1)
        assert samples_until_proven(pace, 2.0, now=6000.0) is not None

    def test_of_a_server_that_is_faster_than_ever_is_none(self) -> None:
        pace = written(Pace(), scattered(200))
        pace.observe(USUAL / 20, 0.0)
        pace.accept()
        written(pace, scattered(50, seed=9))
        assert pace.excess > -0.1


class TestTheProof:
    """That it is slower than with little to do."""

    @pytest.mark.parametrize(("sigma", "most"), [(0.05, 0), (0.1, 0), (0.2, 1), (0.3, 10)])
    def test_chance_alone_gives_hardly_any_in_fifty_thousand_calls(self, sigma: float, most: int) -> None:
        found = 0
        for seed in range(5):
            pace = Pace()
            for sample in scattered(10_000, sigma=sigma, seed=seed):
                pace.observe(sample, 0.0)
                if pace.loaded:
                    found += 1
                    pace.acquit()
        assert found <= most

    @pytest.mark.parametrize(("times", "most"), [(1.35, 30), (2.0, 12), (4.0, 10)])
    def test_comes_the_sooner_the_slower_it_is(self, times: float, most: int) -> None:
        paces = [written(Pace(), scattered(200, seed=seed)) for seed in range(9)]
        needed = [samples_until_proven(pace, times, seed=50 + seed) for seed, pace in enumerate(paces)]
        assert sorted(count or 999 for count in needed)[4] <= most

    def test_begins_anew_once_it_is_dealt_with(self) -> None:
        pace = written(Pace(), [*scattered(200), *scattered(40, times=2.0)])
        assert pace.loaded
        pace.acquit()
        assert not pace.loaded
        assert samples_until_proven(pace, 2.0) is not None

    def test_one_call_alone_proves_nothing_however_slow_it_was(self) -> None:
        pace = written(Pace(), scattered(200))
        pace.observe(60.0, 0.0)
        assert not pace.loaded
        assert pace.excess < 0.2


class TestASample:
    """What it says, if anything."""

    def test_says_nothing_before_there_is_something_to_compare_with(self) -> None:
        pace = Pace()
        told = [pace.observe(USUAL, 0.0) for _ in range(FEW + 1)]
        assert [excess is None for excess in told] == [True] * (FEW - 1) + [False] * 2

    def test_is_how_much_slower_it_was(self) -> None:
        pace = written(Pace(), scattered(2000))
        excess = pace.observe(1.4 * USUAL, 0.0)
        assert excess == pytest.approx(log(1.4), abs=0.1)

    def test_says_no_more_than_two_and_a_half_deviations(self) -> None:
        pace = written(Pace(), scattered(2000))
        slow, fast = pace.observe(1000 * USUAL, 0.0), pace.observe(USUAL / 20, 0.0)
        assert slow is not None
        assert fast is not None
        assert slow == pytest.approx(-fast, rel=0.2)
        assert slow < 0.7

    @pytest.mark.parametrize("seconds", [0.0, 0.0004, 1e-9, -1.0, 1e9, float("inf"), float("nan")])
    def test_that_no_server_can_have_made_is_none(self, seconds: float) -> None:
        """A cached answer comes out of a buffer in no time: it is not the pace of a server with little to do."""
        pace = written(Pace(), scattered(200))
        before = pace.unloaded, pace.usual, pace.count
        assert pace.observe(seconds, 0.0) is None
        assert (pace.unloaded, pace.usual, pace.count) == before

    @pytest.mark.parametrize("count", range(FEW + 2))
    def test_is_not_enough_alone(self, count: int) -> None:
        assert written(Pace(), scattered(count)).known is (count >= FEW)

    def test_of_a_call_alone_proves_nothing_but_speaks_for_the_server(self) -> None:
        pace = written(Pace(), scattered(200))
        for sample in scattered(200, times=1.5):
            pace.observe(sample, 0.0, shared=False)
        assert not pace.loaded
        pace = written(Pace(), [*scattered(200), *scattered(20, times=1.5)])
        assert pace.loaded
        for sample in scattered(60, seed=8):
            pace.observe(sample, 0.0, shared=False)
        assert not pace.loaded


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(1e-4, 10.0), max_size=80))
def test_whatever_is_measured_it_can_be_reckoned_with(samples: list[float]) -> None:
    pace = Pace()
    for sample in samples:
        excess = pace.observe(sample, 0.0)
        assert excess is None or -100 < excess < 100
        if pace.count >= FEW:
            assert -100 < pace.excess < 100
