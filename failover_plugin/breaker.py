"""One circuit breaker: who may pass, and what an outcome changes.

Closed lets everybody pass and weighs outcomes; open lets nobody pass until a time; half-open lets a bounded number of
probes pass, and the first outcome of one decides. There is no timer: an open breaker whose time has come *is*
half-open.

Every pass carries the epoch it was given in, and each opening starts a new epoch. So a late outcome says nothing: a
late success cannot close what opened after it started, and a late failure cannot prolong it.

After a probe's success the breaker is on parole: closed, with all but one failure's worth of evidence against it.

Not safe for concurrent use (``FleetHealth`` holds the lock); told the time, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from failover_plugin.evidence import Cusum
from failover_plugin.policy import BreakerPolicy

FULL_ENOUGH = 0.25
"""Weight from which a failure makes the next opening longer: an impatient caller's probe proves little."""


class State(StrEnum):
    """What a breaker does with the next request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to go through one breaker, to be given back with exactly one outcome."""

    epoch: int
    probe: bool


class Breaker:
    """The breaker of one scope: a target, a credential, an account or a rate window."""

    __slots__ = ("_blocks", "_evidence", "_openings", "_policy", "_probes", "epoch", "reason", "until")

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._evidence = Cusum(policy.threshold, policy.half_life)
        self._openings = 0
        self._blocks = 0
        self._probes = 0
        self.epoch = 0
        self.until: float | None = None
        """When an opening ends; None while closed."""
        self.reason = ""
        """Why it opened."""

    def state(self, now: float) -> State:
        """Closed, open or half-open."""
        if self.until is None:
            return State.CLOSED
        return State.OPEN if now < self.until else State.HALF_OPEN

    def refuses(self, now: float) -> bool:
        """Whether ``admit`` must not be called now."""
        state = self.state(now)
        return state is State.OPEN or (state is State.HALF_OPEN and self._probes >= self._policy.half_open_probes)

    def admit(self, now: float) -> Pass:
        """Let one request through. Only if ``refuses`` said no, under the same lock."""
        probe = self.state(now) is State.HALF_OPEN
        self._probes += probe
        return Pass(self.epoch, probe)

    def answered(self, leave: Pass, now: float) -> None:
        """A first sign of life: ends a probe in favour of the target, and is no evidence otherwise."""
        if self._current(leave) and leave.probe and self.until is not None:
            self._close(now)

    def succeeded(self, leave: Pass, now: float) -> None:
        """The request was answered in full."""
        if leave.epoch != self.epoch:
            return
        self._blocks = 0
        if leave.probe:  # it has earned the parole, and nothing more
            self.answered(leave, now)
            return
        self._evidence.succeeded(now)
        if self._evidence.score == 0:
            self._openings = 0

    def failed(self, leave: Pass, weight: float, reason: str, now: float, rng: Random) -> bool:
        """The request failed, and this scope is to blame by ``weight``; says whether that opened the breaker."""
        if not self._current(leave):
            return False
        self._evidence.failed(weight, now)
        if self.until is None and not self._evidence.tripped:
            return False
        self._open(self._policy.open_base, self._policy.open_cap, self._openings, reason, now, rng)
        self._openings += weight >= FULL_ENOUGH
        return True

    def blocked(self, leave: Pass, seconds: float, reason: str, now: float, rng: Random, named: float = 0.0) -> bool:
        """Something no retry cures, such as a dead key: open at once for ``seconds``, doubling; says whether it did.

        It stays open for the ``named`` seconds of a Retry-After at the least.
        """
        if not self._current(leave):
            return False
        self._open(seconds, max(seconds, self._policy.block_cap), self._blocks, reason, now, rng)
        self.until = max(self.until or now, now + named)
        self._blocks += 1
        return True

    def released(self, leave: Pass) -> None:
        """The request told nothing about this scope: a probe's place is free again."""
        if self._current(leave) and leave.probe and self.until is not None:
            self._probes -= 1

    def forget_probes(self) -> None:
        """In a forked child: the probes under way are the parent's."""
        self._probes = 0

    def suspicion(self, now: float) -> float:
        """The evidence while closed, as a share of what opens."""
        return self._evidence.suspicion(now)

    def _current(self, leave: Pass) -> bool:
        return leave.epoch == self.epoch

    def _close(self, now: float) -> None:
        self.until = None
        self._probes = 0
        self._evidence.parole(now)

    def _open(self, base: float, cap: float, doublings: int, reason: str, now: float, rng: Random) -> None:
        spread = rng.uniform(1 - self._policy.jitter, 1 + self._policy.jitter)
        self.until = now + min(cap, base * 2.0 ** min(doublings, 30)) * spread
        self.reason = reason
        self.epoch += 1
        self._probes = 0
