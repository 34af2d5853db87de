"""Requests and tokens per minute, calls at once: kept before a provider has to say so."""

from __future__ import annotations

from math import exp, inf
from random import Random
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import World, target

from failover_plugin.errors import AllTargetsFailed
from failover_plugin.failover import Failover
from failover_plugin.flow import Sleep
from failover_plugin.health_report import Health
from failover_plugin.model import Request
from failover_plugin.policy import LimitsPolicy, Policy
from failover_plugin.standing import Grade, refused_lately
from failover_plugin.start import Start
from failover_plugin.testing import FakeClock


def fill(stage: Stage, target_id: str = "a", most: int = 500, **facts: Any) -> int:
    """How many calls it may have now."""
    count = 0
    while count < most and stage.health.refusal(stage[target_id], stage.now) is None:
        stage.leave(stage.admit(target_id, **facts))
        count += 1
    return count


class TestRequestsPerMinute:
    """A burst of a tenth, then an even stream; the rest goes elsewhere."""

    def test_what_exceeds_them_goes_to_the_next_tier(self) -> None:
        stage = Stage(target("a", rpm=60), target("b", 1))
        assert stage.asks(8) == "aaaaaabb"
        assert stage.grade("a") is Grade.OUT
        stage.now += 1
        assert stage.asks(2) == "ab"

    def test_are_shared_by_targets_of_one_credential_and_model(self) -> None:
        facts = {"credential": "k", "model": "m", "rpm": 60}
        stage = Stage(target("a", **facts), target("b", **facts), target("c", credential="k", rpm=60))
        assert fill(stage, "a") == 6
        assert stage.usable() == "c"
        assert stage.asks() == "c"

    def test_a_window_that_another_target_used_up_is_not_looked_at_twice(self) -> None:
        facts = {"credential": "k", "model": "m", "rpm": 60}
        stage = Stage(*(target(each, **facts) for each in "abcd"), strategy="sequential")
        assert fill(stage, "a") == 6
        assert stage.pick() is None
        assert [stage.grade(each) for each in "abcd"] == [Grade.OUT] * 4
        stage.now += 1
        assert stage.asks() == "a"

    def test_of_a_key_that_is_not_named_are_a_targets_own(self) -> None:
        stage = Stage(target("a", model="m", rpm=60), target("b", model="m", rpm=60))
        assert (fill(stage, "a"), fill(stage, "b")) == (6, 6)

    def test_of_different_ones_for_one_window_the_first_holds(self) -> None:
        facts = {"credential": "k", "model": "m"}
        stage = Stage(target("a", rpm=60, **facts), target("b", rpm=600, tpm=1000, **facts), target("c", **facts))
        assert fill(stage, "b") == 6
        assert stage.usable() == ""

    def test_are_no_matter_of_health(self) -> None:
        stage = Stage(target("a", rpm=60))
        fill(stage)
        line = stage.line("a")
        assert (line.health, line.reason) == (Health.HEALTHY, "its limit per minute is reached")
        assert line.returns_in == pytest.approx(1.0)

    def test_survive_a_replacement(self) -> None:
        stage = Stage(target("a", rpm=60))
        fill(stage)
        stage.health.replace([target("a", rpm=60, weight=2.0)], stage.now)
        assert stage.usable() == ""

    def test_count_calls_that_end_badly(self) -> None:
        stage = Stage(target("a", rpm=60))
        stage.fail("a", "context_window", times=6)
        assert stage.usable() == ""


class TestTokensPerMinute:
    """Estimated before a call, reconciled after it."""

    def test_are_taken_as_estimated(self) -> None:
        stage = Stage(target("a", tpm=6000), target("b", 1))
        assert stage.asks(3, input_tokens=200, output_tokens=50) == "aab"

    def test_a_request_that_does_not_fit_now_goes_elsewhere_and_a_smaller_one_passes(self) -> None:
        stage = Stage(target("a", tpm=6000), target("b", 1))
        assert stage.asks(input_tokens=400) == "a"
        assert stage.asks(input_tokens=400) == "b"
        assert stage.asks(input_tokens=100) == "a"

    def test_without_an_estimate_a_request_counts_as_one_token(self) -> None:
        stage = Stage(target("a", tpm=10))
        assert fill(stage) == 1

    def test_what_was_not_used_is_given_back(self) -> None:
        stage = Stage(target("a", tpm=6000), target("b", 1))
        lease = stage.admit("a", input_tokens=600)
        assert stage.usable() == "b"
        stage.end(lease, tokens=50)
        assert stage.usable() == "ab"
        assert stage.asks(input_tokens=550) == "a"

    def test_what_was_used_beyond_it_is_taken(self) -> None:
        stage = Stage(target("a", tpm=6000), target("b", 1))
        stage.end(stage.admit("a", input_tokens=10), tokens=3000)
        assert stage.usable() == "b"
        assert stage.back_in("a") == pytest.approx(24.01)

    def test_what_nobody_told_stays_as_estimated(self) -> None:
        stage = Stage(target("a", tpm=6000))
        stage.end(stage.admit("a", input_tokens=600))
        assert stage.usable() == ""

    def test_nobody_who_fits_is_nobody(self) -> None:
        stage = Stage(target("a", tpm=6000), target("b", 1, tpm=6000))
        for each in "ab":
            stage.succeed(each)
            stage.end(stage.admit(each, input_tokens=500))
        assert stage.pick(input_tokens=500) is None
        assert stage.asks(input_tokens=5) == "a"


class TestWhatHeadersSay:
    """A limit that is used up is not run into."""

    def test_it_is_left_alone_until_it_refills(self) -> None:
        facts = {"credential": "k", "model": "m"}
        stage = Stage(target("a", **facts), target("b", **facts), target("c"))
        stage.health.used_up(stage["a"], 20.0, stage.now)
        assert stage.usable() == "c"
        assert stage.back_in("b") == pytest.approx(20.0)
        assert stage.line("a").health is Health.HEALTHY
        stage.health.used_up(stage["a"], 1.0, stage.now)
        stage.now += 20
        assert stage.usable() == "abc"


class TestCallsAtOnce:
    """``max_parallel`` is kept, and a target that is full is no sick one."""

    def test_a_full_target_is_passed_over(self) -> None:
        stage = Stage(target("a", max_parallel=2), target("b", 1))
        leases = [stage.pick() for _ in range(3)]
        assert [lease.standing.id for lease in leases if lease] == ["a", "a", "b"]
        assert stage.grade("a") is Grade.FULL
        assert stage.line("a").health is Health.HEALTHY
        assert stage.line("a").limit == 2
        assert stage.line("a").reason == "2 calls under way, no more at once"

    @pytest.mark.parametrize("how", ["end", "lose", "leave"])
    def test_whoever_ends_makes_room(self, how: str) -> None:
        stage = Stage(target("a", max_parallel=1), target("b", 1))
        lease = stage.admit("a")
        assert stage.usable() == "b"
        getattr(stage, how)(lease)
        assert stage.usable() == "ab"

    def test_who_waits_is_woken(self) -> None:
        stage, woken = Stage(target("a", max_parallel=1)), list[str]()
        lease = stage.admit("a")
        for name in ("first", "second"):
            stage.health.wait(lambda name=name: woken.append(name))
        assert woken == []
        stage.end(lease)
        assert woken[0] == "first"

    def test_whoever_waits_no_longer_is_not_woken(self) -> None:
        stage, woken = Stage(target("a", max_parallel=1)), list[str]()

        def wake() -> None:
            woken.append("one")

        lease = stage.admit("a")
        stage.health.wait(wake)
        stage.health.stop_waiting(wake)
        stage.health.stop_waiting(wake)
        stage.end(lease)
        assert woken == []

    def test_a_full_target_that_is_sick_is_full_first(self) -> None:
        stage = Stage(target("a", max_parallel=1))
        stage.fail("a")
        lease = stage.admit("a")
        assert stage.grade("a") is Grade.FULL
        stage.lose(lease)
        assert stage.grade("a") is Grade.DEGRADED

    def test_the_limit_that_binds_first_holds(self) -> None:
        stage = Stage(target("a", max_parallel=8))
        leases = [stage.admit("a") for _ in range(8)]
        stage.speak(leases[0])
        stage.lose(leases[1], "overloaded")
        assert stage.line("a").limit == 5
        for lease in leases[2:4]:
            stage.leave(lease)
        assert stage.usable() == ""
        stage.leave(leases[4])
        assert stage.usable() == "a"


class TestALimitThatLatencySuggests:
    """First contents that come ever later mean too many calls at once, before the server says so."""

    @staticmethod
    def saturated(in_flight: int = 12, **policy: Any) -> Stage:
        stage, rng = Stage(target("a"), target("b", 1), **policy), Random(3)
        for _ in range(60):
            stage.stream("a", 0.5 * exp(rng.gauss(0, 0.2)))
        crowd = [stage.admit("a", streaming=True) for _ in range(in_flight)]
        assert len(crowd) == in_flight
        for _ in range(25):
            lease = stage.health.force(stage["a"], Request(), stage.now, 1e6, streaming=True)
            stage.now += 2.0
            stage.speak(lease)
            stage.end(lease)
        return stage

    def test_is_cut_gently_and_kept(self) -> None:
        stage = self.saturated()
        limit = stage.line("a").limit
        assert limit is not None
        assert 6 <= limit <= 12
        assert stage.grade("a") is Grade.FULL
        assert stage.asks() == "b"

    def test_needs_calls_enough_at_once(self) -> None:
        assert self.saturated(in_flight=6).line("a").limit is None

    def test_never_falls_below_half_of_what_there_were_lately(self) -> None:
        limit = self.saturated(in_flight=40).line("a").limit
        assert limit is not None
        assert limit >= 20

    def test_is_not_learnt_where_the_policy_says_so(self) -> None:
        assert self.saturated(limits=LimitsPolicy(adaptive=False)).line("a").limit is None

    @pytest.mark.parametrize(("slower", "told", "limited"), [(1.0, 25, 0), (1.05, 25, 0), (1.6, 25, 1), (1.0, 1, 1)])
    def test_is_not_there_while_the_pace_shows_that_the_server_is_well(
        self, slower: float, told: int, limited: int
    ) -> None:
        """Heavy tails look like lateness for some time, and cut limits to half of what a server takes."""
        stage, rng = Stage(target("a"), target("b", 1)), Random(3)
        stage.pace("a", 0.0155, 50)
        for _ in range(60):
            stage.stream("a", 0.5 * exp(rng.gauss(0, 0.2)))
        crowd = [stage.admit("a", streaming=True) for _ in range(12)]
        assert len(crowd) == 12
        by_latency = 0
        for number in range(25):
            lease = stage.health.force(stage["a"], Request(), stage.now, 1e6, streaming=True)
            stage.now += 2.0
            if number < told:
                stage.health.paced(lease, slower * 0.0155, stage.now)
            before = stage["a"].limit and stage["a"].limit.value
            stage.speak(lease)
            after = stage["a"].limit and stage["a"].limit.value
            by_latency += after is not None and (before is None or after < before)
            stage.end(lease)
        assert (by_latency > 0) is bool(limited)

    def test_binds_the_very_next_call_of_a_target_without_any_trouble_before(self) -> None:
        stage, rng = Stage(target("a"), target("b", 1)), Random(3)
        for _ in range(60):
            stage.stream("a", 0.5 * exp(rng.gauss(0, 0.2)))
        crowd = [stage.admit("a", streaming=True) for _ in range(30)]
        for lease in crowd:
            stage.now += 0.2
            stage.speak(lease)
            if stage["a"].limit is not None:
                break
        assert stage["a"].full
        assert stage.grade("a") is Grade.FULL


class TestALimitThatThePaceSuggests:
    """A server that writes slower than it can has too many calls, long before it says so."""

    @staticmethod
    def crowded(in_flight: int = 6, *, slower: float = 2.0, calls: int = 12, **policy: Any) -> Stage:
        """Six at once are enough, where latency alone needs eight. They go as the limit falls, and come as it rises."""
        stage = Stage(target("a"), target("b", 1), **policy)
        stage.pace("a", 0.0155, 50)
        crowd = [stage.admit("a", streaming=True) for _ in range(in_flight)]
        for _ in range(calls):
            stage.pace("a", slower * 0.0155)
            limit = stage.line("a").limit
            if limit is not None and len(crowd) > limit:
                stage.leave(crowd.pop())
            elif len(crowd) < in_flight and stage.health.refusal(stage["a"], stage.now) is None:
                crowd.append(stage.admit("a", streaming=True))
        return stage

    def test_begins_with_the_calls_there_are_and_falls(self) -> None:
        stage = self.crowded(calls=18)
        limit = stage.line("a").limit
        assert limit is not None
        assert 3 < limit <= 6
        assert stage.asks() == "b"

    def test_is_there_before_the_server_is_called_slow(self) -> None:
        stage = self.crowded(slower=1.4, calls=40)
        assert stage.line("a").limit is not None
        assert not stage["a"].slow

    @pytest.mark.parametrize("slower", [0.5, 1.0, 1.1])
    def test_is_not_there_while_the_server_is_hardly_slower(self, slower: float) -> None:
        assert self.crowded(slower=slower, calls=100).line("a").limit is None

    def test_is_not_there_for_one_call_alone(self) -> None:
        """It has nobody to share the server with."""
        assert self.crowded(0, calls=200).line("a").limit is None

    def test_is_not_learnt_where_the_policy_says_so(self) -> None:
        stage = self.crowded(calls=100, limits=LimitsPolicy(adaptive=False))
        assert (stage.line("a").limit, stage["a"].pace) == (None, None)

    def test_is_given_up_if_half_as_many_calls_are_no_faster(self) -> None:
        stage = self.crowded(calls=300)
        assert stage.line("a").limit is None
        stage.pace("a", 2 * 0.0155, 300)
        assert stage.line("a").limit is None

    def test_is_not_given_up_where_the_server_has_said_that_it_is_overloaded(self) -> None:
        stage = self.crowded(2, calls=0)
        stage.pace("a", 2 * 0.0155, 12)
        assert stage["a"].limit is not None
        stage["a"].refused = stage.now
        stage.pace("a", 2 * 0.0155, 100)
        assert stage["a"].limit is not None
        stage["a"].refused = stage.now - 601
        stage.pace("a", 2 * 0.0155, 100)
        assert stage["a"].limit is None

    def test_is_not_given_up_if_they_are(self) -> None:
        stage = self.crowded(calls=40)
        before = stage["a"].limit
        stage.pace("a", 0.0155, 10)
        assert stage["a"].limit is before

    def test_says_nothing_of_a_server_that_is_slow_or_has_just_come_back(self) -> None:
        for trouble in ("slow", "ramp"):
            stage = self.crowded(calls=0)
            if trouble == "slow":
                stage["a"].slow = True
            else:
                stage.health.trouble.capacity.limit(stage["a"]).ramp(50, 2)
            stage.pace("a", 2 * 0.0155, 100)
            limit = stage["a"].limit
            assert limit is None or (limit.ramping and limit.value == 2 + 2)
            stage["a"].slow, stage["a"].limit = False, None
            stage.pace("a", 2 * 0.0155, 2)
            assert stage["a"].limit is None  # what has happened before proves nothing now

    def test_grows_with_every_answer_again_where_streams_are_rare(self) -> None:
        stage = self.crowded()
        limit = stage["a"].limit
        assert limit is not None
        before = limit.value
        for _ in range(16):
            stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value == before
        stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value > before
        before = limit.value
        stage.pace("a", 2 * 0.0155)
        stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value < before

    def test_is_no_more_believed_than_any_where_streams_are_rare(self) -> None:
        stage = self.crowded()
        stage["a"].refused = stage.now - 31
        assert refused_lately(stage["a"], Policy(), stage.now)
        for _ in range(17):
            stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert not refused_lately(stage["a"], Policy(), stage.now)
        stage.pace("a", 2 * 0.0155)
        assert refused_lately(stage["a"], Policy(), stage.now)

    def test_of_plain_calls_grows_though_the_last_stream_came_late(self) -> None:
        stage = TestALimitThatLatencySuggests.saturated()
        limit = stage["a"].limit
        assert limit is not None
        before = limit.value
        stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value == before
        stage.now += 31
        stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value > before

    def test_who_waits_is_woken_when_there_is_a_place_and_not_before(self) -> None:
        stage = self.crowded(calls=18)
        limit = stage["a"].limit
        assert limit is not None
        limit.value = stage["a"].counts.in_flight - 0.01
        lease = stage.health.force(stage["a"], Request(), stage.now, 1e6, streaming=True)
        woken = list[bool]()

        def wake() -> None:
            woken.append(True)
            stage.health.wait(wake)

        stage.health.wait(wake)
        stage.health.paced(lease, 0.0155, stage.now)
        assert stage["a"].full
        assert not woken
        limit.value = stage["a"].counts.in_flight + 1.0
        stage.health.paced(lease, 0.0155, stage.now)
        assert len(woken) >= 1

    def test_shows_at_once_in_what_the_target_is_fit_for(self) -> None:
        stage = self.crowded(calls=18)
        limit = stage["a"].limit
        assert limit is not None
        lease = stage.health.force(stage["a"], Request(), stage.now, 1e6, streaming=True)
        limit.value = stage["a"].counts.in_flight + 0.01
        stage.health.review(stage["a"], stage.now)
        assert stage["a"].grade is Grade.READY
        stage.health.paced(lease, 0.5, stage.now)
        assert stage["a"].grade is Grade.FULL

    def test_of_a_server_that_is_not_slower_any_more_is_lifted(self) -> None:
        stage = self.crowded(calls=18)
        stage.pace("a", 0.0155, 400)
        assert stage["a"].limit is None

    def test_is_not_begun_again_by_what_was_proven_before(self) -> None:
        stage = self.crowded(calls=18)
        stage.pace("a", 0.0155, 400)
        assert stage["a"].limit is None
        stage.pace("a", 0.0155, 5)
        assert stage["a"].limit is None

    def test_is_not_begun_by_what_was_proven_before_a_reset_by_hand(self) -> None:
        calls = 0
        while self.crowded(calls=calls + 1)["a"].limit is None:
            calls += 1
        stage = self.crowded(calls=calls)
        stage.hand.reset(stage["a"], stage.now)
        stage.pace("a", 2 * 0.0155, 1)
        assert stage["a"].limit is None
        assert calls > 3

    def test_that_was_lifted_for_a_target_that_was_replaced_is_gone_for_its_successor(self) -> None:
        stage = self.crowded()
        limit, old = stage["a"].limit, stage["a"]
        assert limit is not None
        stage.health.replace([target("a"), target("z")], stage.now)
        limit.value, old.limit = inf, None
        stage.pace("a", 0.0155, 1)
        assert stage["a"].limit is None

    def test_that_follows_the_pace_does_not_hinder_a_ramp(self) -> None:
        stage = self.crowded(calls=18)
        limit = stage.health.trouble.capacity.limit(stage["a"])
        limit.ramp(50, 3)
        before = limit.value
        stage.pace("a", 3 * 0.0155, 20)
        assert (limit.value, limit.ramping) == (before, True)
        stage.end(stage.health.force(stage["a"], Request(), stage.now, 1e6))
        assert limit.value == before + 1
        assert not stage.health.trouble.capacity.busy(stage["a"], stage.now)

    def test_given_up_forgets_that_first_contents_came_late(self) -> None:
        stage = TestALimitThatLatencySuggests.saturated()
        latency, limit = stage["a"].latency, stage["a"].limit
        assert latency is not None
        assert limit is not None
        assert latency.overloaded()
        stage.pace("a", 0.0155, 50)
        limit.value, stage["a"].limit = 12.0, limit
        for _ in range(500):
            stage.pace("a", 2 * 0.0155)
            if stage["a"].limit is None:
                break
            if stage["a"].counts.in_flight > stage["a"].limit.value:
                stage.leave(next(reversed(stage.health.leases.open)))
        assert not latency.overloaded()

    def test_lateness_says_nothing_about_a_server_that_has_one(self) -> None:
        stage = self.crowded()
        stage["a"].heard = stage.now
        assert stage.health.trouble.capacity.busy(stage["a"], stage.now)
        assert not stage.health.trouble.capacity.busy(stage["a"], stage.now + 2.0)

    def test_is_kept_when_the_targets_change(self) -> None:
        stage = self.crowded()
        limit, pace = stage["a"].limit, stage["a"].pace
        stage.health.replace([target("a"), target("z")], stage.now)
        assert (stage["a"].limit, stage["a"].pace) == (limit, pace)

    def test_a_call_that_is_over_says_nothing_more(self) -> None:
        stage = Stage(target("a"))
        lease = stage.admit("a", streaming=True)
        stage.end(lease)
        stage.health.paced(lease, 0.02, stage.now)
        assert stage["a"].pace is None


class TestWaitingForAPlace:
    """A request waits as long as its patience lasts, then fails, or goes anyway if the limit is only a guess."""

    @staticmethod
    def world(**facts: Any) -> World:
        return World([target("a", **facts)], Policy(strategy="sequential"))

    def test_a_hard_limit_is_kept(self) -> None:
        world = self.world(max_parallel=1)
        world.request().asks("a")
        waiting = world.request()
        slept = 0.0
        while slept < 2.5:
            slept += waiting.sleeps()
        assert slept == pytest.approx(2.5)
        assert "no more at once" in str(waiting.gives_up())

    def test_a_limit_that_only_latency_suggests_gives_way(self) -> None:
        world = self.world()
        first = world.request().asks("a")
        standing = world.fleet.health.roster.by_id["a"]
        world.fleet.health.trouble.capacity.limit(standing).shrink(1, world.clock.now)
        world.request().asks("a")
        assert first.call is not None
        waiting, slept = world.request(), 0.0
        world.fleet.health.review(standing, world.clock.now)
        while slept < 2.5:
            slept += waiting.sleeps()
        waiting.asks("a")

    def test_a_limit_that_the_server_named_lately_does_not(self) -> None:
        world = self.world()
        one, other, third = (world.request().asks("a") for _ in range(3))
        one.fails(RuntimeError("odd"))
        standing = world.fleet.health.roster.by_id["a"]
        standing.refused = world.clock.now
        world.fleet.health.trouble.capacity.limit(standing).shrink(2, world.clock.now)
        world.fleet.health.review(standing, world.clock.now)
        assert other.call is not None
        assert third.call is not None
        waiting, slept = world.request(), 0.0
        while slept < 2.5:
            slept += waiting.sleeps()
        waiting.gives_up()

    @pytest.mark.parametrize(
        ("paced", "since", "waits"), [(0, 31, 0), (0, 20, 1), (5, 31, 1), (5, 590, 1), (5, 601, 0)]
    )
    def test_a_limit_that_follows_the_pace_outlives_the_servers_word(self, paced: int, since: int, waits: int) -> None:
        world = self.world()
        world.request().asks("a")
        health, standing = world.fleet.health, world.fleet.health.roster.by_id["a"]
        health.trouble.capacity.limit(standing).begin(1)
        standing.refused = world.clock.now - since
        lease = health.force(standing, Request(), world.clock.now, 60.0, streaming=True)
        for _ in range(paced):
            health.paced(lease, 0.02, world.clock.now)
        health.trouble.capacity.limit(standing).begin(1)
        health.review(standing, world.clock.now)
        health.released(lease, world.clock.now)
        waiting, slept = world.request(), 0.0
        while slept < 2.5:
            slept += waiting.sleeps()
        if waits:
            waiting.gives_up()
        else:
            waiting.asks("a")

    def test_for_tokens_it_sleeps_until_they_are_there(self) -> None:
        world = self.world(tpm=6000)
        request = Request(input_tokens=500)
        world.request(request).asks("a").succeeds()
        waiting = world.request(Request(input_tokens=300))
        assert waiting.sleeps() > 1.0
        waiting.asks("a")

    def test_it_asks_again_only_when_there_are_enough(self) -> None:
        world = self.world(tpm=6000)
        world.request(Request(input_tokens=600)).asks("a").succeeds()
        began, waiting = world.clock.now, world.request(Request(input_tokens=200))
        sleeps = 0
        while isinstance(step := waiting.next(), Sleep):
            world.clock.advance(step.seconds)
            sleeps += 1
        assert isinstance(step, Start)
        assert world.clock.now - began == pytest.approx(2.0)
        assert sleeps <= 2  # until there are any, and until there are enough

    def test_for_more_tokens_than_patience_lasts_nobody_waits(self) -> None:
        world = self.world(tpm=6000)
        world.request(Request(input_tokens=500)).asks("a").succeeds()
        began, waiting = world.clock.now, world.request(Request(input_tokens=500))
        error = waiting.gives_up()
        assert isinstance(error, AllTargetsFailed)
        assert error.retry_after == pytest.approx(4.0)
        assert [str(skip).strip() for skip in waiting.flow.trail.skips] == [
            "a not asked: its limit per minute is reached, back in 4.0 s"
        ]
        assert world.clock.now == began
        world.request(Request(input_tokens=90)).asks("a")

    def test_of_several_it_gets_the_one_that_has_enough_first(self) -> None:
        world = World([target("a", tpm=6000), target("b", 1, tpm=6000)], Policy(strategy="sequential"))
        world.request(Request(input_tokens=600)).asks("a").succeeds()
        world.request(Request(input_tokens=450)).asks("b").succeeds()
        waiting = world.request(Request(input_tokens=250))
        while isinstance(step := waiting.next(), Sleep):
            world.clock.advance(step.seconds)
        assert isinstance(step, Start)
        assert step.target.id == "b"


def test_a_healthy_target_that_is_idle_has_neither_breaker_nor_limit_nor_baseline() -> None:
    clock = FakeClock()
    fo = Failover([target("a"), target("b", 1)], clock=clock, rng=Random(1))
    for _ in range(20):
        fo.run(lambda asked: asked.id)
    for standing in fo._fleet.health.roster.standings:
        assert standing.breakers == ()
        assert (standing.rates, standing.limit, standing.latency, standing.guarded) == (None, None, None, False)
    assert not fo._fleet.health.scopes.breakers
    assert fo._fleet.health.roster.by_id["b"].counts.histogram is None
