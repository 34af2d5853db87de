"""What outcomes change: doubt, overload, openings, and the policy's own rows of the verdict table."""

from __future__ import annotations

from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import diagnosis, target, tier

from failover_plugin.classify import Hold
from failover_plugin.events import BreakerClosed, BreakerHalfOpen, BreakerOpened, KeyBlocked
from failover_plugin.health_report import Health
from failover_plugin.lease import Lease
from failover_plugin.model import Diagnosis, ErrorClass, Scope
from failover_plugin.policy import BreakerPolicy, LimitsPolicy, VerdictPolicy
from failover_plugin.standing import Grade


def suspicion(stage: Stage, target_id: str = "a") -> float:
    """Against its server, in failures."""
    found = [b.evidence.suspicion(stage.now) for scope, b in stage[target_id].breakers if scope is Scope.TARGET]
    return 2.5 * found[0] if found else 0.0


class TestDoubt:
    """A call that is overdue is nearly a failure, and none any more when it is answered."""

    @staticmethod
    def fleet() -> Stage:
        """The first has answered before."""
        stage = Stage(*tier(2))
        stage.stream("a", 0.5)
        return stage

    @staticmethod
    def overdue(stage: Stage, target_id: str = "a") -> Lease:
        lease = stage.admit(target_id, streaming=True)
        stage.health.overdue(lease, stage.now)
        return lease

    def test_is_nearly_a_failure_if_nothing_that_began_later_has_answered(self) -> None:
        stage = self.fleet()
        self.overdue(stage)
        assert suspicion(stage) == pytest.approx(0.999)

    def test_is_a_quarter_of_one_if_something_has(self) -> None:
        stage = self.fleet()
        late = stage.admit("a", streaming=True)
        stage.now += 1
        stage.succeed("a")
        stage.health.overdue(late, stage.now)
        assert suspicion(stage) == pytest.approx(0.25)

    def test_is_booked_once(self) -> None:
        stage = self.fleet()
        stage.health.overdue(self.overdue(stage), stage.now)
        assert suspicion(stage) == pytest.approx(0.999)

    def test_three_calls_in_doubt_open(self) -> None:
        stage = self.fleet()
        for lease in [stage.admit("a", streaming=True) for _ in range(3)]:
            stage.health.overdue(lease, stage.now)
        assert stage.usable() == "b"
        assert stage.line("a").reason == "target: late"

    def test_is_taken_back_when_content_comes(self) -> None:
        stage = self.fleet()
        late = [self.overdue(stage) for _ in range(2)]
        assert stage.grade("a") is Grade.DEGRADED
        stage.speak(late[0])
        stage.speak(late[1])
        assert suspicion(stage) == 0.0
        assert stage.grade("a") is Grade.READY
        stage.lose(late[0])
        assert suspicion(stage) == pytest.approx(1.0)

    def test_is_taken_back_by_a_plain_answer(self) -> None:
        stage = self.fleet()
        stage.end(self.overdue(stage))
        assert suspicion(stage) == 0.0
        assert stage["a"].counts.erred == 0.0

    def test_a_late_call_that_fails_is_one_failure_in_all(self) -> None:
        stage = self.fleet()
        stage.lose(self.overdue(stage))
        assert suspicion(stage) == pytest.approx(1.0)
        assert stage["a"].counts.erred == pytest.approx(1.0)

    def test_a_late_call_that_was_beaten_is_one_failure_in_all(self) -> None:
        stage = self.fleet()
        late = stage.admit("a", streaming=True)
        stage.now += 1
        stage.succeed("a")
        stage.health.overdue(late, stage.now)
        before = suspicion(stage)
        stage.health.beaten(late, stage.now)
        assert suspicion(stage) - before == pytest.approx(0.75)
        assert stage.line("a").last_error == "timeout: late, and a backup answered first"

    @pytest.mark.parametrize(
        ("deviations", "heard", "evidence"),
        [(1.4, 0, 0.0), (1.6, 0, 0.999), (1.6, 1, 0.0), (1.9, 1, 0.0), (2.1, 1, 0.25)],
    )
    def test_lateness_that_is_common_here_says_nothing(self, deviations: float, heard: int, evidence: float) -> None:
        """Less so where others have been answered meanwhile."""
        stage = Stage(*tier(2))
        stage.acquaint("a", 30.0)
        usual = stage["a"].latency
        assert usual is not None
        late = stage.admit("a", streaming=True)
        stage.now += 1.0
        stage.succeed("a", times=heard)
        stage.now -= 1.0
        before = suspicion(stage)
        stage.now += usual.within(deviations)
        stage.health.overdue(late, stage.now)
        assert suspicion(stage) - before == pytest.approx(evidence)

    @pytest.mark.parametrize(("deviations", "failures"), [(1.4, 0), (1.6, 1)])
    def test_who_was_beaten_while_late_as_often_has_not_failed(self, deviations: float, failures: int) -> None:
        stage = Stage(*tier(2))
        stage.acquaint("a", 30.0)
        usual = stage["a"].latency
        assert usual is not None
        late = stage.admit("a", streaming=True)
        stage.health.overdue(late, stage.now + usual.within(1.1))
        stage.now += usual.within(deviations)
        stage.health.beaten(late, stage.now)
        assert (stage.line("a").failures, stage.line("a").in_flight) == (failures, 0)

    def test_a_late_call_that_fails_for_another_reason_stays_in_doubt(self) -> None:
        stage = self.fleet()
        stage.lose(self.overdue(stage), "auth")
        assert suspicion(stage) == pytest.approx(0.999)

    def test_of_an_older_epoch_it_is_not_taken_back(self) -> None:
        stage = self.fleet()
        late = self.overdue(stage)
        stage.trip("a")
        before = suspicion(stage)
        stage.speak(late)
        assert suspicion(stage) == before

    def test_a_probe_is_not_judged_before_it_has_ended(self) -> None:
        stage = self.fleet()
        stage.trip("a")
        stage.now += 3
        before, probe = suspicion(stage), stage.admit("a", streaming=True)
        stage.health.overdue(probe, stage.now)
        assert suspicion(stage) == pytest.approx(before)
        assert stage.line("a").state == "half_open"
        stage.health.beaten(probe, stage.now)
        assert stage.line("a").state == "open"

    def test_stays_when_the_caller_leaves(self) -> None:
        stage = self.fleet()
        stage.leave(self.overdue(stage))
        assert suspicion(stage) > 0.9

    def test_of_a_target_that_has_never_answered_is_a_quarter_of_a_failure(self) -> None:
        stage = Stage(*tier(2))
        self.overdue(stage)
        assert suspicion(stage) == pytest.approx(0.25)

    def test_a_stranger_that_was_beaten_is_half_a_failure_in_all(self) -> None:
        stage = Stage(*tier(2))
        stage.health.beaten(self.overdue(stage), stage.now)
        assert suspicion(stage) == pytest.approx(0.5)
        assert stage.line("a").failures == 1

    def test_a_stranger_that_fails_is_one_failure_like_any_other(self) -> None:
        stage = Stage(*tier(2))
        stage.lose(self.overdue(stage))
        assert suspicion(stage) == pytest.approx(1.0)

    @pytest.mark.parametrize("streaming", [True, False])
    def test_a_target_is_a_stranger_to_the_kind_of_calls_that_it_has_never_answered(self, *, streaming: bool) -> None:
        stage = Stage(*tier(2))
        plain = stage.admit("a")
        stage.now += 3
        stage.health.succeeded(plain, stage.now, timed=True)
        stage.health.overdue(stage.admit("a", streaming=streaming), stage.now)
        assert suspicion(stage) == pytest.approx(0.25 if streaming else 0.999)

    @pytest.mark.parametrize(("slower", "doubted"), [(1, 0.25), (3, 0.0)])
    def test_is_none_from_half_of_the_lateness_on_that_means_overload(self, slower: int, doubted: float) -> None:
        stage = Stage(*tier(2), limits=LimitsPolicy(adaptive=False))
        stage.acquaint("a", 0.5, 60)
        late = [stage.admit("a", streaming=True) for _ in range(8)]
        for _ in range(slower):
            stage.stream("a", 3.0)
        latency = stage["a"].latency
        assert latency is not None
        assert not latency.overloaded()
        stage.health.overdue(late[0], stage.now)
        assert suspicion(stage) == pytest.approx(doubted)

    def test_says_something_of_a_slow_server_that_has_gone_silent(self) -> None:
        stage = Stage(*tier(2), limits=LimitsPolicy(adaptive=False))
        stage.acquaint("a", 0.5, 60)
        late = [stage.admit("a", streaming=True) for _ in range(12)]
        for _ in range(15):
            stage.stream("a", 3.0)
        stage.now += 2
        stage.health.overdue(late[0], stage.now)
        assert suspicion(stage) == pytest.approx(0.25)

    def test_says_nothing_of_a_server_that_has_too_much_to_do(self) -> None:
        stage = Stage(*tier(2), limits=LimitsPolicy(adaptive=False))
        stage.acquaint("a", 0.5, 60)
        late = [stage.admit("a", streaming=True) for _ in range(12)]
        for _ in range(15):
            stage.stream("a", 3.0)
        before = suspicion(stage)
        for lease in late:
            stage.health.overdue(lease, stage.now)
        assert suspicion(stage) == pytest.approx(before)
        stage.health.beaten(late[0], stage.now)
        assert (stage.line("a").failures, stage.line("a").in_flight) == (0, 11)


class TestCaution:
    """Half as much evidence again opens for errors that come at once, from a server that answers in between or while
    others are full: asking elsewhere is cheap then, and leaving a server alone for nothing is not.
    """

    @staticmethod
    def flaky(**policy: Any) -> Stage:
        """It has failed once, and answered since."""
        stage = Stage(*tier(2), **policy)
        stage.fail("a")
        stage.now += 0.1
        stage.succeed("a")
        return stage

    def test_a_server_that_answers_in_between_takes_four_such_errors(self) -> None:
        stage = self.flaky()
        stage.fail("a", times=2)
        assert suspicion(stage) > 2.5
        assert stage.usable() == "ab"
        stage.fail("a")
        assert stage.usable() == "b"

    def test_a_server_that_answered_before_and_no_more_takes_three(self) -> None:
        stage = Stage(*tier(2))
        stage.succeed("a", 5)
        stage.now += 0.1
        stage.fail("a", times=3)
        assert stage.usable() == "b"

    def test_answers_to_calls_that_began_before_the_trouble_prove_nothing(self) -> None:
        stage = Stage(*tier(2))
        early = stage.admit("a")
        stage.now += 0.1
        stage.fail("a")
        stage.now += 0.1
        stage.end(early)
        stage.fail("a", times=2)
        assert stage.usable() == "b"

    def test_a_time_of_trust_ends_a_trouble(self) -> None:
        stage = self.flaky()
        stage.now += 600
        stage.fail("a", times=3)
        assert stage.usable() == "b"

    def test_errors_that_take_a_second_are_dear_and_so_three_of_them_open(self) -> None:
        stage = self.flaky()
        calls = [stage.admit("a") for _ in range(2)]
        stage.now += 1
        for call in calls:
            stage.lose(call)
        assert stage.usable() == "b"

    def test_streams_that_break_after_their_first_content_are_dear_however_soon_that_is(self) -> None:
        stage = self.flaky()
        for call in [stage.admit("a", streaming=True) for _ in range(2)]:
            stage.speak(call)
            stage.lose(call, "stream_interrupted")
        assert stage.usable() == "b"

    def test_while_others_are_full_it_takes_four(self) -> None:
        stage = Stage(target("a"), target("b"), target("c", 1, max_parallel=1))
        full = stage.admit("c")
        stage.fail("a", times=3)
        assert stage.usable() == "ab"
        stage.fail("a")
        assert stage.usable() == "b"
        stage.end(full)
        stage.fail("b", times=3)
        assert stage.usable() == "c"

    def test_a_server_that_is_full_itself_takes_three(self) -> None:
        stage = Stage(target("a", max_parallel=1), target("b", 1))
        for _ in range(3):
            stage.fail("a")
        assert stage.usable() == "b"

    def test_is_what_the_policy_says(self) -> None:
        stage = self.flaky(breaker=BreakerPolicy(caution=1))
        stage.fail("a", times=2)
        assert stage.usable() == "b"
        stage = self.flaky(breaker=BreakerPolicy(caution=3))
        stage.fail("a", times=6)
        assert stage.usable() == "ab"


class TestOverload:
    """A server that says it is overloaded gets fewer calls; it has failed only if nothing comes from it any more."""

    @staticmethod
    def crowd(calls: int = 10) -> tuple[Stage, list[Lease]]:
        stage = Stage(*tier(2))
        leases = [stage.admit("a") for _ in range(calls)]
        stage.succeed("a")
        return stage, leases

    def test_is_no_failure_while_content_comes(self) -> None:
        stage, leases = self.crowd()
        for lease in leases[:5]:
            stage.lose(lease, "overloaded")
        assert suspicion(stage) == 0.0
        assert stage.line("a").state != "open"

    def test_is_one_two_seconds_after_the_last_sign_of_life(self) -> None:
        stage, leases = self.crowd()
        stage.now += 2
        for lease in leases[:3]:
            stage.lose(lease, "overloaded")
        assert stage.usable() == "b"

    def test_of_a_target_that_has_never_answered_is_one(self) -> None:
        stage = Stage(*tier(2))
        stage.fail("a", "overloaded", times=3)
        assert stage.usable() == "b"

    def test_cuts_the_calls_at_once(self) -> None:
        stage, leases = self.crowd()
        stage.lose(leases[0], "overloaded")
        assert stage.line("a").limit == 7
        assert stage.grade("a") is Grade.FULL
        for lease in leases[1:4]:
            stage.leave(lease)
        assert stage.grade("a") is not Grade.FULL

    def test_fails_a_probe_even_while_content_came(self) -> None:
        stage, leases = self.crowd()
        for lease in leases[:3]:
            stage.lose(lease)
        stage.now += 3
        stage["a"].heard = stage.now
        stage.fail("a", "overloaded")
        assert stage.line("a").state == "open"

    def test_is_a_failure_like_any_other_without_limits(self) -> None:
        stage = Stage(*tier(2), limits=LimitsPolicy(adaptive=False))
        stage.succeed("a")
        stage.fail("a", "overloaded", times=3)
        assert stage.usable() == "b"
        assert stage.line("a").limit is None

    def test_answers_let_the_calls_grow_back_until_there_is_no_limit(self) -> None:
        stage, leases = self.crowd()
        stage.lose(leases[0], "overloaded")
        for lease in leases[1:]:
            stage.leave(lease)
        seen = []
        while (limit := stage.line("a").limit) is not None:
            seen.append(limit)
            stage.now += 1
            stage.succeed("a")
        assert seen == sorted(seen)
        assert seen[0] == 7
        assert seen[-1] == 16

    def test_an_answer_that_makes_room_calls_those_who_wait_in_their_order(self) -> None:
        """Ten calls, seven places: who is called before there is one goes to the end of the queue."""
        stage, leases = self.crowd()
        stage.lose(leases[0], "overloaded")
        woken: list[str] = []
        for name in ("first", "second", "third"):
            stage.health.wait(lambda name=name: woken.append(name))
        stage.end(leases[1])
        assert woken == []
        stage.end(leases[2])
        assert woken[0] == "first"
        assert "third" not in woken


class TestTheEvents:
    """What listeners hear of a scope, once the lock is free."""

    @staticmethod
    def fleet(**policy: Any) -> Stage:
        facts = {"credential": "k", "endpoint": "https://one.example", "model": "m"}
        return Stage(target("a", **facts), target("b", **facts), target("c"), **policy)

    def test_of_a_life(self) -> None:
        stage = self.fleet(breaker=BreakerPolicy(jitter=0))
        stage.trip("a")
        stage.now += 2
        stage.fail("b")
        stage.now += 4
        stage.succeed("a")
        key = "https://one.example m"
        assert [str(event) for event in stage.events] == [
            f"target {key} open for 2.0 s: server_error (a, b)",
            f"target {key} half open (a, b)",
            f"target {key} open again for 4.0 s: server_error (a, b)",
            f"target {key} half open (a, b)",
            f"target {key} closed (a, b)",
        ]
        kinds = [type(event) for event in stage.events]
        assert kinds == [BreakerOpened, BreakerHalfOpen, BreakerOpened, BreakerHalfOpen, BreakerClosed]

    def test_of_a_dead_key_is_an_alert(self) -> None:
        stage = self.fleet(breaker=BreakerPolicy(jitter=0))
        stage.fail("a", "auth")
        (event,) = stage.events
        assert isinstance(event, KeyBlocked)
        assert (event.scope, event.key, event.targets, event.blocked_for) == (Scope.CREDENTIAL, "k", ("a", "b"), 60.0)

    def test_of_a_missing_model_is_none(self) -> None:
        stage = self.fleet()
        stage.fail("a", "not_found")
        (event,) = stage.events
        assert isinstance(event, BreakerOpened)

    def test_of_an_account_that_is_not_named_tells_of_the_credential(self) -> None:
        stage = self.fleet(breaker=BreakerPolicy(jitter=0))
        stage.fail("a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
        (event,) = stage.events
        assert str(event) == "credential k blocked for 60.0 s: quota_exhausted (a, b)"

    def test_a_probe_is_told_of_once(self) -> None:
        stage = self.fleet(breaker=BreakerPolicy(half_open_probes=3))
        stage.trip("a")
        stage.now += 3
        for _ in range(3):
            stage.admit("a")
        assert len(stage.told(BreakerHalfOpen)) == 1

    def test_calls_without_content_are_woken_when_their_server_fails(self) -> None:
        stage, woken = self.fleet(), list[str]()
        leases = {each: stage.admit(each, streaming=True) for each in "abc"}
        for each, lease in leases.items():
            stage.health.listen(lease, lambda each=each: woken.append(each))
        spoken = stage.admit("b", streaming=True)
        stage.health.listen(spoken, lambda: woken.append("spoken"))
        stage.speak(spoken)
        stage.trip("a")
        assert sorted(woken) == ["a", "b"]
        stage.now += 3
        stage.fail("a")
        assert sorted(woken) == ["a", "b"]

    def test_a_call_that_has_ended_is_not_woken(self) -> None:
        stage, woken = self.fleet(), list[str]()
        lease = stage.admit("a", streaming=True)
        stage.health.listen(lease, lambda: woken.append("a"))
        stage.leave(lease)
        stage.trip("a")
        assert woken == []


class TestRowsOfOnesOwn:
    """A policy may say otherwise what an error means."""

    @staticmethod
    def fleet(what: str, **row: Any) -> Stage:
        return Stage(
            target("a", credential="k"),
            target("b", credential="k"),
            target("c"),
            verdicts={ErrorClass(what): VerdictPolicy(**row)},
        )

    def test_whose_health_it_speaks_of(self) -> None:
        stage = self.fleet("server_error", scope=Scope.CREDENTIAL)
        stage.trip("a")
        assert stage.usable() == "c"
        stage = self.fleet("server_error", scope=Scope.REQUEST)
        stage.fail("a", times=9)
        assert stage.usable() == "abc"

    def test_how_much_of_a_failure_it_is(self) -> None:
        stage = self.fleet("server_error", weight=0.5)
        stage.fail("a", times=4)
        assert stage.usable() == "abc"
        stage = self.fleet("auth", hold=Hold.NONE)
        stage.fail("a", "auth", times=9)
        assert stage.usable() == "abc"

    def test_that_it_rests(self) -> None:
        stage = self.fleet("server_error", hold=Hold.COOL, seconds=30.0)
        stage.fail("a")
        assert 30 <= stage.back_in("a") <= 33
        assert stage.line("a").health is Health.DEGRADED
        stage = self.fleet("timeout", hold=Hold.BLOCK)
        stage.fail("a", "timeout")
        assert 48 <= stage.back_in("a") <= 72

    def test_that_a_network_error_is_the_credentials(self) -> None:
        stage = self.fleet("network", scope=Scope.CREDENTIAL)
        for each in "abc":
            stage.fail(each, "network")
        assert suspicion(stage) == 0.0


def test_where_a_success_clears_the_evidence_it_clears_the_failure_rate_as_well() -> None:
    stage = Stage(*tier(2), breaker=BreakerPolicy(success_clears=True, threshold=9))
    stage.fail("a", times=5)
    assert stage.grade("a") is Grade.DEGRADED
    stage.succeed("a")
    assert stage.grade("a") is Grade.READY


def test_a_share_of_a_failure_is_booked_as_that() -> None:
    stage = Stage(*tier(2))
    stage.health.failed(stage.admit("a"), diagnosis("timeout"), stage.now, share=0.2)
    assert suspicion(stage) == pytest.approx(0.2)


def test_a_stream_that_breaks_in_the_middle_asks_for_a_whole_answer() -> None:
    stage = Stage(*tier(2))
    for _ in range(3):
        lease = stage.admit("a", streaming=True)
        stage.speak(lease)
        stage.lose(lease, "stream_interrupted")
    stage.now += 3
    probe = stage.admit("a", streaming=True)
    stage.speak(probe)
    assert stage.line("a").state == "half_open"
    stage.end(probe)
    assert stage.line("a").state == "ramping"


@pytest.mark.parametrize("late", ["end", "lose", "leave", "speak"])
def test_outcomes_of_an_older_epoch_change_nothing(late: str) -> None:
    stage = Stage(*tier(2))
    old = stage.admit("a", streaming=True)
    stage.trip("a")
    (breaker,) = (b for scope, b in stage["a"].breakers if scope is Scope.TARGET)
    before = (breaker.until, breaker.epoch, breaker.evidence.score)
    getattr(stage, late)(old)
    assert (breaker.until, breaker.epoch, breaker.evidence.score) == before
    stage.now += 3
    older = stage.admit("a")
    assert older.probe


def test_a_probe_finds_an_account_that_is_not_named_to_blame_and_gives_its_place_back() -> None:
    stage = Stage(target("a", credential="k"), verdicts={ErrorClass.QUOTA_EXHAUSTED: {"hold": "none", "weight": 1.0}})
    stage.fail("a", "auth")
    stage.now += 73
    stage.fail("a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    stage.now += 73
    assert stage.usable() == "a"
