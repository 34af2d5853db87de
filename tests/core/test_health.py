"""Whose fault it was decides who is left alone: targets, keys, accounts, rate windows."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Thread
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import diagnosis, target

from failover_plugin.health_report import Health
from failover_plugin.lease import Lease
from failover_plugin.model import Diagnosis, ErrorClass, Scope
from failover_plugin.policy import BreakerPolicy, BudgetPolicy
from failover_plugin.standing import Grade

SHARED_KEY = {"credential": "key-1", "provider": "p"}


class TestADeadKey:
    """One request with it takes all its targets out."""

    @staticmethod
    def fleet() -> Stage:
        return Stage(target("a", **SHARED_KEY), target("b", **SHARED_KEY), target("c", provider="p"))

    @pytest.mark.parametrize("error_class", ["auth", "quota_exhausted"])
    def test_takes_out_all_its_targets_after_one_request(self, error_class: str) -> None:
        stage = self.fleet()
        stage.fail("a", error_class)
        assert stage.usable() == "c"
        skip = stage.health.refusal(stage["b"], stage.now)
        assert skip is not None
        assert error_class in skip.reason
        assert 48 <= stage.back_in("b") <= 72

    def test_comes_back_by_one_probe(self) -> None:
        stage = self.fleet()
        stage.fail("a", "auth")
        stage.now += 72.1
        assert stage.usable() == "abc"
        probe = stage.admit("b")
        assert stage.usable() == "c"
        stage.end(probe)
        assert stage.usable() == "abc"

    def test_is_left_alone_twice_as_long_when_the_probe_fails(self) -> None:
        stage = self.fleet()
        stage.fail("a", "auth")
        stage.now += 72.1
        stage.fail("b", "auth")
        assert 96 <= stage.back_in("a") <= 144

    def test_counts_once_however_many_requests_found_out_at_the_same_time(self) -> None:
        stage = self.fleet()
        stage.fail("a", "auth", times=20)
        assert 48 <= stage.back_in("a") <= 72
        stage.now += 72.1
        stage.fail("a", "auth")
        assert 96 <= stage.back_in("a") <= 144

    def test_is_not_forgiven_by_a_success_that_began_before(self) -> None:
        stage = self.fleet()
        early = stage.admit("b")
        stage.fail("a", "auth")
        stage.now += 1
        stage.end(early)
        assert stage.usable() == "c"

    def test_comes_back_at_once_without_parole_and_not_slowly(self) -> None:
        stage = self.fleet()
        stage.fail("a", "auth")
        stage.now += 72.1
        stage.succeed("a")
        for _ in range(20):
            stage.admit("b")
        assert stage.line("b").health is Health.HEALTHY
        (breaker,) = (breaker for scope, breaker in stage["b"].breakers if scope is Scope.CREDENTIAL)
        assert breaker.evidence.score == 0


def test_keys_that_are_not_named_are_shared_with_nobody() -> None:
    stage = Stage(target("a", provider="p", model="m"), target("b", provider="p", model="m"))
    stage.fail("a", "auth")
    assert stage.usable() == "b"
    stage.trip("b")
    assert stage.usable() == ""
    stage.now += 3
    assert stage.usable() == "b"


def test_a_longer_time_that_the_provider_names_is_kept_for_a_block() -> None:
    stage = Stage(target("a"))
    stage.fail("a", diagnosis("quota_exhausted", retry_after=1000.0))
    assert stage.back_in("a") >= 1000


def test_permission_is_a_matter_of_key_and_model() -> None:
    stage = Stage(
        target("a", credential="k", model="m"),
        target("b", credential="k", model="n"),
        target("c", credential="k", model="m"),
        target("d", credential="l", model="m"),
    )
    stage.fail("a", "permission")
    assert stage.usable() == "bd"


def test_an_account_out_of_money_takes_out_every_key_of_it() -> None:
    stage = Stage(target("a", credential="k", account="acme"), target("b", credential="l", account="acme"), target("c"))
    stage.fail("a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    assert stage.usable() == "c"


def test_an_account_that_the_target_does_not_name_is_known_by_its_credential() -> None:
    stage = Stage(target("a", **SHARED_KEY), target("b", **SHARED_KEY))
    stage.fail("a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    assert stage.usable() == ""
    assert stage.pick() is None


def test_a_server_is_an_endpoint_and_a_model_whatever_the_key() -> None:
    url = "https://one.example/v1"
    stage = Stage(
        target("a", endpoint=url, model="m", credential="k"),
        target("b", endpoint=url, model="m", credential="l"),
        target("c", endpoint=url, model="n", credential="k"),
        target("d", endpoint="https://two.example/v1", model="m", credential="k"),
    )
    stage.trip("a")
    assert stage.usable() == "cd"


def test_a_server_without_a_named_endpoint_is_known_by_provider_key_and_model() -> None:
    stage = Stage(
        target("a", provider="p", credential="k", model="m"),
        target("b", provider="p", credential="k", model="m"),
        target("c", provider="p", credential="l", model="m"),
    )
    stage.trip("a", "timeout")
    assert stage.usable() == "c"


def test_failures_of_two_targets_of_one_server_add_up() -> None:
    facts = {"endpoint": "https://one.example/v1", "model": "m"}
    stage = Stage(target("a", **facts), target("b", **facts))
    stage.fail("a", times=2)
    assert stage.usable() == "ab"
    stage.fail("b")
    assert stage.usable() == ""


def test_names_that_read_alike_share_nothing() -> None:
    stage = Stage(target("x"), target("b", credential="x"))
    stage.fail("b", "auth")
    assert stage.usable() == "x"
    stage = Stage(target("a", credential="k a", model="b"), target("b", credential="k", model="a b"))
    stage.fail("a", "permission")
    assert stage.usable() == "b"


def test_a_model_that_is_missing_is_left_alone_for_ten_minutes() -> None:
    stage = Stage(target("a"))
    stage.fail("a", "not_found")
    assert 480 <= stage.back_in("a") <= 720


@pytest.mark.parametrize(
    "error_class", ["context_window", "payload_too_large", "content_policy", "unsupported", "invalid_request"]
)
def test_the_callers_own_errors_blame_nobody(error_class: str) -> None:
    stage = Stage(target("a", account="acme", credential="k"))
    stage.fail("a", error_class, times=50)
    assert stage.usable() == "a"
    assert (stage.line("a").health, stage.line("a").failures) == (Health.HEALTHY, 50)


def test_the_callers_own_error_leaves_the_probes_place_to_another() -> None:
    stage = Stage(target("a"))
    stage.trip("a")
    stage.now += 3
    stage.fail("a", "context_window")
    assert stage.usable() == "a"
    assert stage.line("a").state == "half_open"


@pytest.mark.parametrize("what", ["auth", "permission"])
def test_a_probe_that_finds_another_scope_to_blame_has_learnt_nothing_of_its_own(what: str) -> None:
    stage = Stage(target("a"), target("b"))
    stage.trip("a")
    stage.now += 3
    stage.fail("a", what)
    stage.now += 72.1
    probe = stage.admit("a")
    assert len(probe.probes) == 2
    stage.end(probe)
    assert stage.line("a").state == "ramping"


def test_failures_of_calls_that_began_before_another_targets_opening_count() -> None:
    stage = Stage(target("a"), target("b"))
    under_way = [stage.admit("b") for _ in range(3)]
    stage.trip("a")
    for lease in under_way:
        stage.lose(lease)
    assert stage.usable() == ""


class TestARateLimit:
    """Cools one key's window for one model, until the time the provider named."""

    def test_cools_only_key_and_model(self) -> None:
        stage = Stage(
            target("a", credential="k", model="m"),
            target("b", credential="k", model="m"),
            target("c", credential="k", model="n"),
            target("d", credential="l", model="m"),
        )
        stage.fail("a", diagnosis("rate_limit", retry_after=20.0))
        assert stage.usable() == "cd"
        assert 20 <= stage.back_in("b") <= 22
        stage.now += 22.1
        assert stage.usable() == "abcd"

    def test_is_over_for_everybody_at_once(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a", diagnosis("rate_limit", retry_after=20.0))
        stage.now += 22.1
        for _ in range(10):
            stage.admit("a")

    def test_is_no_evidence_against_the_server(self) -> None:
        stage = Stage(target("a"))
        for _ in range(20):
            stage.fail("a", diagnosis("rate_limit", retry_after=1.0))
            stage.now += 2
        assert stage.usable() == "a"
        assert [scope for scope in stage.health.report(stage.now).scopes if scope.scope is Scope.TARGET] == []

    def test_a_shorter_retry_after_never_replaces_a_longer_one(self) -> None:
        stage = Stage(target("a"))
        leases = [stage.admit("a") for _ in range(2)]
        stage.lose(leases[0], diagnosis("rate_limit", retry_after=60.0))
        stage.lose(leases[1], diagnosis("rate_limit", retry_after=1.0))
        assert stage.back_in("a") >= 60

    def test_without_a_time_is_two_seconds_and_then_doubles(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a", "rate_limit")
        assert 2 <= stage.back_in("a") <= 2.2
        stage.now += 3
        stage.fail("a", "rate_limit")
        assert 4 <= stage.back_in("a") <= 4.4

    def test_is_short_again_once_a_request_got_through(self) -> None:
        stage = Stage(target("a"))
        for _ in range(3):
            stage.fail("a", "rate_limit")
            stage.now += 60
        stage.succeed("a")
        stage.fail("a", "rate_limit")
        assert 2 <= stage.back_in("a") <= 2.2

    def test_counts_for_the_probe_of_a_server_as_no_word_on_that_server(self) -> None:
        stage = Stage(target("a"))
        stage.trip("a")
        stage.now += 3
        stage.fail("a", diagnosis("rate_limit", retry_after=1.0))
        stage.now += 2
        assert stage.line("a").state == "half_open"
        assert stage.usable() == "a"

    def test_leaves_the_place_of_a_probe_of_its_own_window_to_another(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a", "permission")
        stage.now += 72.1
        stage.fail("a", diagnosis("rate_limit", retry_after=1.0))
        stage.now += 2
        assert stage.line("a").state == "half_open"
        assert stage.usable() == "a"


class TestInFlight:
    """Calls under way are counted, and each counted once."""

    def test_goes_up_and_back(self) -> None:
        stage = Stage(target("a"), target("b"))
        leases = [stage.admit("a") for _ in range(4)]
        assert (stage.line("a").in_flight, stage.health.report(stage.now).in_flight) == (4, 4)
        stage.end(leases[0])
        stage.lose(leases[1], "unknown")
        stage.leave(leases[2])
        line = stage.line("a")
        assert (line.attempts, line.successes, line.failures, line.in_flight) == (4, 1, 1, 1)

    def test_a_lease_is_settled_once(self) -> None:
        stage = Stage(target("a"), target("b"))
        lease = stage.admit("a")
        stage.end(lease)
        stage.end(lease)
        stage.lose(lease, "auth")
        stage.leave(lease)
        stage.speak(lease)
        stage.health.overdue(lease, stage.now)
        line = stage.line("a")
        assert (line.in_flight, line.successes, line.failures) == (0, 1, 0)
        assert stage.usable() == "ab"

    def test_the_first_content_comes_once(self) -> None:
        stage = Stage(target("a"))
        lease = stage.admit("a", streaming=True)
        stage.now += 0.5
        stage.speak(lease)
        stage.now += 50.0
        stage.speak(lease)
        stage.health.overdue(lease, stage.now)
        assert stage.line("a").p99 == pytest.approx(0.5, rel=0.05)
        assert stage.line("a").health is Health.HEALTHY

    def test_a_lease_that_nobody_settles_expires_as_no_evidence(self) -> None:
        stage = Stage(target("a"))
        lease = stage.admit("a", lifetime=30.0)
        stage.now += 29.9
        assert stage.line("a").in_flight == 1
        stage.now += 0.1
        assert stage.line("a").in_flight == 0
        stage.lose(lease, "auth")
        line = stage.line("a")
        assert (line.in_flight, line.failures, line.health) == (0, 0, Health.HEALTHY)

    def test_nor_is_one_that_was_beaten_after_that(self) -> None:
        stage = Stage(target("a"))
        lease = stage.admit("a", streaming=True, lifetime=30.0)
        stage.health.overdue(lease, stage.now + 10.0)
        stage.now += 30.0
        assert stage.line("a").in_flight == 0
        assert stage.health.beaten(lease, stage.now) is False
        assert stage.line("a").failures == 0

    @pytest.mark.parametrize("look", ["usable", "pick", "admit", "outlook", "refusal"])
    def test_a_lost_probe_does_not_wedge_the_target(self, look: str) -> None:
        stage = Stage(target("a"))
        stage.trip("a")
        stage.now += 3
        stage.admit("a", lifetime=30.0)
        stage.now += 29.9
        assert stage.usable() == ""
        stage.now += 0.1
        match look:
            case "pick":
                assert stage.asks() == "a"
            case "admit":
                stage.succeed("a")
            case "outlook":
                assert stage.health.outlook(stage.pick_request(), stage.now)[0] == ("a",)
            case "refusal":
                assert stage.health.refusal(stage["a"], stage.now) is None
            case _:
                stage.line("a")
                assert stage.usable() == "a"

    def test_the_first_content_renews_the_lease(self) -> None:
        stage = Stage(target("a"))
        lease = stage.admit("a", lifetime=30.0)
        stage.now += 20
        stage.health.answered(lease, stage.now, 100.0)
        stage.now += 99
        assert stage.line("a").in_flight == 1
        stage.now += 1
        assert stage.line("a").in_flight == 0

    def test_nothing_is_kept_of_a_lease_that_is_settled(self) -> None:
        stage = Stage(target("a"))
        stage.end(stage.admit("a", lifetime=30.0))
        assert not stage.health.leases.open

    def test_of_many_leases_each_expires_at_its_own_time(self) -> None:
        stage = Stage(target("a"))
        for lifetime in (30.0, 10.0, 20.0):
            stage.admit("a", lifetime=lifetime)
        counts = []
        for _ in range(4):
            counts.append(stage.line("a").in_flight)
            stage.now += 10
        assert counts == [3, 2, 1, 0]


class TestInAForkedChild:
    """Nothing is in flight there, and the parent's calls are not its own."""

    @staticmethod
    def forked() -> Stage:
        stage = Stage(target("a", max_parallel=3), target("b"))
        stage.trip("a")
        stage.now += 3
        stage.admit("a", lifetime=60.0)
        stage.admit("b")
        return stage

    def test_nothing_is_in_flight(self) -> None:
        stage = self.forked()
        stage.health.after_fork()
        assert stage.health.report(stage.now).in_flight == 0
        stage.now += 100
        assert stage.health.report(stage.now).in_flight == 0

    def test_the_parents_probe_takes_no_place(self) -> None:
        stage = self.forked()
        assert stage.grade("a") is Grade.OUT
        stage.health.after_fork()
        assert stage.usable() == "ab"
        assert stage.asks() == "a"

    def test_the_parents_places_are_free(self) -> None:
        stage = Stage(target("a", max_parallel=1))
        stage.admit("a")
        assert stage.usable() == ""
        stage.health.after_fork()
        assert stage.usable() == "a"

    def test_the_parents_test_of_a_degraded_target_does_not_hold_up_the_childs(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a", times=2)
        stage.now += 2
        assert stage.admit("a").test
        stage.health.after_fork()
        assert stage.grade("a") is Grade.PROBE

    @pytest.mark.parametrize("outcome", ["speak", "end", "lose", "leave", "overdue"])
    def test_what_becomes_of_the_parents_calls_says_nothing(self, outcome: str) -> None:
        stage = Stage(target("a"))
        stage.trip("a")
        stage.now += 3
        lease = stage.admit("a")
        stage.health.after_fork()
        if outcome == "overdue":
            stage.health.overdue(lease, stage.now)
        else:
            getattr(stage, outcome)(lease)
        assert (stage.line("a").state, stage.line("a").in_flight) == ("half_open", 0)
        assert stage.admit("a").probe
        assert stage.usable() == ""

    def test_its_own_calls_count(self) -> None:
        stage = Stage(target("a"))
        stage.health.after_fork()
        stage.trip("a")
        assert stage.usable() == ""

    def test_nobody_waits_there(self) -> None:
        stage, woken = Stage(target("a")), list[str]()
        stage.health.wait(lambda: woken.append("parent"))
        stage.health.after_fork()
        stage.trip("a")
        stage.now += 3
        stage.succeed("a")
        assert woken == []


class TestReplacing:
    """Who stays keeps its health; who is gone is not asked."""

    def test_keeps_health_and_counters(self) -> None:
        a, b = target("a"), target("b")
        stage = Stage(a, b)
        stage.trip("a")
        stage.health.replace([target("c"), a], stage.now)
        assert stage.usable() == "c"
        assert stage.line("a").failures == 3

    def test_keeps_what_is_known_of_those_that_stay_the_same(self) -> None:
        a = target("a")
        stage = Stage(a)
        stage.acquaint("a", 0.5)
        stage.hand.disable(stage["a"], disabled=True, now=stage.now)
        stage.health.replace([target("b"), a], stage.now)
        assert stage.usable() == "b"
        assert stage["a"].latency is not None
        assert stage.line("a").p50 == pytest.approx(0.5, rel=0.05)

    def test_new_facts_make_another_target_of_it(self) -> None:
        stage = Stage(target("a"))
        stage.acquaint("a", 0.5)
        stage.health.replace([target("a", region="eu")], stage.now)
        assert stage["a"].latency is None
        assert stage.line("a").successes == 30

    def test_keeps_what_a_newcomer_shares(self) -> None:
        stage = Stage(target("a", credential="k", model="m"))
        stage.fail("a", "auth")
        stage.health.replace([target("b", credential="k", model="m")], stage.now)
        assert stage.usable() == ""

    def test_keeps_a_cooldown(self) -> None:
        stage = Stage(target("a"))
        stage.fail("a", diagnosis("rate_limit", retry_after=20.0))
        stage.health.replace([target("a", weight=2.0)], stage.now)
        assert stage.back_in("a") >= 20
        assert stage.usable() == ""

    def test_forgets_what_nobody_shares_any_more(self) -> None:
        a = target("a", credential="k")
        stage = Stage(a)
        stage.fail("a", "auth")
        stage.health.replace([target("b")], stage.now)
        stage.health.replace([a], stage.now)
        assert stage.usable() == "a"

    def test_a_new_key_under_the_same_id_starts_well(self) -> None:
        stage = Stage(target("a", credential="k"))
        stage.fail("a", "auth")
        stage.health.replace([target("a", credential="l")], stage.now)
        assert stage.usable() == "a"

    def test_who_is_gone_serves_those_who_still_know_it(self) -> None:
        stage = Stage(target("a"), target("b"))
        lease, gone = stage.admit("a"), stage["a"]
        stage.health.replace([target("b")], stage.now)
        stage.end(lease)
        stage.leave(stage.health.force(gone, stage.pick_request(), stage.now, 60.0))
        assert gone.counts.in_flight == 0
        assert [t.target for t in stage.health.report(stage.now).targets] == ["b"]

    def test_a_call_under_way_speaks_of_the_key_it_was_made_with(self) -> None:
        stage = Stage(target("a", credential="k"), target("b", credential="k"))
        lease = stage.admit("a")
        stage.health.replace([target("a", credential="l"), target("b", credential="k")], stage.now)
        stage.lose(lease, "auth")
        assert stage.usable() == "a"
        assert (stage.line("a").failures, stage.health.report(stage.now).in_flight) == (1, 0)

    @pytest.mark.parametrize("what", ["auth", "server_error", "rate_limit"])
    def test_a_call_under_way_speaks_of_a_target_that_stays_the_same(self, what: str) -> None:
        a = target("a")
        stage = Stage(a, target("b"))
        leases = [stage.admit("a") for _ in range(3)]
        stage.health.replace([a, target("c")], stage.now)
        for lease in leases:
            stage.lose(lease, what)
        assert stage.usable() == "c"
        assert stage.pick() is not None
        assert stage.line("a").in_flight == 0

    def test_a_probe_under_way_closes_what_it_tests(self) -> None:
        a = target("a")
        stage = Stage(a)
        stage.trip("a")
        stage.now += 3
        probe = stage.admit("a")
        stage.health.replace([a], stage.now)
        assert stage.usable() == ""
        stage.end(probe)
        assert stage.usable() == "a"

    def test_a_test_under_way_makes_room_for_the_next(self) -> None:
        a = target("a")
        stage = Stage(a)
        stage.fail("a", times=2)
        stage.now += 2
        test = stage.admit("a")
        assert test.test
        stage.health.replace([a], stage.now)
        stage.leave(test)
        stage.now += 2
        assert stage.grade("a") is Grade.PROBE

    def test_who_waits_is_woken(self) -> None:
        stage, woken = Stage(target("a", max_parallel=1)), list[str]()
        stage.admit("a")
        stage.health.wait(lambda: woken.append("one"))
        stage.health.replace([target("b")], stage.now)
        assert woken == ["one"]


class TestADegradedTarget:
    """Under suspicion: asked only if nobody better can be, and tested by one request at a time."""

    @staticmethod
    def suspected(**policy: object) -> Stage:
        stage = Stage(target("a"), target("b", 1), strategy="sequential", **policy)
        stage.fail("a", times=2)
        return stage

    def test_ranks_below_the_healthy_ones_of_every_tier(self) -> None:
        stage = self.suspected()
        assert stage.grade("a") is Grade.DEGRADED
        assert stage.asks(3) == "bbb"

    def test_ranks_below_those_of_its_own_tier_only_where_the_policy_says_so(self) -> None:
        stage = Stage(target("a"), target("b"), target("c", 1), strategy="sequential", degraded_spill=False)
        stage.fail("a", times=2)
        assert stage.asks() == "b"
        stage.trip("b")
        assert stage.asks() == "a"

    def test_is_asked_when_nobody_better_can_be(self) -> None:
        stage = self.suspected()
        stage.trip("b")
        assert stage.asks(2) == "aa"

    def test_of_several_the_cheapest_of_the_first_tier_is_asked(self) -> None:
        stage = Stage(target("a"), target("b"), target("c", 1))
        for each in "abc":
            stage.fail(each, times=2)
        stage.fail("a", "context_window", times=0)
        stage.admit("a")
        assert stage.asks() == "b"

    def test_is_tested_after_two_seconds_by_one_request(self) -> None:
        stage = self.suspected()
        stage.now += 1.9
        assert stage.asks() == "b"
        stage.now += 0.1
        test = stage.pick()
        assert test is not None
        assert (test.standing.id, test.test, test.probe) == ("a", True, True)
        assert stage.asks(3) == "bbb"

    def test_is_tested_again_two_seconds_after_a_test_that_went_well(self) -> None:
        stage = Stage(target("a"), target("b", 1), breaker=BreakerPolicy(half_life=inf), strategy="sequential")
        stage.fail("a", times=2)
        asked = ""
        for _ in range(6):
            stage.now += 2
            asked += stage.asks(2)
        assert asked.startswith("ab" * 3)

    def test_earns_its_way_back_by_its_tests(self) -> None:
        stage = Stage(target("a"), target("b", 1), breaker=BreakerPolicy(half_life=inf), strategy="sequential")
        stage.fail("a", times=2)
        for _ in range(30):
            stage.now += 2
            stage.asks()
        assert stage.asks(3) == "aaa"
        assert stage.grade("a") is Grade.READY

    def test_is_left_alone_for_longer_after_a_test_that_failed(self) -> None:
        stage = Stage(target("a"), target("b", 1), breaker=BreakerPolicy(threshold=9), strategy="sequential")
        stage.fail("a", times=6)
        waits = []
        for _ in range(3):
            since = stage.now
            while stage.grade("a") is not Grade.PROBE:
                stage.now += 0.5
            waits.append(stage.now - since)
            stage.fail("a")
        assert waits == [2, 4, 8]

    def test_is_tested_soon_again_when_it_falls_under_suspicion_another_time(self) -> None:
        stage = Stage(target("a"), target("b", 1), breaker=BreakerPolicy(threshold=9), strategy="sequential")
        for _ in range(2):
            stage.fail("a", times=6)
            stage.now += 2
            assert stage.grade("a") is Grade.PROBE
            stage.fail("a")
            stage.now += 600
            assert stage.grade("a") is Grade.READY

    def test_is_forgiven_by_time_alone(self) -> None:
        stage = self.suspected()
        stage.now += 60 * 0.7
        assert stage.grade("a") is Grade.READY
        assert stage.asks(2) == "aa"

    def test_a_share_of_failures_that_would_never_open_degrades(self) -> None:
        stage = Stage(target("a"), target("b", 1), strategy="sequential", breaker=BreakerPolicy(threshold=99))
        for _ in range(3):
            stage.succeed("a", 3)
            stage.fail("a")
        assert stage.grade("a") is Grade.DEGRADED
        stage.now += 40
        assert stage.grade("a") is Grade.READY

    def test_a_test_whose_caller_leaves_makes_room_for_the_next(self) -> None:
        stage = self.suspected()
        stage.now += 2
        test = stage.admit("a")
        assert stage.grade("a") is Grade.DEGRADED
        stage.leave(test)
        assert stage.grade("a") is Grade.PROBE

    def test_a_test_that_ends_in_the_callers_own_error_makes_room_for_the_next(self) -> None:
        stage = self.suspected()
        stage.now += 2
        stage.fail("a", "context_window")
        assert stage.grade("a") is Grade.PROBE

    def test_gets_no_backups(self) -> None:
        stage = self.suspected()
        stage.now += 2
        backup = stage.pick(backup=True)
        assert backup is not None
        assert (backup.standing.id, stage.line("b").backups) == ("b", 1)
        stage.trip("b")
        assert stage.pick(backup=True) is None


class TestARecovery:
    """A target that is back starts slowly, and on parole."""

    @staticmethod
    def back(before: int = 0, **policy: object) -> Stage:
        stage = Stage(target("a"), **policy)
        calls = [stage.admit("a") for _ in range(max(3, before))]
        for lease in calls[:3]:
            stage.lose(lease)
        stage.now += 3
        for lease in calls[3:]:
            stage.leave(lease)
        stage.succeed("a")
        return stage

    @staticmethod
    def room(stage: Stage) -> int:
        leases = []
        while stage.usable():
            leases.append(stage.admit("a"))
        for lease in leases:
            stage.leave(lease)
        return len(leases)

    def test_starts_with_two_calls_at_once_and_one_more_with_every_answer(self) -> None:
        stage = self.back()
        rooms = [self.room(stage)]
        while stage.line("a").limit is not None:
            stage.succeed("a")
            rooms.append(self.room(stage) if stage.line("a").limit else 99)
        assert rooms == [2, 3, 4, 5, 6, 7, 99]

    def test_a_full_ramp_is_full_and_not_degraded(self) -> None:
        stage = self.back()
        stage.admit("a")
        stage.admit("a")
        assert stage.grade("a") is Grade.FULL
        assert "2 calls under way" in str(stage.health.refusal(stage["a"], stage.now))

    def test_without_a_ramp_everybody_comes_back_at_once(self) -> None:
        for policy in ({"breaker": BreakerPolicy(ramp=False)}, {"limits": {"adaptive": False}}):
            stage = self.back(**policy)
            for _ in range(20):
                stage.admit("a")

    def test_on_parole_one_failure_opens_again(self) -> None:
        stage = self.back()
        assert stage.grade("a") is Grade.READY
        lease = stage.admit("a")
        stage.now += 1
        stage.lose(lease)
        assert stage.grade("a") is Grade.OUT

    def test_on_parole_an_error_that_comes_at_once_takes_a_second_one(self) -> None:
        stage = self.back()
        stage.fail("a")
        assert stage.grade("a") is not Grade.OUT
        stage.fail("a")
        assert stage.grade("a") is Grade.OUT

    def test_on_parole_any_one_failure_opens_again_where_nobody_is_cautious(self) -> None:
        stage = self.back(breaker=BreakerPolicy(caution=1))
        stage.fail("a")
        assert stage.grade("a") is Grade.OUT

    def test_after_answers_enough_one_failure_does_not(self) -> None:
        stage = self.back()
        stage.succeed("a", 6)
        stage.fail("a")
        assert stage.grade("a") is not Grade.OUT

    def test_of_a_busy_target_takes_longer(self) -> None:
        stage = self.back(before=20)
        stage.succeed("a", 20)
        assert stage.line("a").state == "ramping"
        stage.succeed("a", 8)
        assert stage.line("a").limit is None

    def test_calls_that_outlived_the_outage_take_nobodys_place(self) -> None:
        stage = Stage(target("a"))
        for lease in (calls := [stage.admit("a") for _ in range(8)])[:3]:
            stage.lose(lease)
        stage.now += 3
        stage.succeed("a")
        assert stage.line("a").in_flight == 5
        assert stage.line("a").limit == 5 + 2
        assert self.room(stage) == 2
        for lease in calls[3:]:
            stage.leave(lease)

    def test_frees_everybody_who_waits(self) -> None:
        stage, woken = Stage(target("a")), list[int]()
        stage.trip("a")
        for number in range(3):
            stage.health.wait(lambda number=number: woken.append(number))
        stage.now += 3
        assert woken == []
        stage.succeed("a")
        assert woken == [0, 1, 2]

    def test_several_probes_run_side_by_side_where_the_policy_says_so(self) -> None:
        stage = Stage(target("a"), breaker=BreakerPolicy(half_open_probes=10, success_rate=0.8))
        stage.trip("a")
        stage.now += 3
        probes = [stage.admit("a") for _ in range(10)]
        assert stage.usable() == ""
        for probe in probes[:7]:
            stage.end(probe)
        assert stage.line("a").state == "half_open"
        stage.lose(probes[7])
        stage.end(probes[8])
        assert stage.line("a").state == "ramping"
        stage.lose(probes[9])

    def test_two_plain_answers_of_three_probes_do_not_close_what_needs_three(self) -> None:
        stage = Stage(target("a"), breaker=BreakerPolicy(half_open_probes=3))
        stage.trip("a")
        stage.now += 3
        stage.succeed("a", 2)
        assert stage.line("a").state == "half_open"
        stage.succeed("a")
        assert stage.line("a").state == "ramping"


class TestTheBudget:
    """Is kept under the same lock, and says when it is empty."""

    def test_of_failover(self) -> None:
        stage = Stage(target("a"), budget=BudgetPolicy(capacity=1, per_second=0))
        assert stage.health.spend(stage.now)
        assert not stage.health.spend(stage.now)
        assert [str(event) for event in stage.events] == ["the failover budget is spent"]
        stage.health.refund()
        assert stage.health.spend(stage.now)

    def test_of_backups(self) -> None:
        stage = Stage(target("a", cost=3.0), budget=BudgetPolicy(backup_capacity=1))
        assert stage.health.back_up(3.0, stage.now)
        assert not stage.health.back_up(3.0, stage.now)
        assert [str(event) for event in stage.events] == ["the backup budget is spent"]

    def test_is_silent_where_nobody_listens(self) -> None:
        stage = Stage(target("a"), listening=False, budget=BudgetPolicy(capacity=0, backup_capacity=0))
        assert not stage.health.spend(stage.now)
        assert not stage.health.back_up(1.0, stage.now)
        stage.trip("a")
        stage.now += 3
        stage.succeed("a")
        assert stage.events == []

    def test_what_is_spent_is_shown(self) -> None:
        stage = Stage(target("a", cost=3.0), target("b"))
        stage.succeed("a")
        lease = stage.pick(0b10, backup=True)
        assert lease is not None
        report = stage.health.report(stage.now)
        assert (report.spent, report.spent_on_backups) == (4.0, 1.0)


class TestALastResort:
    """Is booked like any other call, and decides nothing: its target is due back when it would have been."""

    @staticmethod
    def forced() -> tuple[Stage, Lease, float]:
        stage = Stage(target("a"))
        stage.trip("a")
        due = stage.back_in("a")
        return stage, stage.health.force(stage["a"], stage.pick_request(), stage.now, 60.0), due

    def test_that_is_answered_closes_nothing(self) -> None:
        stage, lease, due = self.forced()
        assert lease.probes == ()
        stage.end(lease)
        line = stage.line("a")
        assert (line.state, line.returns_in, line.successes, line.in_flight) == ("open", due, 1, 0)

    def test_that_fails_prolongs_nothing(self) -> None:
        stage, lease, due = self.forced()
        stage.lose(lease)
        line = stage.line("a")
        assert (line.state, line.returns_in, line.failures, line.in_flight) == ("open", due, 4, 0)

    def test_takes_no_probes_place(self) -> None:
        stage, lease, due = self.forced()
        stage.now += due
        probe = stage.admit("a")
        assert probe.probe
        forced = stage.health.force(stage["a"], stage.pick_request(), stage.now, 60.0)
        assert forced.probes == ()
        stage.lose(forced)
        stage.lose(lease)
        assert stage.line("a").state == "half_open"
        stage.end(probe)
        assert stage.line("a").state == "ramping"


_EMPTY = Diagnosis(error_class=ErrorClass.EMPTY_RESPONSE, scope=Scope.TARGET)

TURNS: dict[str, Callable[[Stage, Lease], Any]] = {
    "replace": lambda stage, _: stage.health.replace([target("z")], stage.now),
    "pick": lambda stage, _: stage.pick(),
    "admit": lambda stage, _: stage.admit("a"),
    "force": lambda stage, _: stage.health.force(stage["a"], stage.pick_request(), stage.now, 60.0),
    "ask_aside": lambda stage, _: stage.health.ask_aside(
        [stage["a"]], stage.pick_request(), stage.now, 60.0, streaming=False
    ),
    "longest_usual": lambda stage, _: stage.health.longest_usual(stage["a"], stage.now),
    "spend": lambda stage, _: stage.health.spend(stage.now),
    "refund": lambda stage, _: stage.health.refund(),
    "back_up": lambda stage, _: stage.health.back_up(1.0, stage.now),
    "listen": lambda stage, lease: stage.health.listen(lease, list),
    "answered": lambda stage, lease: stage.speak(lease),
    "paced": lambda stage, lease: stage.health.paced(lease, 0.02, stage.now),
    "overdue": lambda stage, lease: stage.health.overdue(lease, stage.now),
    "succeeded": lambda stage, lease: stage.end(lease),
    "failed": lambda stage, lease: stage.lose(lease),
    "said_nothing": lambda stage, lease: stage.health.said_nothing(lease, stage.now),
    "had_more_to_say": lambda stage, lease: stage.health.had_more_to_say(lease, _EMPTY, stage.now),
    "beaten": lambda stage, lease: stage.health.beaten(lease, stage.now),
    "used_up": lambda stage, lease: stage.health.used_up(lease.standing, 1.0, stage.now),
    "released": lambda stage, lease: stage.leave(lease),
    "wait": lambda stage, _: stage.health.wait(list),
    "stop_waiting": lambda stage, _: stage.health.stop_waiting(list),
    "refusal": lambda stage, _: stage.health.refusal(stage["a"], stage.now),
    "outlook": lambda stage, _: stage.health.outlook(stage.pick_request(), stage.now),
    "report": lambda stage, _: stage.health.report(stage.now),
}
NOT_SHARED = {"review", "lacks_tokens", "after_fork", "roster"}
"""Called under the lock by others, or while there are no others."""


def test_every_verb_is_among_those_that_wait_their_turn() -> None:
    public = {name for name in dir(type(Stage(target("a")).health)) if not name.startswith("_")}
    assert public == {*TURNS} | NOT_SHARED


@pytest.mark.parametrize("verb", TURNS)
def test_while_somebody_is_at_the_books_everybody_else_waits(verb: str) -> None:
    """One who did not wrote a name into a list that was being read aloud: the reader's failure was never told."""
    stage = Stage(target("a"))
    lease, done = stage.admit("a", streaming=True), list[str]()

    def take_a_turn() -> None:
        TURNS[verb](stage, lease)
        done.append(verb)

    other = Thread(target=take_a_turn, daemon=True)
    with stage.health.lock:
        other.start()
        other.join(0.03)
        assert not done
    other.join(5)
    assert done
