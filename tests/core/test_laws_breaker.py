"""What holds for every breaker, whatever its policy and whatever becomes of the calls it lets through.

Some seconds in the ordinary suite; ``FAILOVER_LAWS=100000`` takes so many steps (see ``core.laws``).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from random import Random
from typing import Any

import pytest
from core.laws import STEPS, Laws, long_enough, taken, tried
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from failover_plugin.breaker import Breaker, Era, State
from failover_plugin.policy import BreakerPolicy

pytestmark = long_enough

WHICH = st.integers(0, 9)

POLICIES = st.builds(
    BreakerPolicy,
    threshold=st.sampled_from([1.0, 2.5, 3.0]),
    half_life=st.sampled_from([20.0, 60.0, inf]),
    success_clears=st.booleans(),
    open_base=st.sampled_from([1.0, 2.0]),
    jitter=st.sampled_from([0.0, 0.2]),
    half_open_probes=st.integers(1, 5),
    success_rate=st.sampled_from([0.5, 0.8, 1.0]),
    parole=st.booleans(),
    block_look=st.sampled_from([None, 30.0, 60.0]),
)


@dataclass
class Call:
    """One that was let through."""

    born: int
    probe: bool
    look: bool = False
    """Whether it was let through an open breaker."""
    content: bool = False


class BreakerLaws(Laws):
    """Calls come and go; some are late."""

    @initialize(policy=POLICIES, seed=st.integers(0, 5))
    def begin(self, policy: BreakerPolicy, seed: int) -> None:
        self.policy, self.rng, self.era = policy, Random(seed), Era()
        self.breaker = Breaker(policy, self.era)
        self.now = 1000.0
        self.calls: list[Call] = []
        self.until: float | None = None
        self.epoch = self.breaker.epoch
        self.wins = self.losses = 0
        self.looked = -inf
        """When one was let through an open breaker last, or shut it."""

    def seen(self) -> list[Any]:
        breaker = self.breaker
        return [getattr(breaker, name) for name in Breaker.__slots__ if name != "evidence"] + [breaker.evidence.score]

    def take(self, which: int) -> Call | None:
        return self.calls.pop(which % len(self.calls)) if self.calls else None

    def late(self, call: Call) -> bool:
        return call.born < self.breaker.epoch

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 40.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.step()
        self.now += seconds

    @rule()
    def another_breaker_of_the_fleet_opens(self) -> None:
        self.step()
        self.era.turn()

    @rule()
    def a_call_comes(self) -> None:
        self.step()
        state = self.breaker.state(self.now)
        if self.breaker.refuses(self.now):
            assert state is not State.CLOSED
            return
        look = self.breaker.looks(self.now)
        assert look is (state is State.OPEN)
        if look:
            assert self.policy.block_look
            assert self.now - self.looked >= self.policy.block_look, "one look at a time"
            self.looked = self.now
        probe = self.breaker.admit(self.now)
        assert probe is (state is not State.CLOSED)
        self.calls.append(Call(self.era.now, probe, look))

    @rule(which=WHICH)
    def content_arrives(self, which: int) -> None:
        self.step()
        call = self.calls[which % len(self.calls)] if self.calls else None
        if call is None or call.content:
            return
        before, late, counts = self.seen(), self.late(call), self.decides(call) and not self.breaker.needs_whole
        call.content = True
        closed = self.breaker.answered(call.born, probe=call.probe, now=self.now)
        if late or not call.probe:
            assert not closed
            assert self.seen() == before
        elif counts:
            self.won(closed=closed)

    @rule(which=WHICH)
    def a_call_is_answered(self, which: int) -> None:
        self.step()
        call = self.take(which)
        if call is None:
            return
        if not call.content:
            late, counts = self.late(call), self.decides(call) and not self.breaker.needs_whole
            closed = self.breaker.answered(call.born, probe=call.probe, now=self.now)
            if counts and not late:
                self.won(closed=closed)
        before, late, counts = self.seen(), self.late(call), self.decides(call) and self.breaker.needs_whole
        closed = self.breaker.succeeded(call.born, probe=call.probe, now=self.now)
        if late:
            assert not closed
            assert self.seen() == before
        elif counts:
            self.won(closed=closed)

    @rule(which=WHICH, weight=st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.0]))
    def a_call_fails(self, which: int, weight: float) -> None:
        self.step()
        call = self.take(which)
        if call is None:
            return
        if call.look:
            self.told_nothing(call)
            return
        before, late, closed = self.seen(), self.late(call), self.breaker.until is None
        won_already = call.content and not self.breaker.needs_whole
        opened = self.breaker.failed(
            call.born, weight, "server_error", self.now, self.rng, probe=call.probe, whole=call.content
        )
        if late:
            assert not opened
            assert self.seen() == before
        elif closed:
            assert opened is self.breaker.evidence.trips()
        elif self.decides(call):
            self.wins -= won_already
            self.losses += 1
            assert opened is (self.policy.half_open_probes - self.losses < self.needed)
        if opened:
            assert self.breaker.state(self.now) is State.OPEN

    @rule(which=WHICH, named=st.sampled_from([0.0, 30.0, 1000.0]), looked_at=st.booleans())
    def a_call_finds_the_key_dead(self, which: int, named: float, looked_at: bool) -> None:  # noqa: FBT001 - a fact
        self.step()
        call = self.take(which)
        if call is None:
            return
        if call.look:
            if not self.late(call):
                self.breaker.still_blocked(self.now)
                self.looked = self.now
            self.told_nothing(call)
            return
        before, late = self.seen(), self.late(call)
        opened = self.breaker.blocked(call.born, 60.0, "auth", self.now, self.rng, named=named, looked_at=looked_at)
        self.looked = self.looked if late else self.now
        assert opened is not late
        if late:
            assert self.seen() == before
        else:
            assert self.breaker.until is not None
            assert self.breaker.until >= self.now + max(48.0, named)

    @rule(which=WHICH)
    def a_call_says_nothing(self, which: int) -> None:
        self.step()
        if call := self.take(which):
            self.told_nothing(call)

    def told_nothing(self, call: Call) -> None:
        before, late, until = self.seen(), self.late(call), self.breaker.until
        self.breaker.released(call.born, probe=call.probe, whole=call.content)
        assert self.breaker.until == until
        if late or not call.probe:
            assert self.seen() == before

    @rule(seconds=st.sampled_from([0.0, 5.0, 100.0]))
    def somebody_opens_it(self, seconds: float) -> None:
        self.step()
        self.breaker.force_open(seconds, self.now)
        self.until = self.breaker.until

    @rule()
    def somebody_lets_it_be_tested(self) -> None:
        self.step()
        self.breaker.half_open(self.now)
        assert not self.breaker.refuses(self.now)
        self.until = self.breaker.until

    @rule()
    def somebody_resets_it(self) -> None:
        self.step()
        self.breaker.reset()
        assert self.breaker.state(self.now) is State.CLOSED
        assert self.breaker.evidence.score == 0

    # -- what must hold -----------------------------------------------------------------------------------------------

    def decides(self, call: Call) -> bool:
        """Whether it is a probe of what is still on trial."""
        return call.probe and self.breaker.until is not None

    @property
    def needed(self) -> int:
        """Successes that close it."""
        rate = Fraction(str(self.policy.success_rate))
        return max(1, ceil(self.policy.half_open_probes * rate))

    def won(self, *, closed: bool) -> None:
        self.wins += 1
        assert closed is (self.wins >= self.needed)

    @invariant()
    def probes_keep_to_the_quota(self) -> None:
        if hasattr(self, "breaker"):
            breaker = self.breaker
            if breaker.epoch > self.epoch or breaker.until is None:
                self.epoch, self.wins, self.losses = breaker.epoch, 0, 0
            assert breaker.probes >= 0
            assert breaker._wins >= 0
            assert breaker.probes + breaker._wins + breaker._losses <= self.policy.half_open_probes
            assert (breaker._wins, breaker._losses) == (self.wins, self.losses)

    @invariant()
    def every_probe_is_a_call_under_way(self) -> None:
        if hasattr(self, "breaker") and self.breaker.until is not None:
            told = [
                c for c in self.calls if c.probe and not self.late(c) and (self.breaker.needs_whole or not c.content)
            ]
            assert len(told) == self.breaker.probes

    @invariant()
    def a_deadline_only_grows(self) -> None:
        if hasattr(self, "breaker"):
            until = self.breaker.until
            if until is not None and self.until is not None:
                assert until >= self.until
            self.until = until

    @invariant()
    def its_evidence_is_a_number(self) -> None:
        if hasattr(self, "breaker"):
            assert 0 <= self.breaker.evidence.suspicion(self.now) < 100


TestBreakerLaws = tried(BreakerLaws, 100)


@pytest.mark.skipif(not STEPS, reason="only with FAILOVER_LAWS")
def test_so_many_steps_were_taken() -> None:
    assert taken["BreakerLaws"] >= STEPS, taken
