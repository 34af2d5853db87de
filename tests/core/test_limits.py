"""What keeps calls away: a horizon that only grows, and requests and tokens per minute."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.limits import Cooldown, Meter


class Unspread(Random):
    """Adds nothing at random."""

    def uniform(self, a: float, b: float) -> float:
        return a


def test_a_named_time_is_kept_and_a_tenth_at_most_added() -> None:
    for seed in range(50):
        cooldown = Cooldown()
        cooldown.extend(20.0, 100.0, Random(seed))
        assert 120.0 <= cooldown.until <= 122.0


def test_it_cools_until_its_time_and_not_longer() -> None:
    cooldown = Cooldown()
    assert not cooldown.cooling(0)
    cooldown.extend(20.0, 100.0, Unspread())
    assert cooldown.cooling(119.9)
    assert not cooldown.cooling(120.0)


def test_a_shorter_word_never_replaces_a_longer_one() -> None:
    cooldown = Cooldown()
    cooldown.extend(60.0, 0.0, Unspread())
    cooldown.extend(1.0, 5.0, Unspread())
    assert cooldown.until == 60.0


def test_a_longer_word_replaces_a_shorter_one() -> None:
    cooldown = Cooldown()
    cooldown.extend(1.0, 0.0, Unspread())
    cooldown.extend(60.0, 0.5, Unspread())
    assert cooldown.until == 60.5


def test_zero_seconds_mean_not_now() -> None:
    cooldown = Cooldown()
    cooldown.extend(0.0, 0.0, Unspread())
    assert cooldown.until == 0.5


def unnamed_pauses(cooldown: Cooldown, count: int, now: float = 0.0) -> list[float]:
    pauses = []
    for _ in range(count):
        cooldown.extend(None, now, Unspread())
        pauses.append(cooldown.until - now)
        now = cooldown.until
    return pauses


def test_an_unnamed_time_doubles_from_two_seconds_to_a_minute() -> None:
    assert unnamed_pauses(Cooldown(), 7) == [2, 4, 8, 16, 32, 60, 60]


def test_an_unnamed_time_stays_a_minute_however_long_it_lasts() -> None:
    assert unnamed_pauses(Cooldown(), 2000)[-1] == 60


def test_a_request_that_got_through_starts_the_doubling_anew() -> None:
    cooldown = Cooldown()
    unnamed_pauses(cooldown, 5)
    cooldown.passed()
    assert unnamed_pauses(cooldown, 2, now=1000.0) == [2, 4]


def test_twenty_refusals_at_once_are_one_cooldown() -> None:
    cooldown = Cooldown()
    for _ in range(20):
        cooldown.extend(None, 0.0, Unspread())
    assert cooldown.until == 2.0


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.none() | st.floats(0, 3600), st.booleans()), max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_horizon_only_grows(said: list[tuple[float, float | None, bool]], rng: Random) -> None:
    cooldown, now = Cooldown(), 0.0
    for passes, retry_after, got_through in said:
        now += passes
        before = cooldown.until
        cooldown.extend(retry_after, now, rng)
        assert cooldown.until >= before
        assert retry_after is None or cooldown.until >= now + retry_after
        assert cooldown.until <= max(before, now + 3960.001)
        if got_through:
            cooldown.passed()


def test_two_processes_do_not_come_back_in_step() -> None:
    ends = set()
    for seed in range(20):
        cooldown = Cooldown()
        cooldown.extend(30.0, 0.0, Random(seed))
        ends.add(cooldown.until)
    assert len(ends) == 20
    assert max(ends) - min(ends) > 1.0
    assert min(ends) == pytest.approx(30.0, abs=1.0)


def test_by_hand_it_rests_for_exactly_so_long_and_zero_ends_it() -> None:
    cooldown = Cooldown()
    cooldown.extend(60.0, 0.0, Unspread())
    cooldown.hold(10.0, 0.0)
    assert cooldown.until == 60.0
    cooldown.hold(90.0, 0.0)
    assert cooldown.until == 90.0
    cooldown.hold(0.0, 5.0)
    assert not cooldown.cooling(5.0)


def test_no_word_of_a_provider_counts_for_more_than_an_hour() -> None:
    cooldown = Cooldown()
    cooldown.extend(1e9, 0.0, Unspread())
    assert cooldown.until == 3600.0


def passed(meter: Meter, seconds: float, *, step: float = 0.01, units: float = 1.0) -> int:
    """How many requests get through that come all the time."""
    count, now = 0, 0.0
    while now < seconds:
        while meter.free_at(now, units) <= now:
            meter.take(units, now)
            count += 1
        now += step
    return count


class TestAMeter:
    """GCRA: a burst, then an even stream."""

    def test_a_tenth_of_a_minutes_requests_pass_at_once(self) -> None:
        meter = Meter(60)
        assert passed(meter, 0.005) == 6
        assert meter.free_at(0.0) == pytest.approx(1.0)

    def test_at_least_one_passes(self) -> None:
        meter = Meter(1)
        meter.take(1, 0.0)
        assert meter.free_at(0.0) == 60.0
        assert meter.free_at(60.0) == 60.0

    @pytest.mark.parametrize("per_minute", [30, 60, 600])
    def test_then_as_many_as_it_says(self, per_minute: int) -> None:
        assert passed(Meter(per_minute), 600.0) == pytest.approx(per_minute * 10.1, abs=1)

    def test_what_is_not_used_is_saved_up_to_a_burst_only(self) -> None:
        meter = Meter(60)
        meter.take(6, 0.0)
        assert passed(meter, 0.005) == 0
        assert meter.free_at(1e6, 6) == 1e6
        meter.take(6, 1e6)
        assert meter.free_at(1e6) == pytest.approx(1e6 + 1)

    def test_more_than_a_burst_passes_as_soon_as_the_bucket_is_full_and_is_paid_back(self) -> None:
        meter = Meter(6000)
        assert meter.free_at(0.0, 5000) == 0.0
        meter.take(5000, 0.0)
        assert meter.free_at(0.0, 1) == pytest.approx(44.01)
        assert meter.free_at(0.0, 5000) == pytest.approx(50.0)

    def test_what_was_estimated_too_high_is_given_back(self) -> None:
        meter = Meter(6000)
        meter.take(1000, 0.0)
        meter.take(-900, 0.0)
        assert meter.free_at(0.0, 500) == 0.0
        assert meter.free_at(0.0, 501) == pytest.approx(0.01)

    def test_what_was_estimated_too_low_is_taken(self) -> None:
        meter = Meter(6000)
        meter.take(100, 0.0)
        meter.take(900, 0.0)
        assert meter.free_at(0.0) == pytest.approx(4.01)

    def test_nothing_is_given_back_beyond_a_full_bucket(self) -> None:
        meter = Meter(60)
        meter.take(-1e9, 0.0)
        assert passed(meter, 0.005) == 6


@settings(deadline=None, derandomize=True)
@given(
    st.integers(1, 100_000),
    st.lists(st.tuples(st.floats(0, 30), st.floats(1, 5000), st.floats(-1, 1)), max_size=40),
)
def test_a_meter_frees_in_finite_time_and_no_sooner_than_it_says(
    per_minute: int, calls: list[tuple[float, float, float]]
) -> None:
    meter, now = Meter(per_minute), 0.0
    for passes, units, error in calls:
        now += passes
        free = meter.free_at(now, units)
        assert now <= free < inf
        assert meter.free_at(free, units) == pytest.approx(free)
        meter.take(units, free)
        later = meter.free_at(free, units)
        meter.take(units * error, free)
        assert (meter.free_at(free, units) >= later) if error >= 0 else (meter.free_at(free, units) <= later)
