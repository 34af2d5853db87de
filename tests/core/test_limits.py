"""A rate limit's horizon only ever grows."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.limits import Cooldown


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
