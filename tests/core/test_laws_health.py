"""What holds for the health of every fleet, whatever becomes of its calls and whatever people do to it by hand.

Some seconds in the ordinary suite; ``FAILOVER_LAWS=100000`` takes so many steps (see ``core.laws``).
"""

from __future__ import annotations

from collections import Counter
from math import inf

import pytest
from core.laws import STEPS, Laws, long_enough, taken, tried
from core.scripted import FAULTS, World, chain, diagnosis
from core.test_flow_laws import POLICIES, targets_of
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from failover_plugin.breaker import Breaker
from failover_plugin.lease import Lease
from failover_plugin.model import Request, Target
from failover_plugin.policy import BreakerPolicy, Policy
from failover_plugin.roster import EVERYBODY
from failover_plugin.standing import Grade

pytestmark = long_enough

WHICH = st.integers(0, 9)
LIFE = 500.0
"""Seconds that a lease lives."""


class HealthLaws(Laws):
    """Leases are taken, and settled sooner, later, twice or never."""

    @initialize(
        fleet=targets_of(5),
        policy=POLICIES,
        probes=st.sampled_from([(1, 1.0), (1, 1.0), (3, 0.5)]),
        seed=st.integers(0, 5),
    )
    def begin(self, fleet: list[Target], policy: Policy, probes: tuple[int, float], seed: int) -> None:
        breaker = BreakerPolicy(half_open_probes=probes[0], success_rate=probes[1])
        self.policy = policy.model_copy(update={"breaker": breaker})
        self.fleet = fleet
        self.world = World(fleet, self.policy, seed=seed)
        self.failover, self.health = self.world.failover, self.world.fleet.health
        self.open: list[Lease] = []
        self.settled: list[Lease] = []
        self.ended: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.untils: dict[Breaker, tuple[int, float]] = {}
        self.cooled: dict[str, float] = {}

    @property
    def now(self) -> float:
        return self.world.clock.now

    def name(self, which: int) -> str:
        return self.fleet[which % len(self.fleet)].id

    def take(self, which: int) -> Lease | None:
        if not self.open:
            return None
        lease = self.open.pop(which % len(self.open))
        self.settled.append(lease)
        return lease

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 70.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.step()
        self.world.clock.advance(seconds)
        self.health.report(self.now)  # what has expired is noticed
        for lease in [lease for lease in self.open if lease.expires <= self.now]:
            self.open.remove(lease)
            self.settled.append(lease)
            assert lease.settled
            self.ended[f"{lease.standing.id} lost"] += 1

    @rule(streaming=st.booleans(), backup=st.booleans())
    def a_call_begins(self, *, streaming: bool, backup: bool) -> None:
        self.step()
        health = self.health
        lease = health.pick(Request(), EVERYBODY, health.selection, self.now, LIFE, streaming=streaming, backup=backup)
        if lease is None:
            return
        self.open.append(lease)
        self.attempts[lease.standing.id] += 1
        assert not lease.standing.disabled
        if backup:
            assert not lease.probe

    @rule(which=WHICH, streaming=st.booleans())
    def a_call_to_this_one_begins(self, which: int, *, streaming: bool) -> None:
        self.step()
        standing = self.health.roster.by_id[self.name(which)]
        refused = self.health.refusal(standing, self.now)
        lease = self.health.admit(standing, Request(), self.now, LIFE, streaming=streaming)
        assert (lease is None) is (refused is not None)
        if lease is not None:
            self.open.append(lease)
            self.attempts[standing.id] += 1

    @rule(which=WHICH)
    def content_arrives(self, which: int) -> None:
        self.step()
        if self.open:
            self.health.answered(self.open[which % len(self.open)], self.now, LIFE)

    @rule(which=WHICH, seconds=st.sampled_from([0.015, 0.02, 0.05, 0.5]), times=st.integers(1, 40))
    def its_chunks_come(self, which: int, seconds: float, times: int) -> None:
        self.step()
        if self.open:
            for _ in range(times):
                self.health.paced(self.open[which % len(self.open)], seconds, self.now)

    @rule(which=WHICH)
    def a_call_is_overdue(self, which: int) -> None:
        self.step()
        if self.open:
            self.health.overdue(self.open[which % len(self.open)], self.now)

    @rule(which=WHICH)
    def a_call_is_answered(self, which: int) -> None:
        self.step()
        if lease := self.take(which):
            self.health.succeeded(lease, self.now, 10.0)
            self.ended[f"{lease.standing.id} ok"] += 1

    @rule(which=WHICH, fault=st.sampled_from(sorted(FAULTS)), after=st.sampled_from([None, 1.0, 60.0]))
    def a_call_fails(self, which: int, fault: str, after: float | None) -> None:
        self.step()
        if lease := self.take(which):
            self.health.failed(lease, diagnosis(fault, after), self.now)
            self.ended[f"{lease.standing.id} failed"] += 1

    @rule(which=WHICH)
    def a_call_is_beaten(self, which: int) -> None:
        self.step()
        if lease := self.take(which):
            late = lease.doubt or lease.probe or self.health.tempo.surprising(lease, self.now)
            telling = late and not self.health.trouble.capacity.busy(lease.standing, self.now)
            assert self.health.beaten(lease, self.now) is bool(telling)
            self.ended[f"{lease.standing.id} {'failed' if telling else 'lost'}"] += 1

    @rule(which=WHICH)
    def a_caller_leaves(self, which: int) -> None:
        self.step()
        if lease := self.take(which):
            self.health.released(lease, self.now)
            self.ended[f"{lease.standing.id} lost"] += 1

    @rule(which=WHICH, fault=st.sampled_from(sorted(FAULTS)))
    def what_was_settled_is_settled(self, which: int, fault: str) -> None:
        self.step()
        if not self.settled:
            return
        lease = self.settled[which % len(self.settled)]
        before = self.failover.health()
        self.health.answered(lease, self.now, LIFE)
        self.health.overdue(lease, self.now)
        self.health.paced(lease, 5.0, self.now)
        self.health.succeeded(lease, self.now)
        self.health.failed(lease, diagnosis(fault), self.now)
        self.health.released(lease, self.now)
        assert self.failover.health() == before

    @rule(which=WHICH, what=st.sampled_from(["disable", "enable", "force_open", "half_open", "reset", "cool", "rest"]))
    def somebody_does_this_by_hand(self, which: int, what: str) -> None:
        self.step()
        name, failover = self.name(which), self.failover
        match what:
            case "force_open":
                failover.force_open(name, 10.0)
            case "cool":
                failover.cool(name, 5.0)
            case "rest":
                failover.cool(name, 0.0)
            case _:
                getattr(failover, what)(name)
        self.untils.clear()
        self.cooled.clear()

    @rule()
    def somebody_resets_all(self) -> None:
        self.step()
        self.failover.reset()
        self.untils.clear()
        self.cooled.clear()
        for standing in self.health.roster.standings:
            assert standing.grade in (Grade.READY, Grade.FULL, Grade.OUT)
            assert all(breaker.until is None for _, breaker in standing.breakers)

    @rule(order=st.permutations(range(5)), count=st.integers(1, 5))
    def the_targets_change(self, order: list[int], count: int) -> None:
        self.step()
        stay = [self.fleet[i] for i in order if i < len(self.fleet)][:count]
        gone = {t.id for t in self.fleet} - {t.id for t in stay}
        self.fleet = stay
        self.failover.replace_targets(stay)
        for key in [key for key in self.ended if key.split()[0] in gone]:
            del self.ended[key]
        for name in gone:
            del self.attempts[name]
        for lease in [lease for lease in self.open if lease.standing.id in gone]:
            self.open.remove(lease)
            self.health.succeeded(lease, self.now)
            self.settled.append(lease)
        self.untils.clear()
        self.cooled.clear()

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def permits_are_neither_lost_nor_counted_twice(self) -> None:
        if not hasattr(self, "open"):
            return
        assert set(self.health.leases.open) == set(self.open)
        under_way = Counter(lease.standing.id for lease in self.open)
        for line in self.failover.health().targets:
            ended = self.ended
            assert line.in_flight == under_way[line.target]
            assert (line.successes, line.failures) == (ended[f"{line.target} ok"], ended[f"{line.target} failed"])
            assert line.attempts == self.attempts[line.target]
            lost = ended[f"{line.target} lost"]
            assert line.attempts == line.successes + line.failures + lost + line.in_flight

    @invariant()
    def probes_keep_to_the_quota_and_are_calls_under_way(self) -> None:
        if not hasattr(self, "open"):
            return
        for _, _, breaker in self.health.scopes:
            used = breaker.probes + breaker._wins + breaker._losses
            assert 0 <= used <= self.policy.breaker.half_open_probes
            if breaker.until is not None:
                telling = [
                    lease
                    for lease in self.open
                    if breaker in lease.probes
                    and lease.born >= breaker.epoch
                    and (breaker.needs_whole or not lease.content)
                ]
                assert breaker.probes == len(telling)
        for standing in self.health.roster.standings:
            tests = [lease for lease in self.open if lease.test and lease.standing.id == standing.id]
            assert standing.counts.probing == len(tests)

    @invariant()
    def deadlines_only_grow(self) -> None:
        if not hasattr(self, "open"):
            return
        for _, _, breaker in self.health.scopes:
            if breaker.until is None:
                self.untils.pop(breaker, None)
                continue
            _, until = self.untils.get(breaker, (0, -inf))
            assert breaker.until >= until
            self.untils[breaker] = breaker.epoch, breaker.until
        for standing in self.health.roster.standings:
            if standing.rates is not None:
                assert standing.rates.cooldown.until >= self.cooled.get(standing.id, -inf)
                self.cooled[standing.id] = standing.rates.cooldown.until

    @invariant()
    def everybody_stands_where_it_belongs(self) -> None:
        if not hasattr(self, "open"):
            return
        roster = self.health.roster
        roster.catch_up(self.now)
        for standing in roster.standings:
            assert standing.grade is standing.assess(self.now)[0], standing.id
        for tier in roster.tiers:
            sets = tier.mask, tier.probes, tier.degraded, tier.full, tier.out
            assert sum(sets) == tier.members  # each in one of them
            for standing in (s for s in roster.standings if s.tier is tier):
                assert sets[standing.grade] >> standing.index & 1

    @invariant()
    def looking_changes_nothing(self) -> None:
        if hasattr(self, "open"):
            assert str(self.failover.explain()) == str(self.failover.explain())
            assert self.failover.health() == self.failover.health()

    def teardown(self) -> None:
        for lease in getattr(self, "open", ()):
            self.health.released(lease, self.now)
        if hasattr(self, "open"):
            assert self.failover.health().in_flight == 0
            assert all(breaker.probes == 0 for _, _, breaker in self.health.scopes)
            assert all(standing.counts.probing == 0 for standing in self.health.roster.standings)


def test_what_time_has_cleared_needs_no_test() -> None:
    world = World(chain(2))
    world.wear_out("a", "server_error", times=2)
    world.clock.advance(3.0)
    assert world.failover.explain().order == ("a", "b")  # due for a test
    world.clock.advance(600.0)
    roster = world.fleet.health.roster
    roster.catch_up(world.clock.now)
    assert roster.by_id["a"].ready


TestHealthLaws = tried(HealthLaws, 60)


@pytest.mark.skipif(not STEPS, reason="only with FAILOVER_LAWS")
def test_so_many_steps_were_taken() -> None:
    assert taken["HealthLaws"] >= STEPS, taken
