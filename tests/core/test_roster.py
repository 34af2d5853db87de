"""Who is fit for what, kept up to date so that a choice never looks at all."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from math import fsum, inf, sqrt
from random import Random
from typing import Any

import pytest
from core.fleets import LONG, Stage
from core.scripted import diagnosis, target, tier
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from failover_plugin.health import FleetHealth
from failover_plugin.lease import Lease
from failover_plugin.model import Request, Target
from failover_plugin.policy import BreakerPolicy, LimitsPolicy, Policy
from failover_plugin.roster import EVERYBODY, Candidates, Roster, bits
from failover_plugin.standing import Grade
from failover_plugin.strategy import STRATEGIES


def test_a_bit_set_is_read_in_order() -> None:
    assert list(bits(0)) == []
    assert list(bits(0b1011)) == [0, 1, 3]
    assert list(bits(1 << 9_999)) == [9_999]


def roster(*targets: Target) -> Roster:
    made = Roster(targets, {})
    for standing in made.standings:
        made.review(standing, 0.0)
    return made


def test_indices_run_over_all_tiers() -> None:
    made = roster(target("a"), target("b"), target("c", 3))
    assert [(t.number, [s.id for s in t]) for t in made.tiers] == [(0, ["a", "b"]), (3, ["c"])]
    assert (made.everybody, made.mask_of(["c", "a", "nobody"])) == (0b111, 0b101)
    assert made.unready == 0


def test_a_target_that_is_not_enabled_is_out() -> None:
    made = roster(target("a", enabled=False), target("b"))
    assert (made.tiers[0].out, made.tiers[0].ready, made.unready) == (0b01, 0b10, 1)


class TestCandidates:
    """What a strategy may choose from."""

    @staticmethod
    def some(mask: int = 0b10110) -> Candidates:
        return Candidates(roster(*tier(5)).tiers[0], mask)

    def test_are_in_order(self) -> None:
        assert "".join(s.id for s in self.some()) == "bce"
        assert (len(self.some()), self.some().first().id) == (3, "b")

    @pytest.mark.parametrize("count", [0, 1, 16, 17, 60])
    def test_few_or_many_are_in_order(self, count: int) -> None:
        made = roster(*(target(f"t{i}") for i in range(70))).tiers[0]
        mask = sum(1 << i for i in Random(count).sample(range(70), count))
        assert [standing.index for standing in Candidates(made, mask)] == list(bits(mask))

    @pytest.mark.parametrize(
        ("index", "following"), [(-1, "b"), (0, "b"), (1, "c"), (2, "e"), (3, "e"), (4, "b"), (99, "b")]
    )
    def test_go_round(self, index: int, following: str) -> None:
        assert self.some().after(index).id == following

    def test_are_drawn_two_at_a_time_never_the_same(self) -> None:
        rng = Random(1)
        for candidates in (self.some(), roster(*tier(5)).tiers[0]):
            pairs = [candidates.pair(rng) for _ in range(300)]
            assert all(one is not other for one, other in pairs)
            assert {(one.id, other.id) for one, other in pairs} == {
                (one.id, other.id) for one in candidates for other in candidates if one is not other
            }

    @pytest.mark.parametrize("fit", [60, 30, 17])
    def test_every_pair_is_as_likely_as_any_other_in_big_tiers_too(self, fit: int) -> None:
        made, rng = roster(*(target(f"t{i}") for i in range(60))).tiers[0], Random(fit)
        candidates = Candidates(made, sum(1 << i * 60 // fit for i in range(fit)))
        each, kinds = 40, fit * (fit - 1)
        seen = Counter((one.index, other.index) for one, other in (candidates.pair(rng) for _ in range(each * kinds)))
        assert len(seen) <= kinds
        chi_squared = fsum((seen[pair] - each) ** 2 / each for pair in permutations(bits(candidates.mask), 2))
        freedom = kinds - 1
        assert abs(chi_squared - freedom) < 5 * sqrt(2 * freedom)

    @pytest.mark.parametrize("mask", [0b11, 0b1, 1 << 59 | 1])
    def test_the_few_of_many_who_fit_are_found(self, mask: int) -> None:
        made = roster(*(target(f"t{i}") for i in range(60))).tiers[0]
        for _ in range(50):
            assert {standing.index for standing in Candidates(made, mask).pair(Random(1))} == set(bits(mask))

    def test_who_is_not_ready_can_be_drawn_where_nobody_else_may_be(self) -> None:
        made = roster(*(target(f"t{i}", enabled=i >= 3) for i in range(60))).tiers[0]
        assert {standing.index for standing in Candidates(made, 0b110).pair(Random(1))} == {1, 2}

    def test_one_is_its_own_pair(self) -> None:
        one, other = self.some(0b100).pair(Random(1))
        assert one is other
        assert self.some(0b100).draw(Random(1)).id == "c"


class TestWhatIsDue:
    """What time alone changes is looked at when that has come, and only then."""

    def test_an_opening_that_ends(self) -> None:
        stage = Stage(*tier(3))
        stage.trip("b")
        assert stage.health.roster.unready == 1
        stage.now += 3
        assert stage.grade("b") is Grade.PROBE
        assert stage.health.roster.unready == 1

    def test_what_was_overtaken_is_left_alone(self) -> None:
        stage = Stage(*tier(2))
        stage.trip("a")
        stage.hand.force_open(stage["a"], 100.0, stage.now)
        stage.now += 50
        assert stage.grade("a") is Grade.OUT
        stage.now += 50
        assert stage.grade("a") is Grade.PROBE

    def test_the_heap_does_not_grow_without_end(self) -> None:
        stage = Stage(*tier(2))
        for seconds in range(1, 2000):
            stage.hand.cool(stage["a"], float(seconds), stage.now)
        assert len(stage.health.roster.due) <= 64 + 4 * 2 + 1
        stage.now += 1999
        assert stage.usable() == "ab"
        assert stage.grade("a") is Grade.READY

    def test_who_looked_ahead_has_seen_it_for_himself_only(self) -> None:
        stage = Stage(target("a"), target("b", 1))
        stage.hand.force_open(stage["a"], 10.0, stage.now)
        stage.health.roster.catch_up(stage.now + 10)
        assert stage.grade("a") is Grade.PROBE
        assert stage.asks(3) == "bbb"
        assert stage.grade("a") is Grade.OUT
        stage.now += 10
        assert stage.grade("a") is Grade.PROBE
        assert stage.asks() == "a"

    def test_what_is_due_for_a_test_and_cleared_by_time_meanwhile(self) -> None:
        stage = Stage(*tier(2))
        stage.fail("a", times=2)
        stage.now += 2
        assert stage.grade("a") is Grade.PROBE
        stage.now += 600
        assert stage.grade("a") is Grade.READY


FACTS: list[dict[str, Any]] = [
    {},
    {"credential": "k"},
    {"credential": "k", "account": "acme"},
    {"max_parallel": 2},
    {"endpoint": "https://one.example", "model": "m"},
    {"tier": 1, "endpoint": "https://one.example", "model": "m", "credential": "k"},
    {"tier": 1, "enabled": False},
    {"tier": 1, "weight": 3.0},
    {"tier": 2, "account": "acme", "credential": "l"},
]
OUTCOMES = ["server_error", "server_error", "timeout", "network", "auth", "quota_exhausted", "permission", "not_found",
            "overloaded", "rate_limit", "invalid_request", "stream_interrupted", "unknown"]  # fmt: skip
POLICIES = st.builds(
    Policy,
    strategy=st.sampled_from(sorted(STRATEGIES)),
    degraded_spill=st.booleans(),
    limits=st.builds(LimitsPolicy, adaptive=st.booleans()),
    breaker=st.builds(
        BreakerPolicy,
        half_open_probes=st.sampled_from([1, 3]),
        success_rate=st.sampled_from([0.5, 1.0]),
        half_life=st.sampled_from([60.0, inf]),
        parole=st.booleans(),
        ramp=st.booleans(),
    ),
)


class RosterLaws(RuleBasedStateMachine):
    """Whatever happens to a fleet, what is remembered of it is what a fresh look would find."""

    @initialize(policy=POLICIES, seed=st.integers(0, 9))
    def begin(self, policy: Policy, seed: int) -> None:
        self.stage = Stage(*self.targets(range(len(FACTS))))
        self.stage.health = FleetHealth(self.targets(range(len(FACTS))), policy, Random(seed))
        self.stage.hand = type(self.stage.hand)(self.stage.health)
        self.policy = policy
        self.leases: list[Lease] = []

    @staticmethod
    def targets(which: Iterator[int] | range) -> list[Target]:
        made = [target("abcdefghi"[i], **FACTS[i]) for i in which]
        return sorted(made, key=lambda each: each.tier)

    def one(self, which: int) -> Lease | None:
        return self.leases[which % len(self.leases)] if self.leases else None

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.5, 2.1, 10.0, 70.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.stage.now += seconds

    @rule(backup=st.booleans(), streaming=st.booleans(), free=st.sampled_from([EVERYBODY, 0b1010101, 0b11]))
    @precondition(lambda self: len(self.leases) < 40)
    def a_request_is_made(self, backup: bool, streaming: bool, free: int) -> None:  # noqa: FBT001 - drawn
        stage = self.stage
        lease = stage.health.pick(
            Request(affinity="s"), free, stage.health.selection, stage.now, LONG, backup=backup, streaming=streaming
        )
        if lease:
            self.leases.append(lease)
            assert not backup or not lease.probe

    @rule(index=st.integers(0, 8))
    def a_last_resort(self, index: int) -> None:
        standings = self.stage.health.roster.standings
        standing = standings[index % len(standings)]
        self.leases.append(self.stage.health.force(standing, Request(), self.stage.now, LONG))

    @rule(which=st.integers(0, 99), seconds=st.sampled_from([0.1, 0.5, 5.0]))
    def content_comes(self, which: int, seconds: float) -> None:
        self.stage.now += seconds
        if lease := self.one(which):
            self.stage.speak(lease)

    @rule(which=st.integers(0, 99))
    def a_call_is_late(self, which: int) -> None:
        if lease := self.one(which):
            self.stage.health.overdue(lease, self.stage.now)

    @rule(which=st.integers(0, 99), how=st.sampled_from(["ok", "ok", "ok", "leave", "beaten", *OUTCOMES]))
    def a_call_ends(self, which: int, how: str) -> None:
        lease = self.one(which)
        if lease is None:
            return
        self.leases.remove(lease)
        if how == "ok":
            self.stage.end(lease)
        elif how == "leave":
            self.stage.leave(lease)
        elif how == "beaten":
            self.stage.health.beaten(lease, self.stage.now)
        else:
            self.stage.health.failed(lease, diagnosis(how), self.stage.now)

    @rule(index=st.integers(0, 8), how=st.sampled_from(["disable", "enable", "open", "half", "reset", "cool"]))
    def by_hand(self, index: int, how: str) -> None:
        stage = self.stage
        standings = stage.health.roster.standings
        standing = standings[index % len(standings)]
        match how:
            case "open":
                stage.hand.force_open(standing, 5.0, stage.now)
            case "half":
                stage.hand.half_open(standing, stage.now)
            case "reset":
                stage.hand.reset(standing if index % 2 else None, stage.now)
            case "cool":
                stage.hand.cool(standing, float(index % 3), stage.now)
            case _:
                stage.hand.disable(standing, disabled=how == "disable", now=stage.now)

    @rule(gone=st.sets(st.integers(0, 8), max_size=5))
    def targets_are_replaced(self, gone: set[int]) -> None:
        self.stage.health.replace(self.targets(i for i in range(len(FACTS)) if i not in gone), self.stage.now)

    @rule()
    def a_process_forks(self) -> None:
        self.stage.health.after_fork()
        self.leases.clear()

    @invariant()
    def masks_partition_the_members(self) -> None:
        if not hasattr(self, "stage"):
            return
        for each in self.stage.health.roster.tiers:
            masks = each.ready, each.probes, each.degraded, each.full, each.out
            assert sum(mask.bit_count() for mask in masks) == each.members.bit_count()
            assert each.ready | each.probes | each.degraded | each.full | each.out == each.members
            by_grade = dict(zip(Grade, masks, strict=True))
            for index in bits(each.members):
                standing = each.standings[index]
                assert by_grade[standing.grade] >> index & 1
                assert standing.tier is each

    @invariant()
    def the_dense_list_is_the_ready_set(self) -> None:
        if not hasattr(self, "stage"):
            return
        roster = self.stage.health.roster
        for each in roster.tiers:
            dense = each.dense
            assert sorted(s.index for s in dense) == list(bits(each.ready))
            assert [s.place for s in dense] == list(range(len(dense)))
        assert all((s.place >= 0) == s.ready for s in roster.standings)
        assert roster.unready == sum(not s.ready for s in roster.standings)

    @invariant()
    def what_is_remembered_is_what_a_fresh_look_finds(self) -> None:
        if not hasattr(self, "stage"):
            return
        stage = self.stage
        stage.health.roster.catch_up(stage.now)
        for standing in stage.health.roster.standings:
            grade, due = standing.assess(stage.now)
            assert standing.grade is grade, standing.id
            assert standing.due == due or standing.due <= due
            assert stage.health.refusal(standing, stage.now) is None or grade in (Grade.OUT, Grade.FULL)

    @invariant()
    def calls_and_probes_are_neither_lost_nor_counted_twice(self) -> None:
        if not hasattr(self, "stage"):
            return
        health = self.stage.health
        for standing in health.roster.standings:
            mine = [lease for lease in self.leases if lease.standing.counts is standing.counts]
            assert standing.counts.in_flight == len(mine)
            assert standing.counts.probing == sum(lease.test for lease in mine)
        for _, _, breaker in health.scopes:
            assert breaker.probes >= 0
            assert breaker.until is not None or breaker.probes == 0


TestRosterLaws = RosterLaws.TestCase
TestRosterLaws.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, derandomize=True)


def many(count: int) -> list[Target]:
    return [
        Target(f"t{i}", provider="p", model=f"m{i % 7}", credential=f"k{i % 100}", tier=i * 3 // count)
        for i in range(count)
    ]


def test_ten_thousand_idle_targets_cost_less_than_two_kilobytes_each() -> None:
    targets, rng, policy = many(10_000), Random(1), Policy()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        health = FleetHealth(targets, policy, rng)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    each = (after - before) / len(targets)
    print(f"{each:.0f} B for each idle target")  # noqa: T201 - a measurement
    assert each <= 2048
    assert not health.scopes.breakers


def test_what_happens_to_one_target_touches_no_other() -> None:
    health = FleetHealth(many(10_000), Policy(strategy="round_robin"), Random(1))
    looked_at: list[str] = []

    for standing in health.roster.standings:
        standing.due = inf
    lease = health.pick(Request(), EVERYBODY, health.selection, 0.0, LONG)
    assert lease is not None
    health.failed(lease, diagnosis("server_error"), 0.0)
    looked_at += [s.id for s in health.roster.standings if s.breakers]
    assert len(looked_at) == sum(
        s.target.credential == lease.standing.target.credential and s.target.model == lease.standing.target.model
        for s in health.roster.standings
    )
