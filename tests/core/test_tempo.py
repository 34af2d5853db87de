"""When a target is slow, compared with the rest, and when a call is overdue."""

from __future__ import annotations

from math import exp
from random import Random
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import target

from failover_plugin.health_report import Health
from failover_plugin.latency import Baseline
from failover_plugin.policy import BreakerPolicy, LatencyPolicy, LimitsPolicy
from failover_plugin.standing import Grade
from failover_plugin.tempo import PLAIN_UNKNOWN


def soft(stage: Stage, target_id: str = "a", prompt: int | None = None, *, streaming: bool = True) -> float:
    return stage.health.tempo.soft_deadline(stage[target_id], prompt, streaming=streaming)


def known(stage: Stage, target_id: str = "a", *, fleet: bool = False) -> Baseline:
    """What is known of a target's first contents, or of all."""
    latency = stage.health.tempo.fleet if fleet else stage[target_id].latency
    assert latency is not None
    return latency


def noisy(stage: Stage, target_id: str, median: float, times: int = 60, sigma: float = 0.4) -> None:
    rng = Random(4)
    for _ in range(times):
        stage.stream(target_id, median * exp(rng.gauss(0, sigma)))


class TestASoftDeadline:
    """What a target, or the fleet while little is known of it, exceeds in one healthy call of seven hundred."""

    def test_is_five_seconds_while_nothing_is_known(self) -> None:
        stage = Stage(target("a"), target("b"))
        assert soft(stage) == 5.0
        stage.acquaint("b", 2.0, 4)
        assert soft(stage) == 5.0

    def test_is_the_fleets_while_little_is_known_of_the_target(self) -> None:
        stage = Stage(target("a"), target("b"))
        stage.acquaint("b", 1.0, 5)
        of_the_fleet = stage.health.tempo.fleet.within(3.0)
        assert soft(stage) == of_the_fleet != 5.0
        stage.acquaint("a", 0.7, 4)
        assert soft(stage) == stage.health.tempo.fleet.within(3.0) != of_the_fleet

    def test_is_its_own_from_ten_samples_on(self) -> None:
        stage = Stage(target("a"), target("b"))
        stage.acquaint("b", 0.5, 10)
        stage.acquaint("a", 0.8, 9)
        assert soft(stage) == known(stage, fleet=True).within(3.0)
        stage.acquaint("a", 0.8, 1)
        assert soft(stage) == known(stage).within(3.0) != known(stage, fleet=True).within(3.0)

    def test_is_no_more_than_half_as_long_again_as_the_fleets(self) -> None:
        stage = Stage(target("a"), target("b"))
        noisy(stage, "b", 0.6, 200)
        noisy(stage, "a", 3.0, 40)
        assert soft(stage) == pytest.approx(
            1.5 * min(known(stage, fleet=True).within(3.0), max(2.5, known(stage, fleet=True).within(1.0)))
        )
        assert soft(stage) < min(known(stage).within(3.0), known(stage).within(1.0))

    def test_is_never_shorter_than_a_second(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 0.05)
        assert soft(stage) == 1.0

    def test_is_what_a_caller_likes_to_wait_where_hardly_any_call_takes_longer(self) -> None:
        stage = Stage(target("a"))
        noisy(stage, "a", 0.9)
        assert known(stage).within(2.0) < 2.5 < known(stage).within(3.0)
        assert soft(stage) == 2.5

    def test_is_what_one_healthy_call_in_six_exceeds_where_that_is_longer(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 30.0)
        assert soft(stage) == known(stage).within(1.0) > 30.0

    def test_is_what_the_policy_says(self) -> None:
        policy = LatencyPolicy(soft_min=0.2, soft_max=0.5, soft_unknown=0.4)
        stage = Stage(target("a"), latency=policy)
        assert soft(stage) == 0.4
        noisy(stage, "a", 0.2)
        assert known(stage).within(1.0) < 0.5 < known(stage).within(3.0)
        assert soft(stage) == 0.5

    def test_is_the_shortest_where_that_is_longer_than_the_longest(self) -> None:
        stage = Stage(target("a"), latency=LatencyPolicy(soft_min=20))
        assert soft(stage) == 20.0
        stage.acquaint("a", 0.5)
        assert soft(stage) == 20.0

    def test_more_deviations_are_more_patience(self) -> None:
        strict, lax = (Stage(target("a"), latency=LatencyPolicy(soft_deviations=d)) for d in (2.0, 4.0))
        for stage in (strict, lax):
            noisy(stage, "a", 1.0)
        assert soft(strict) < soft(lax)

    def test_a_long_prompt_is_given_more_time_within_reason(self) -> None:
        stage = Stage(target("a"))
        assert soft(stage, prompt=20_000) == 10.0
        assert soft(stage, prompt=10**7) == 20.0
        assert soft(stage, prompt=0) == 5.0

    def test_a_long_prompt_never_shortens_it(self) -> None:
        stage = Stage(target("a"), latency=LatencyPolicy(soft_unknown=50))
        assert soft(stage) == 50.0
        assert soft(stage, prompt=100) == 50.0

    def test_a_long_prompts_time_counts_as_a_short_ones(self) -> None:
        stage = Stage(target("a"))
        for _ in range(30):
            stage.stream("a", 4.0, prompt=60_000)
        latency = stage["a"].latency
        assert latency is not None
        assert latency.usual == pytest.approx(1.0)

    def test_of_plain_calls_is_known_only_from_plain_calls_that_were_worth_timing(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 2.0)
        assert soft(stage, streaming=False) == PLAIN_UNKNOWN
        for _ in range(9):
            self.plain(stage, 20.0)
        stage.succeed("a")
        assert soft(stage, streaming=False) == PLAIN_UNKNOWN
        self.plain(stage, 20.0)
        assert soft(stage, streaming=False) > 20.0

    def test_of_plain_calls_is_never_below_the_shortest(self) -> None:
        stage = Stage(target("a"))
        for _ in range(10):
            self.plain(stage, 0.01)
        assert soft(stage, streaming=False) == 1.0

    @staticmethod
    def plain(stage: Stage, seconds: float) -> None:
        lease = stage.admit("a")
        stage.now += seconds
        stage.health.succeeded(lease, stage.now, timed=True)

    def test_is_exceeded_by_few_healthy_calls(self) -> None:
        stage, rng, late = Stage(target("a")), Random(11), 0
        for _ in range(6000):
            seconds = 0.8 * exp(rng.gauss(0, 0.4))
            late += seconds > soft(stage)
            stage.stream("a", seconds)
        assert late <= 60


class TestASlowTarget:
    """Three times slower than the fleet: degraded, and tested singly until it is below 2.5 times."""

    @staticmethod
    def fleet(**policy: Any) -> Stage:
        stage = Stage(target("a"), target("b"), target("c"), strategy="sequential", **policy)
        for _ in range(15):
            for each in "abc":
                stage.stream(each, 0.5)
        return stage

    def slow(self, **policy: Any) -> Stage:
        stage = self.fleet(**policy)
        for _ in range(60):
            if stage["a"].slow:
                return stage
            stage.stream("a", 2.5)
            stage.stream("b", 0.5)
            stage.stream("c", 0.5)
        raise AssertionError("it was never called slow")

    def test_is_degraded_but_never_opened(self) -> None:
        stage = self.slow()
        line = stage.line("a")
        assert (line.health, line.state, line.reason) == (Health.DEGRADED, "slow", "its first content comes late")
        assert stage.grade("a") is Grade.DEGRADED
        assert stage.asks(3) == "bbb"
        for each in "bc":
            stage.trip(each)
        assert stage.asks() == "a"

    def test_twice_as_slow_is_not_slow(self) -> None:
        stage = self.fleet()
        for _ in range(60):
            stage.stream("a", 1.0)
            stage.stream("b", 0.5)
            stage.stream("c", 0.5)
        assert stage.grade("a") is Grade.READY

    def test_is_what_the_policy_says(self) -> None:
        stage = self.fleet(latency=LatencyPolicy(slow_factor=20))
        for _ in range(60):
            stage.stream("a", 2.5)
            stage.stream("b", 0.5)
        assert stage.grade("a") is Grade.READY

    def test_one_late_answer_makes_nobody_slow(self) -> None:
        stage = self.fleet()
        stage.stream("a", 60.0)
        assert stage.grade("a") is Grade.READY

    def test_few_samples_make_nobody_slow(self) -> None:
        stage = Stage(target("a"), target("b"))
        stage.acquaint("b", 0.5)
        stage.acquaint("a", 5.0, 9)
        assert stage.grade("a") is Grade.READY

    def test_a_fleet_that_is_slow_as_a_whole_is_asked_all_the_same(self) -> None:
        stage = self.fleet()
        for _ in range(100):
            for each in "abc":
                stage.stream(each, 2.5)
        assert stage.usable() == "abc"
        assert "-" not in stage.asks(50)

    def test_an_only_target_is_asked_however_slow_it_is(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 0.5)
        stage.acquaint("a", 5.0, 20)
        assert stage.asks(20) == "a" * 20

    def test_is_tested_singly_and_ever_more_rarely_while_it_stays_slow(self) -> None:
        stage = self.slow()
        waits = []
        for _ in range(6):
            since = stage.now
            while stage.grade("a") is not Grade.PROBE:
                stage.now += 0.25
            waits.append(stage.now - since)
            test = stage.pick()
            assert test is not None
            assert test.test
            assert stage.grade("a") is Grade.DEGRADED
            stage.now += 3.0
            stage.speak(test)
            stage.end(test)
        assert waits == sorted(waits)
        assert waits[-1] > 20

    def test_calls_that_are_no_tests_do_not_put_off_the_next_test(self) -> None:
        stage = self.slow()
        stage.now += 2
        under_way = [stage.admit("a", streaming=True) for _ in range(3)]
        assert [lease.test for lease in under_way] == [True] * 3
        for lease in under_way:
            stage.leave(lease)
        forced = stage.health.force(stage["b"], stage.pick_request(), stage.now, 9.0, streaming=True)
        stage["b"].slow = True
        stage.now += 5.0
        before = stage["b"].waits
        stage.speak(forced)
        assert stage["b"].waits == before

    def test_is_well_again_after_one_quick_answer_and_starts_slowly(self) -> None:
        stage = self.slow()
        stage.now += 2
        stage.stream("a", 0.6)
        assert not stage["a"].slow
        assert (stage.line("a").state, stage.line("a").limit) == ("ramping", 4)  # itself, two more, and one for its own
        assert stage.asks() == "a"

    def test_is_not_well_again_at_two_and_a_half_times_the_usual(self) -> None:
        stage = self.slow()
        stage.now += 2
        stage.stream("a", 1.6)
        assert stage["a"].slow

    @pytest.mark.parametrize(
        "policy", [{"limits": LimitsPolicy(adaptive=False)}, {"breaker": BreakerPolicy(ramp=False)}]
    )
    def test_starts_at_full_width_where_nobody_ramps(self, policy: dict[str, Any]) -> None:
        stage = self.slow(**policy)
        stage.now += 2
        stage.stream("a", 0.6)
        assert stage.line("a").limit is None

    def test_is_never_judged_by_its_failures(self) -> None:
        stage = self.fleet()
        for _ in range(30):
            lease = stage.admit("a")
            stage.now += 9.0
            stage.lose(lease, "invalid_request")
        assert stage.grade("a") is Grade.READY


class TestAnAnomaly:
    """An unusually late first content is counted, and is evidence where the policy says so."""

    @staticmethod
    def late(times: int = 1, **policy: Any) -> Stage:
        stage = Stage(target("a"), **policy)
        noisy(stage, "a", 0.5)
        for _ in range(times):
            stage.stream("a", 30.0)
        return stage

    def test_is_counted(self) -> None:
        before = self.late(0).line("a").anomalies
        assert self.late(2).line("a").anomalies == before + 2

    def test_is_no_evidence_by_default(self) -> None:
        assert not self.late(5).health.scopes.breakers

    def test_is_evidence_where_the_policy_says_so(self) -> None:
        policy = LatencyPolicy(anomaly_score=4.0, anomaly_weight=1.0)
        stage = self.late(latency=policy, breaker=BreakerPolicy(threshold=1))
        assert stage.line("a").state == "open"
        assert "latency anomaly" in stage.line("a").reason

    def test_that_opens_is_cured_by_a_first_content(self) -> None:
        policy = LatencyPolicy(anomaly_score=4.0, anomaly_weight=1.0)
        stage = self.late(latency=policy, breaker=BreakerPolicy(threshold=1))
        stage.now += 3
        probe = stage.admit("a", streaming=True)
        stage.now += 0.5
        stage.speak(probe)
        assert stage.line("a").state == "ramping"

    def test_weighs_what_the_policy_says(self) -> None:
        stage = self.late(1, latency=LatencyPolicy(anomaly_score=4.0, anomaly_weight=0.25))
        (breaker,) = (breaker for _, _, breaker in stage.health.scopes)
        assert 0 < breaker.evidence.suspicion(stage.now) <= 0.1
        assert stage.grade("a") is Grade.READY

    def test_needs_ten_samples_to_compare_with(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 0.5, 9)
        stage.stream("a", 50.0)
        assert stage.line("a").anomalies == 0
