"""How many calls at once: a limit that exists only in trouble, and the three ways in which it is steered."""

from __future__ import annotations

from math import exp, inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin.concurrency import ENOUGH, REST, ConcurrencyLimit
from failover_plugin.pace import Pace

USUAL = 0.0155
STEPS = "shrink", "grow", "ramp", "begin", "follow"


def acquainted(sigma: float = 0.2, count: int = 300) -> Pace:
    """With a server that has had little to do so far."""
    pace, rng = Pace(), Random(7)
    for _ in range(count):
        pace.observe(USUAL * exp(rng.gauss(0.0, sigma)), 0.0)
    return pace


class TestAConcurrencyLimit:
    """There is none until there is trouble, and none when the trouble is over."""

    @staticmethod
    def cut(in_flight: int, now: float = 0.0) -> ConcurrencyLimit:
        limit = ConcurrencyLimit()
        limit.shrink(in_flight, now)
        return limit

    def test_there_is_none_at_first(self) -> None:
        limit = ConcurrencyLimit()
        assert limit.value == inf
        assert not limit.ramping

    def test_an_overloaded_server_keeps_seven_calls_of_ten(self) -> None:
        assert self.cut(10).value == pytest.approx(7.0)

    def test_cuts_add_up_but_one_second_apart(self) -> None:
        limit = self.cut(100)
        limit.shrink(100, 1.0)
        assert limit.value == pytest.approx(70.0)
        limit.shrink(100, 1.1)
        assert limit.value == pytest.approx(49.0)
        limit.shrink(20, 3.0)
        assert limit.value == pytest.approx(14.0)

    def test_two_calls_at_once_are_always_allowed(self) -> None:
        limit = self.cut(1)
        for now in range(2, 100, 2):
            limit.shrink(0, float(now))
        assert limit.value == 2.0

    def test_a_gentle_cut_has_a_floor_of_its_own(self) -> None:
        limit = ConcurrencyLimit()
        limit.shrink(10, 0.0, 0.93, floor=9.5)
        assert limit.value == 9.5

    def test_no_cut_raises_it_whatever_its_floor(self) -> None:
        limit = self.cut(10)
        limit.shrink(10, 2.0, 0.93, floor=20.0)
        assert limit.value == pytest.approx(7.0)

    def test_it_grows_with_answers_that_come_in_good_time(self) -> None:
        limit = self.cut(10)
        limit.grow(7, eased=True, wanted=False)
        assert limit.value == pytest.approx(7 + 4 / 7)
        limit.grow(7, eased=False, wanted=False)
        assert limit.value == pytest.approx(7 + 4 / 7)

    def test_it_is_lifted_when_it_does_not_bind_any_more(self) -> None:
        limit = self.cut(20)
        for _ in range(100):
            limit.grow(1, eased=True, wanted=False)
        assert limit.value == inf

    def test_it_stays_as_long_as_it_binds(self) -> None:
        limit, now = self.cut(20), 0.0
        for _ in range(20):
            limit.grow(int(limit.value), eased=True, wanted=False)
            assert limit.value < inf
            now += 2.0

    def test_it_stays_as_long_as_somebody_waits(self) -> None:
        limit = self.cut(20)
        for _ in range(200):
            limit.grow(0, eased=True, wanted=True)
        assert 16 < limit.value < inf
        limit.grow(0, eased=True, wanted=False)
        assert limit.value == inf

    def test_a_server_that_is_back_starts_with_two_and_gets_one_more_with_every_answer(self) -> None:
        limit = ConcurrencyLimit()
        limit.ramp(before=0, in_flight=0)
        values = []
        while limit.ramping:
            values.append(limit.value)
            limit.grow(0, eased=False, wanted=False)
        assert values == [2, 3, 4, 5, 6, 7]
        assert limit.value == inf

    def test_calls_that_outlived_its_absence_take_nobodys_place(self) -> None:
        limit = ConcurrencyLimit()
        limit.ramp(before=0, in_flight=10)
        assert limit.value == 12
        for _ in range(11):
            limit.grow(0, eased=False, wanted=False)
        assert limit.value == 23
        limit.grow(0, eased=False, wanted=False)
        assert limit.value == inf

    def test_a_busy_server_is_warmed_up_for_longer(self) -> None:
        limit = ConcurrencyLimit()
        limit.ramp(before=20, in_flight=0)
        answers = 0
        while limit.ramping:
            limit.grow(0, eased=True, wanted=False)
            answers += 1
        assert answers == 28

    def test_an_overload_ends_a_ramp(self) -> None:
        limit = ConcurrencyLimit()
        limit.ramp(before=20, in_flight=0)
        limit.grow(2, eased=True, wanted=False)
        limit.shrink(3, 0.0)
        assert (limit.value, limit.ramping) == (pytest.approx(2.1), False)


def loaded(times: float = 1.5) -> Pace:
    """With one that has much to do since."""
    pace = acquainted()
    for _ in range(30):
        pace.observe(times * USUAL, 0.0)
    return pace


class Server:
    """Slows down by the power of its load beyond its capacity; every second so many of its calls are answered."""

    def __init__(self, capacity: float, *, power: float = 1.5, sigma: float = 0.2, seed: int = 3) -> None:
        self.capacity, self.power, self.sigma = capacity, power, sigma
        self._rng = Random(seed)

    def pace(self, in_flight: float) -> float:
        slower = max(1.0, in_flight / self.capacity) ** self.power
        return USUAL * slower * exp(self._rng.gauss(0.0, self.sigma))


def led(limit: ConcurrencyLimit, pace: Pace, server: Server, wanted: int, calls: int) -> list[float]:
    """What the limit was over so many calls, until it is lifted, if callers want so many at once; what is under way
    follows it within some calls.
    """
    in_flight, values, helps = float(min(limit.value, wanted)), list[float](), True
    for _ in range(calls):
        in_flight += (min(limit.value, wanted) - in_flight) / max(in_flight, 5.0)
        excess = pace.observe(server.pace(in_flight), 0.0)
        assert excess is not None
        helps = limit.follow(pace, excess, round(in_flight), max(in_flight, 1.0)) and helps
        values.append(limit.value)
        if limit.value == inf:
            break
    assert helps
    return values


class TestALimitThatFollowsThePace:
    """It rests where the server is hardly slower than with little to do."""

    @staticmethod
    def begun(in_flight: int) -> ConcurrencyLimit:
        limit = ConcurrencyLimit()
        limit.begin(in_flight)
        return limit

    def test_begins_with_as_many_calls_as_there_are(self) -> None:
        limit = self.begun(40)
        assert (limit.value, limit.ramping) == (40.0, False)

    @pytest.mark.parametrize("power", [1.0, 1.5, 3.0])
    @pytest.mark.parametrize("sigma", [0.05, 0.2, 0.3])
    def test_finds_the_capacity_of_a_server_that_gets_too_many(self, sigma: float, power: float) -> None:
        """Whatever the law by which it slows down: the limit knows none."""
        values = led(self.begun(50), acquainted(sigma), Server(30, power=power, sigma=sigma), 60, 2500)[1000:]
        assert 27 < sum(values) / len(values) < 38

    def test_finds_a_small_share_of_one_too(self) -> None:
        values = led(self.begun(6), acquainted(), Server(2.2), 6, 800)[300:]
        assert 1.8 < sum(values) / len(values) < 3.4

    def test_follows_a_capacity_that_falls_and_rises_again(self) -> None:
        limit, pace, server = self.begun(50), acquainted(), Server(40)
        led(limit, pace, server, 60, 1000)
        server.capacity = 20
        assert led(limit, pace, server, 60, 1000)[-1] < 26
        server.capacity = 40
        assert led(limit, pace, server, 60, 1500)[-1] > 34

    def test_is_lifted_when_fewer_calls_want_a_place(self) -> None:
        assert led(self.begun(30), acquainted(), Server(100), 10, 300)[-1] == inf

    def test_is_not_lifted_while_the_server_is_slower(self) -> None:
        limit = self.begun(30)
        limit.follow(loaded(), 0.0, 1, 1.0)
        assert limit.value == 2.25

    def test_lets_one_through_however_slow_the_server(self) -> None:
        limit, pace = self.begun(3), acquainted()
        for _ in range(100):
            limit.follow(pace, 2.0, 1, 3.0)
        assert limit.value == 1.0

    def test_grows_faster_while_it_binds_and_the_server_is_not_slower_at_all(self) -> None:
        pace = acquainted()
        while pace.excess >= 0:
            pace.observe(0.9 * USUAL, 0.0)
        grown = []
        for in_flight in (10, 20):
            limit = self.begun(20)
            limit.follow(pace, REST, in_flight, 60.0)
            grown.append(limit.value - 20)
        assert grown == [0.0, pytest.approx(0.08)]


class TestWhetherItHelps:
    """Half as many calls at a server that has too much to do are faster."""

    @staticmethod
    def slow_by_itself(times: float) -> tuple[ConcurrencyLimit, Pace]:
        limit, pace, rng = ConcurrencyLimit(), acquainted(), Random(1)
        for _ in range(30):
            pace.observe(times * USUAL * exp(rng.gauss(0.0, 0.2)), 0.0)
        limit.begin(20)
        return limit, pace

    def calls_until_it_does_not(self, times: float) -> tuple[int | None, float]:
        (limit, pace), rng = self.slow_by_itself(times), Random(2)
        for number in range(1, 1000):
            excess = pace.observe(times * USUAL * exp(rng.gauss(0.0, 0.2)), 0.0)
            assert excess is not None
            if not limit.follow(pace, excess, min(20, int(limit.value)), 20.0):
                return number, limit.value
        return None, limit.value

    @pytest.mark.parametrize("times", [1.4, 2.0, 5.0])
    def test_if_they_are_not_the_server_is_slow_for_reasons_of_its_own(self, times: float) -> None:
        number, value = self.calls_until_it_does_not(times)
        assert number is not None
        assert number < 150
        assert value <= 10

    @pytest.mark.parametrize("slower", [1.15, 1.25, 1.5])
    def test_a_server_that_stays_somewhat_slower_after_an_overload_is_not_starved(self, slower: float) -> None:
        """It had helped, and does not any more: a limit that only looks back at the overload sinks to a single call."""
        limit, pace, server = ConcurrencyLimit(), acquainted(), Server(30)
        limit.begin(60)
        in_flight, values = 60.0, list[float]()
        for number in range(2000):
            in_flight += (min(limit.value, 60) - in_flight) / max(in_flight, 5.0)
            excess = pace.observe((slower if number > 400 else 1.0) * server.pace(in_flight), 0.0)
            assert excess is not None
            if not limit.follow(pace, excess, round(in_flight), max(in_flight, 1.0)):
                return
            values.append(min(limit.value, 60))
        assert sum(values[1000:]) / 1000 > 20

    def test_it_falls_no_further_while_there_are_more_calls_than_it_allows(self) -> None:
        """Else it sinks to nothing while queued requests go anyway, and has to grow back call by call."""
        limit, pace = self.slow_by_itself(2.0)
        limit.follow(pace, 0.5, 21, 40.0)
        before = limit.value
        assert before < 20
        limit.follow(pace, 0.5, 21, 40.0)
        assert limit.value == before
        limit.follow(pace, 0.0, 21, 40.0)
        assert limit.value > before

    @pytest.mark.parametrize(("slower", "helps"), [(1.0, False), (1.5, True)])
    def test_far_more_calls_that_are_no_slower_tell_too(self, slower: float, helps: bool) -> None:  # noqa: FBT001 - a table
        (limit, pace), told = self.slow_by_itself(2.0), list[bool]()
        for _ in range(30):
            limit.follow(pace, 0.5, 20, 40.0)
        for _ in range(2 * ENOUGH):
            excess = pace.observe(slower * 2.0 * USUAL, 0.0)
            assert excess is not None
            told.append(limit.follow(pace, excess, 26, 40.0))
        assert told[-1] is helps

    def test_a_limit_of_one_never_helps(self) -> None:
        (limit, pace), told = self.slow_by_itself(2.0), list[bool]()
        limit.value = 1.4
        for _ in range(2 * ENOUGH):
            told.append(limit.follow(pace, 0.3, 1, 20.0))
        assert limit.value == 1.0
        assert not told[-1]

    def test_nobody_asks_whether_it_helps_while_few_calls_want_a_place(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        assert all(limit.follow(pace, 0.0, 3, 3.0) for _ in range(3 * ENOUGH))
        assert limit.value == 4.75

    def test_what_was_noise_has_not_helped(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        limit.follow(pace, REST, 20, 20.0)
        limit.value = 8.0
        while pace.usual > limit._slowest - 0.15:
            pace.observe(1.5 * USUAL, 0.0)
        assert not all(limit.follow(pace, REST, 8, 20.0) for _ in range(3 * ENOUGH))

    def test_it_is_held_against_the_calls_there_were_and_not_those_of_the_moment(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        limit.follow(pace, REST, 3, 60.0)
        assert limit._began == 20.0

    def test_a_ramp_asks_anew(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        limit.follow(pace, REST, 20, 60.0)
        limit.ramp(4, 0)
        assert limit._began == 0.0

    def test_that_is_not_said_before_some_calls_have_shown_it(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        limit.value = 10.0
        said = [limit.follow(pace, REST, 10, 20.0) for _ in range(2 * ENOUGH)]
        assert not any(said[ENOUGH:]) or all(said[:ENOUGH])

    def test_a_server_that_is_faster_then_had_too_much_to_do(self) -> None:
        limit, pace = self.slow_by_itself(2.0)
        limit.follow(pace, REST, 20, 20.0)
        limit.value = 8.0
        for _ in range(20):
            pace.observe(USUAL, 0.0)
        assert all(limit.follow(pace, REST, 8, 20.0) for _ in range(3 * ENOUGH))


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 500), st.booleans(), st.floats(0, 3)),
        max_size=80,
    )
)
def test_a_limit_always_lets_somebody_through(said: list[tuple[str, int, bool, float]]) -> None:
    limit, pace, now = ConcurrencyLimit(), acquainted(), 0.0
    for what, in_flight, flag, passes in said:
        now += passes
        before = limit.value
        if what == "shrink":
            limit.shrink(in_flight, now)
            assert limit.value <= before
        elif what == "grow":
            limit.grow(in_flight, eased=flag, wanted=flag)
            assert limit.value >= before
        elif what == "begin":
            limit.begin(in_flight)
            assert limit.value == max(in_flight, 1)
        elif what == "follow":
            limit.follow(pace, passes - 1.5, in_flight, float(in_flight))
        else:
            limit.ramp(in_flight // 2, in_flight)
            assert limit.value > in_flight
        assert limit.value >= 1.0
