"""What holds for every request, whatever its targets, its policy, its faults and the company it keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.scripted import FAULTS, Story, World, rate_limited, target
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from failover_plugin.flow import TOO_LATE, GiveUp, Sleep, Start
from failover_plugin.model import ErrorClass, Request, Target
from failover_plugin.policy import Policy
from failover_plugin.selection import excluded, incapable

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
        }
    )
    return st.lists(facts, min_size=1, max_size=count).map(
        lambda rows: [target("abcdefgh"[i], row.pop("tier"), **row) for i, row in enumerate(map(dict, rows))]
    )


POLICIES = st.builds(
    Policy,
    strategy=st.sampled_from(["p2c", "sequential"]),
    max_attempts=st.integers(1, 6),
    same_target_retries=st.integers(0, 3),
    patience=st.sampled_from([0.0, 2.5]),
    deadline=st.sampled_from([None, 0.005, 1.0, 5.0]),
    give_up_on=st.sampled_from([frozenset(), frozenset({ErrorClass.SERVER_ERROR})]),
    fallback_on=st.sampled_from([None, frozenset({ErrorClass.INVALID_REQUEST, ErrorClass.NETWORK})]),
)

REQUESTS = st.builds(
    Request,
    require_tags=st.sampled_from([frozenset(), frozenset(), EU]),
    deadline=st.sampled_from([None, None, 2.0]),
)


def error_of(outcome: str) -> BaseException:
    return rate_limited(float(outcome.rpartition(" ")[2])) if " " in outcome else FAULTS[ErrorClass(outcome)]()


@dataclass
class Told:
    """A request under way, and what we know of it."""

    story: Story
    request: Request
    begun: float
    asked: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    call: Start | None = None
    last: tuple[Target, ErrorClass] | None = None
    sleeping_until: float = 0.0
    left: bool = False
    over: bool = False


class FleetLaws(RuleBasedStateMachine):
    """Several requests at once over one fleet."""

    @initialize(fleet=targets_of(5), policy=POLICIES, seed=st.integers(0, 5))
    def begin(self, fleet: list[Target], policy: Policy, seed: int) -> None:
        policy = policy.model_copy(update={"attempt_timeout": 1e6})  # no lease expires while a caller takes its time
        self.world = World(fleet, policy, seed=seed)
        self.policy = policy
        self.requests: list[Told] = []

    def pick(self, which: int, *, calling: bool) -> Told | None:
        live = [t for t in self.requests if not t.over and (t.call is not None) == calling]
        return live[which % len(live)] if live else None

    @rule(request=REQUESTS)
    @precondition(lambda self: sum(not t.over for t in self.requests) < 4)
    def a_request_arrives(self, request: Request) -> None:
        self.requests.append(Told(self.world.request(request), request, self.world.clock.now))

    @rule(seconds=st.sampled_from([0.01, 0.5, 3.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(which=st.integers(0, 3))
    def a_request_goes_on(self, which: int) -> None:
        told = self.pick(which, calling=False)
        if told is None:
            return
        self.world.clock.now = max(self.world.clock.now, told.sleeping_until)
        usable = self.usable(told)
        match told.story.next():
            case Start() as start:
                self.check_start(told, start, usable)
            case Sleep(seconds):
                assert seconds > 0
                assert told.sleeping_until < self.world.clock.now + seconds < self.deadline(told)
                told.sleeping_until = self.world.clock.now + seconds
            case GiveUp(error):
                told.over = True
                assert isinstance(error, BaseException)
                assert getattr(error, "trail", None) == told.story.flow.trail or told.left

    def deadline(self, told: Told) -> float:
        return told.begun + (told.request.deadline or self.policy.deadline or float("inf"))

    def usable(self, told: Told) -> set[str]:
        """Who is untried, allowed, able and well."""
        now = self.world.clock.now
        return {
            t.id
            for t in self.world.fleet.targets
            if not told.asked[t.id]
            and excluded(t, told.request) is None
            and (told.last is None or incapable(t, *told.last) is None)
            and self.world.fleet.health.refusal(self.world.fleet.standings[t.id], now) is None
        }

    def check_start(self, told: Told, start: Start, usable: set[str]) -> None:
        chosen = start.target
        told.call = start
        told.starts += 1
        assert start.number == told.starts <= self.policy.max_attempts
        assert excluded(chosen, told.request) is None
        assert chosen.enabled
        if told.asked[chosen.id]:
            siblings = {t.id for t in self.world.fleet.targets if t.tier == chosen.tier}
            assert not usable & siblings
            assert told.last is not None
            assert told.last[0] == chosen
            assert told.last[1] is not ErrorClass.TIMEOUT
            assert told.asked[chosen.id] <= self.policy.same_target_retries
        told.asked[chosen.id] += 1
        left = self.deadline(told) - self.world.clock.now
        assert left >= TOO_LATE
        assert 0 < start.timeout <= left
        assert 0 < start.first_content_timeout <= left

    @rule(which=st.integers(0, 3), outcome=OUTCOMES, takes=st.sampled_from([0.0, 0.2, 2.0]))
    def a_call_ends(self, which: int, outcome: str, takes: float) -> None:
        told = self.pick(which, calling=True)
        if told is None or told.call is None:
            return
        if outcome == "ok":
            told.story.succeeds(after=takes)
            told.over = True
            assert told.story.flow.trail.attempts[-1].ok
        else:
            told.story.fails(error_of(outcome), after=takes)
            said = told.story.flow.trail.attempts[-1].diagnosis
            assert said is not None
            told.last = (told.call.target, said.error_class)
        told.call = None

    @rule(which=st.integers(0, 3))
    def a_caller_leaves(self, which: int) -> None:
        told = self.pick(which, calling=True)
        if told is not None:
            told.story.flow.abandoned(self.world.clock.now)
            told.call, told.over = None, True

    @rule(which=st.integers(0, 3))
    def content_arrives(self, which: int) -> None:
        told = self.pick(which, calling=True)
        if told is not None:
            told.story.flow.first_content(self.world.clock.now)

    @invariant()
    def permits_are_neither_lost_nor_counted_twice(self) -> None:
        if not hasattr(self, "requests"):
            return
        calling = Counter(t.call.target.id for t in self.requests if t.call is not None)
        for line in self.world.fleet.health.report(self.world.clock.now).targets:
            assert line.in_flight == calling[line.target]
            assert line.attempts >= line.successes + line.failures + line.in_flight

    @invariant()
    def a_half_open_target_is_probed_singly(self) -> None:
        if not hasattr(self, "requests"):
            return
        for standing in self.world.fleet.standings.values():
            for breaker in standing.breakers.values():
                assert 0 <= breaker._probes <= 1

    def teardown(self) -> None:
        for told in getattr(self, "requests", ()):
            if told.call is not None:
                told.story.flow.abandoned(self.world.clock.now)
                told.call = None
        self.permits_are_neither_lost_nor_counted_twice()


TestFleetLaws = FleetLaws.TestCase
TestFleetLaws.settings = settings(max_examples=80, stateful_step_count=50, deadline=None, derandomize=True)


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
