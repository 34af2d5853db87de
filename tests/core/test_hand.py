"""What people change by hand."""

from __future__ import annotations

from functools import partial
from math import inf, nan

import pytest
from core.fleets import Stage
from core.scripted import diagnosis, target, tier

from failover_plugin.errors import ConfigError
from failover_plugin.failover import Failover
from failover_plugin.health_report import Health
from failover_plugin.model import Scope
from failover_plugin.standing import Grade
from failover_plugin.testing import FakeClock

SERVER = {"endpoint": "https://one.example", "model": "m"}


def test_a_disabled_target_is_asked_no_more_until_it_is_enabled() -> None:
    stage = Stage(*tier(2), strategy="sequential")
    under_way = stage.admit("a")
    stage.hand.disable(stage["a"], disabled=True, now=stage.now)
    assert stage.asks(2) == "bb"
    assert (stage.line("a").health, stage.line("a").state) == (Health.UNHEALTHY, "disabled")
    stage.end(under_way)
    assert stage.line("a").successes == 1
    stage.hand.disable(stage["a"], disabled=False, now=stage.now)
    assert stage.asks(2) == "aa"


def test_who_waits_hears_of_a_target_that_is_enabled() -> None:
    stage, woken = Stage(target("a", enabled=False)), list[str]()
    stage.health.wait(lambda: woken.append("one"))
    stage.hand.disable(stage["a"], disabled=False, now=stage.now)
    assert woken == ["one"]


def test_a_server_is_left_alone_with_all_who_share_it() -> None:
    stage = Stage(target("a", **SERVER), target("b", **SERVER), target("c"))
    late = stage.admit("b")
    stage.hand.force_open(stage["a"], 30.0, stage.now)
    assert stage.usable() == "c"
    assert stage.back_in("b") == 30.0
    stage.end(late)
    assert stage.usable() == "c"
    stage.now += 30
    assert stage.usable() == "abc"
    assert stage.asks() in "ab"


def test_an_opening_is_cut_short_for_a_test() -> None:
    stage = Stage(*tier(2), strategy="sequential")
    stage.trip("a")
    stage.hand.half_open(stage["a"], stage.now)
    assert stage.asks() == "a"
    assert stage.line("a").state == "ramping"


def test_a_block_is_cut_short_for_a_test() -> None:
    stage = Stage(target("a", credential="k"), target("b", credential="k"))
    stage.fail("a", "auth")
    stage.hand.half_open(stage["b"], stage.now)
    assert stage.usable() == "ab"
    assert stage.admit("a").probe
    assert stage.usable() == ""


def test_a_healthy_target_is_tested_as_well() -> None:
    stage = Stage(target("a"))
    stage.hand.half_open(stage["a"], stage.now)
    assert stage.line("a").state == "half_open"
    stage.fail("a")
    assert stage.line("a").state == "open"


def test_a_cooling_target_is_tested_as_well() -> None:
    stage = Stage(target("a"))
    stage.fail("a", diagnosis("rate_limit", retry_after=60.0))
    stage.hand.half_open(stage["a"], stage.now)
    assert stage.usable() == "a"


def test_a_target_whose_limit_is_used_up_is_tested_as_well_and_nothing_else_is_known_to_its_window() -> None:
    stage = Stage(target("a"))
    stage.health.used_up(stage["a"], 60.0, stage.now)
    assert stage.usable() == ""
    stage.hand.half_open(stage["a"], stage.now)
    assert stage.admit("a").probe
    assert stage.usable() == ""


def test_a_target_that_was_disabled_by_hand_is_not_tested() -> None:
    stage = Stage(target("a"))
    stage.hand.disable(stage["a"], disabled=True, now=stage.now)
    stage.hand.half_open(stage["a"], stage.now)
    assert stage.usable() == ""
    stage.hand.disable(stage["a"], disabled=False, now=stage.now)
    assert stage.admit("a").probe


def test_a_rate_window_rests_for_exactly_so_long_and_zero_ends_it() -> None:
    stage = Stage(target("a", credential="k", model="m"), target("b", credential="k", model="m"), target("c"))
    stage.hand.cool(stage["a"], 20.0, stage.now)
    assert stage.usable() == "c"
    assert stage.back_in("b") == 20.0
    assert stage.line("b").reason == "cooling by hand"
    stage.hand.cool(stage["b"], 0.0, stage.now)
    assert stage.usable() == "abc"


class TestAReset:
    """Forgets all evidence, blocks and cooldowns."""

    def test_of_one_target_and_what_it_shares(self) -> None:
        stage = Stage(target("a", credential="k"), target("b", credential="k"), target("c"))
        stage.fail("a", "auth")
        stage.trip("c")
        stage.hand.reset(stage["b"], stage.now)
        assert stage.usable() == "ab"
        assert stage.grade("a") is stage.grade("b") is Grade.READY

    def test_of_all(self) -> None:
        stage = Stage(*tier(3), strategy="round_robin")
        stage.asks()
        stage.trip("a")
        stage.fail("b", times=2)
        stage.fail("c", diagnosis("rate_limit", retry_after=60.0))
        stage.hand.reset(None, stage.now)
        assert [stage.grade(each) for each in "abc"] == [Grade.READY] * 3
        assert stage.asks(3) == "abc"

    def test_of_a_limit_and_of_slowness(self) -> None:
        stage = Stage(*tier(2))
        stage["a"].slow = True
        leases = [stage.admit("a") for _ in range(10)]
        stage.lose(leases[0], "overloaded")
        assert stage.grade("a") is Grade.FULL
        stage.hand.reset(stage["a"], stage.now)
        assert stage.grade("a") is Grade.READY
        assert stage.line("a").limit is None

    def test_leaves_doublings_behind(self) -> None:
        stage = Stage(target("a"))
        for _ in range(4):
            stage.trip("a") if stage.line("a").state == "closed" else stage.fail("a")
            stage.now += 60
        stage.hand.reset(stage["a"], stage.now)
        stage.trip("a")
        assert stage.back_in("a") <= 2.4

    def test_calls_under_way_say_nothing_any_more(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a")
        under_way = [stage.admit("a") for _ in range(3)]
        stage.hand.reset(stage["a"], stage.now)
        for lease in under_way:
            stage.lose(lease)
        assert stage.line("a").state == "closed"

    @pytest.mark.parametrize("one", [True, False])
    @pytest.mark.parametrize("what", ["server_error", "auth", "quota_exhausted"])
    def test_calls_under_way_say_nothing_even_where_nothing_had_been_booked(self, what: str, *, one: bool) -> None:
        stage = Stage(*(target(each, credential="k", account="acme", endpoint="https://e", model="m") for each in "ab"))
        under_way = [stage.admit("b") for _ in range(4)]
        stage.hand.reset(stage["a"] if one else None, stage.now)
        for lease in under_way:
            stage.lose(lease, what)
        assert stage.line("b").state == "closed"
        stage.fail("b", what, times=4)
        assert stage.usable() == ""

    def test_who_waits_is_woken(self) -> None:
        stage, woken = Stage(target("a")), list[str]()
        stage.trip("a")
        stage.health.wait(lambda: woken.append("one"))
        stage.hand.reset(None, stage.now)
        assert woken == ["one"]

    @pytest.mark.parametrize("one", [True, False])
    def test_leaves_out_who_was_taken_out_by_hand(self, *, one: bool) -> None:
        stage = Stage(*tier(2))
        stage.hand.disable(stage["a"], disabled=True, now=stage.now)
        stage.hand.reset(stage["a"] if one else None, stage.now)
        assert stage.usable() == "b"
        assert stage.line("a").state == "disabled"

    def test_keeps_the_counters(self) -> None:
        stage = Stage(target("a"))
        stage.trip("a")
        stage.hand.reset(None, stage.now)
        assert stage.line("a").failures == 3
        assert all(scope.state == "closed" for scope in stage.health.report(stage.now).scopes)
        assert {scope for scope, _, _ in stage.health.scopes} == {Scope.TARGET}


def test_strategies_that_keep_to_a_target_go_on_after_it() -> None:
    stage = Stage(*tier(3), strategy="sticky")
    assert stage.asks(2) == "aa"
    stage.hand.rotate(stage.now)
    assert stage.asks(2) == "bb"


def test_a_target_that_does_not_exist_is_a_config_error() -> None:
    fo = Failover(tier(2), clock=FakeClock())
    cool, saw = partial(fo.cool, seconds=1.0), partial(fo.saw, headers={})
    for operation in (fo.disable, fo.enable, fo.force_open, fo.half_open, fo.reset, cool, saw):
        with pytest.raises(ConfigError, match=r"target_id = 'nobody': there is no such target. Known: a, b"):
            operation("nobody")


@pytest.mark.parametrize("seconds", [-1, -0.001, inf, nan])
def test_a_time_that_is_none_is_a_config_error(seconds: float) -> None:
    fo = Failover(tier(2), clock=FakeClock())
    for operation in (fo.force_open, fo.cool):
        with pytest.raises(ConfigError, match=f"seconds = {seconds}: give a number of seconds, 0 or more"):
            operation("a", seconds)
    assert [line.state for line in fo.health().targets] == ["closed", "closed"]
