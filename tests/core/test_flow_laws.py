"""What holds for every request, whatever its targets, its policy, its faults and the company it keeps.

Some seconds in the ordinary suite; ``FAILOVER_LAWS=100000`` takes so many steps (see ``core.laws``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
from core.laws import STEPS, Laws, long_enough, taken, tried
from core.scripted import FAULTS, LONG, Story, World, rate_limited, target
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from failover_plugin.flow import TOO_LATE, GiveUp, Sleep
from failover_plugin.model import ErrorClass, Request, Target
from failover_plugin.policy import BudgetPolicy, Policy
from failover_plugin.selection import excluded, incapable
from failover_plugin.standing import Grade
from failover_plugin.start import Start

pytestmark = long_enough

EU = frozenset({"eu"})

OUTCOMES = st.sampled_from(["ok", "ok", "429 in 1", "429 in 60", *sorted(FAULTS)])


def targets_of(count: int, most_tiers: int = 3) -> st.SearchStrategy[list[Target]]:
    facts = st.fixed_dictionaries(
        {
            "tier": st.integers(0, most_tiers - 1),
            "credential": st.sampled_from([None, "k", "l"]),
            "context_window": st.sampled_from([None, 100, 200]),
            "tags": st.sampled_from([frozenset(), EU]),
            "enabled": st.sampled_from([True, True, True, False]),
            "max_parallel": st.sampled_from([None, None, 1, 2]),
            "rpm": st.sampled_from([None, None, 30]),
        }
    )
    return st.lists(facts, min_size=1, max_size=count).map(
        lambda rows: [target("abcdefgh"[i], row.pop("tier"), **row) for i, row in enumerate(map(dict, rows))]
    )


POLICIES = st.builds(
    Policy,
    strategy=st.sampled_from(["p2c", "sequential", "sticky", "round_robin"]),
    max_attempts=st.integers(1, 6),
    same_target_retries=st.integers(0, 3),
    patience=st.sampled_from([0.0, 2.5]),
    deadline=st.sampled_from([None, None, 0.005, 1.0, 5.0]),
    give_up_on=st.sampled_from([frozenset(), frozenset({ErrorClass.SERVER_ERROR})]),
    fallback_on=st.sampled_from([None, None, frozenset({ErrorClass.INVALID_REQUEST, ErrorClass.NETWORK})]),
    backups=st.sampled_from(["auto", "auto", "off"]),
    last_resort=st.sampled_from(["off", "off", "earliest"]),
    degraded_spill=st.booleans(),
    stream_failover=st.sampled_from(["before_first_content", "resume", "off"]),
    budget=st.builds(
        BudgetPolicy, backup_capacity=st.sampled_from([1.0, 10.0]), backups_per_success=st.sampled_from([0.0, 0.05])
    ),
)

REQUESTS = st.builds(
    Request,
    require_tags=st.sampled_from([frozenset(), frozenset(), EU]),
    deadline=st.sampled_from([None, None, 2.0]),
)

WHICH = st.integers(0, 3)


def error_of(outcome: str) -> BaseException:
    return rate_limited(float(outcome.rpartition(" ")[2])) if " " in outcome else FAULTS[ErrorClass(outcome)]()


@dataclass
class Told:
    """A request under way, and what we know of it."""

    story: Story
    request: Request
    begun: float
    streaming: bool
    asked: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    calls: list[Start] = field(default_factory=list)
    settled: list[Start] = field(default_factory=list)
    failures: list[tuple[Target, ErrorClass]] = field(default_factory=list)
    sleeping_until: float = 0.0
    committed: bool = False
    over: bool = False


class FleetLaws(Laws):
    """Several requests at once over one fleet."""

    @initialize(fleet=targets_of(5), policy=POLICIES, seed=st.integers(0, 5))
    def begin(self, fleet: list[Target], policy: Policy, seed: int) -> None:
        policy = policy.model_copy(update={"attempt_timeout": LONG})  # no lease expires while a caller takes its time
        self.world = World(fleet, policy, seed=seed)
        self.health = self.world.fleet.health
        self.policy = policy
        self.requests: list[Told] = []
        self.successes: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        """Calls that ended without a word about their target."""
        self.paid_backups = 0

    @property
    def now(self) -> float:
        return self.world.clock.now

    def pick(self, which: int, *, calling: bool) -> Told | None:
        live = [t for t in self.requests if not t.over and bool(t.calls) == calling]
        return live[which % len(live)] if live else None

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(request=REQUESTS, streaming=st.booleans())
    @precondition(lambda self: sum(not t.over for t in self.requests) < 4)
    def a_request_arrives(self, request: Request, *, streaming: bool) -> None:
        self.step()
        story = self.world.request(request, streaming=streaming)
        if streaming or len(self.requests) % 2:
            story.flow.on_wake = lambda: None
        self.requests.append(Told(story, request, self.now, streaming))

    @rule(seconds=st.sampled_from([0.01, 0.5, 3.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.step()
        self.world.clock.advance(seconds)

    @rule(which=WHICH, early=st.booleans())
    def a_request_goes_on(self, which: int, *, early: bool) -> None:
        self.step()
        told = self.pick(which, calling=False)
        if told is None:
            return
        if not early:
            self.world.clock.now = max(self.now, told.sleeping_until)
        usable = self.usable(told)
        match told.story.next():
            case Start() as start:
                self.check_start(told, start)
                if told.asked[start.target.id]:
                    self.check_repetition(told, start.target, usable)
                told.asked[start.target.id] += 1
            case Sleep(seconds):
                assert seconds > 0
                assert self.now + seconds < self.deadline(told)
                told.sleeping_until = self.now + seconds
            case GiveUp(error):
                told.over = True
                assert isinstance(error, BaseException)
                assert getattr(error, "trail", None) == told.story.flow.trail

    @rule(which=WHICH, call=WHICH, takes=st.sampled_from([0.0, 2.0]))
    def a_call_is_overdue(self, which: int, call: int, takes: float) -> None:
        self.step()
        self.world.clock.advance(takes)
        if told := self.pick(which, calling=True):
            start = told.calls[call % len(told.calls)]
            self.health.roster.catch_up(self.now)
            before = self.budget_of_backups()
            self.check_backup(told, start, lambda: told.story.backs_up(start))
            self.paid_backups += before - self.budget_of_backups() > 0.5

    @rule(which=WHICH, call=WHICH)
    def a_call_may_be_evacuated(self, which: int, call: int) -> None:
        self.step()
        if told := self.pick(which, calling=True):
            start = told.calls[call % len(told.calls)]
            well = start.lease.standing.ready
            backup = self.check_backup(told, start, lambda: told.story.evacuates(start))
            assert not (backup and well)

    @rule(which=WHICH, call=WHICH, outcome=OUTCOMES, takes=st.sampled_from([0.0, 0.2, 2.0]))
    def a_call_ends(self, which: int, call: int, outcome: str, takes: float) -> None:
        self.step()
        told = self.pick(which, calling=True)
        if told is None:
            return
        start = told.calls[call % len(told.calls)]
        self.world.clock.advance(takes)
        if outcome == "ok":
            late = told.calls
            told.story.succeeds(start)
            told.over, told.calls = True, []
            told.settled += late
            self.successes[start.target.id] += 1
            self.count_losers(late, start)
            assert not told.story.flow.live
            assert start.attempt() in told.story.flow.trail.attempts
            return
        told.story.fails(error_of(outcome), start)
        self.settle(told, start)
        if told.committed and not told.calls:
            told.committed = False
        assert start.diagnosis is not None
        told.failures.append((start.target, start.diagnosis.error_class))

    @rule(which=WHICH)
    def a_caller_leaves(self, which: int) -> None:
        self.step()
        if told := self.pick(which, calling=True):
            for start in told.calls:
                told.story.leaves(start)
                self.lost[start.target.id] += 1
            told.settled += told.calls
            told.calls, told.over = [], True
            assert not told.story.flow.live

    @rule(which=WHICH, call=WHICH)
    def content_arrives(self, which: int, call: int) -> None:
        self.step()
        told = self.pick(which, calling=True)
        if told is None or not told.streaming:
            return
        start = told.calls[call % len(told.calls)]
        others = [c for c in told.calls if c is not start]
        assert told.story.speaks(start) == others
        self.count_losers(told.calls, start)
        told.settled += others
        told.calls, told.committed = [start], True
        assert told.story.flow.live == [start]

    @rule(which=WHICH, outcome=OUTCOMES, call=WHICH)
    def a_late_outcome_changes_nothing(self, which: int, outcome: str, call: int) -> None:
        self.step()
        settled = [(t, s) for t in self.requests for s in t.settled]
        if not settled:
            return
        told, start = settled[(which * 4 + call) % len(settled)]
        before = self.world.failover.health(), str(told.story.flow.trail), self.health.budget.spent
        flow = told.story.flow
        assert flow.first_content(start, self.now) == []
        assert flow.overdue(start, self.now) is None or told.calls
        if outcome == "ok":
            assert flow.succeeded(start, self.now) == []
        else:
            flow.failed(start, error_of(outcome), self.now)
        flow.abandoned(start, self.now)
        if not told.calls:
            assert before == (self.world.failover.health(), str(flow.trail), self.health.budget.spent)

    # -- what must hold -----------------------------------------------------------------------------------------------

    def deadline(self, told: Told) -> float:
        return told.begun + (told.request.deadline or self.policy.deadline or inf)

    def budget_of_backups(self) -> float:
        return self.health.budget._backups

    def usable(self, told: Told) -> set[str]:
        """Who is untried, allowed, able and well."""
        return {
            s.id
            for s in self.health.roster.standings
            if not told.asked[s.id]
            and excluded(s.target, told.request) is None
            and (not told.failures or incapable(s.target, *told.failures[-1]) is None)
            and self.health.refusal(s, self.now) is None
        }

    def check_start(self, told: Told, start: Start) -> None:
        told.calls.append(start)
        told.starts += 1
        assert start.number == told.starts <= self.policy.max_attempts
        assert excluded(start.target, told.request) is None
        assert start.target.enabled
        left = self.deadline(told) - self.now
        assert left >= TOO_LATE
        assert 0 < start.timeout <= left
        assert 0 < start.first_content_timeout <= left
        assert start.soft_timeout > 0
        assert told.story.flow.live == told.calls

    def check_repetition(self, told: Told, chosen: Target, usable: set[str]) -> None:
        siblings = {t.id for t in self.world.failover.targets if t.tier == chosen.tier}
        assert not usable & siblings
        assert told.failures
        assert told.failures[-1][0] == chosen
        assert told.failures[-1][1] is not ErrorClass.TIMEOUT
        assert told.asked[chosen.id] <= self.policy.same_target_retries

    def check_backup(self, told: Told, late: Start, ask: Any) -> Start | None:
        healthy = {s.id for s in self.health.roster.standings if s.grade is Grade.READY}
        alone, committed, asked = told.calls == [late], told.committed, set(told.asked)
        backup = ask()
        if backup is None:
            return None
        assert alone
        assert not committed
        assert self.policy.backups == "auto"
        assert backup.target.id in healthy
        assert backup.target.id not in asked
        self.check_start(told, backup)
        told.asked[backup.target.id] += 1
        return backup

    def settle(self, told: Told, start: Start) -> None:
        told.calls.remove(start)
        told.settled.append(start)

    def count_losers(self, calls: list[Start], winner: Start) -> None:
        """Who was late and beaten has failed; the others say nothing."""
        for start in calls:
            if start is not winner:
                assert start.diagnosis is not None
                if start.diagnosis.error_class is ErrorClass.CANCELLED:
                    self.lost[start.target.id] += 1

    @invariant()
    def permits_are_neither_lost_nor_counted_twice(self) -> None:
        if not hasattr(self, "requests"):
            return
        calling = Counter(c.target.id for t in self.requests for c in t.calls)
        leases = Counter(lease.standing.id for lease in self.health.leases.open)
        report = self.world.failover.health()
        for line in report.targets:
            assert line.in_flight == calling[line.target] == leases[line.target]
            assert line.attempts == line.successes + line.failures + self.lost[line.target] + line.in_flight
            assert line.successes == self.successes[line.target]
        assert report.spent == sum(line.attempts for line in report.targets)
        assert report.spent_on_backups == sum(line.backups for line in report.targets)

    @invariant()
    def backups_for_slow_calls_keep_to_their_budget(self) -> None:
        if hasattr(self, "requests"):
            budget = self.policy.budget
            assert self.paid_backups <= budget.backup_capacity + budget.backups_per_success * self.successes.total()

    @invariant()
    def a_half_open_target_is_probed_singly(self) -> None:
        if not hasattr(self, "requests") or self.policy.last_resort != "off":  # see test_last_resort
            return
        for _, _, breaker in self.health.scopes:
            probing = [lease for lease in self.health.leases.open if breaker in lease.probes]
            assert breaker.probes <= 1
            assert len([lease for lease in probing if lease.born >= breaker.epoch]) >= breaker.probes

    def teardown(self) -> None:
        for told in getattr(self, "requests", ()):
            for start in told.calls:
                told.story.fails(TimeoutError("the end"), start)
            told.calls = []
            self.ends(told)
        if hasattr(self, "requests"):
            assert not self.health.leases.open
            assert self.world.in_flight == 0

    def ends(self, told: Told) -> None:
        """Every request does, though all that it asks fail."""
        for _ in range(60):
            if told.over:
                return
            match told.story.next():
                case Start():
                    told.story.fails(TimeoutError("the end"))
                case Sleep(seconds):
                    self.world.clock.advance(seconds)
                case GiveUp():
                    told.over = True
        raise AssertionError("it does not end")


TestFleetLaws = tried(FleetLaws, 80)


@pytest.mark.skipif(not STEPS, reason="only with FAILOVER_LAWS")
def test_so_many_steps_were_taken() -> None:
    assert taken["FleetLaws"] >= STEPS, taken


def drive(targets: list[Target], policy: Policy, script: list[tuple[str, float]], seed: int) -> list[str]:
    """Requests one after the other until the script is used up: their trails and ends, word for word."""
    world, told, left = World(targets, policy, seed=seed), [], list(script)
    while left:
        story, steps = world.request(), 0
        while (steps := steps + 1) < 50:
            match story.next():
                case Sleep(seconds):
                    world.clock.advance(seconds)
                case GiveUp(error):
                    told.append(f"{story.flow.trail}\n{error}")
                    left = left or [] if story.flow.trail.attempts else left[1:]
                    break
                case Start():
                    outcome, takes = left.pop(0) if left else ("ok", 0.1)
                    if outcome == "ok":
                        told.append(str(story.succeeds(after=takes).flow.trail))
                        break
                    story.fails(error_of(outcome), after=takes)
        assert steps < 50
    return told


SCRIPTS = st.lists(st.tuples(OUTCOMES, st.sampled_from([0.0, 0.1, 1.0, 5.0])), min_size=1, max_size=25)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(targets_of(5), POLICIES, SCRIPTS, st.integers(0, 100))
def test_the_same_script_and_seed_lead_to_the_same_decisions(
    targets: list[Target], policy: Policy, script: list[tuple[str, float]], seed: int
) -> None:
    assert drive(targets, policy, script, seed) == drive(targets, policy, script, seed)


def test_another_seed_may_decide_otherwise() -> None:
    script = [("server_error", 0.1)] * 4
    trails: Any = {tuple(drive([target("a")], Policy(), script, seed)) for seed in range(5)}
    assert len(trails) == 5
