"""One circuit breaker: who may pass, and what an outcome changes.

Closed lets everybody pass and weighs outcomes; open lets nobody pass until a time; half-open lets a bounded number of
probes pass, and their outcomes decide: with N probes and a success rate of s it closes at the ceil(N·s)-th success and
opens again as soon as that cannot be reached any more. There is no timer: an open breaker whose time has come *is*
half-open.

Every call carries the epoch in which it was let through, and each opening, closing by hand or reset starts a new one.
So a late outcome says nothing: a late success cannot close what opened after it started, and a late failure cannot
prolong it. Epochs are counted over all breakers of a fleet (``Era``), so one number does for all that a call passes.

After a recovery the breaker is on parole: closed, with all but one failure's worth of evidence against it.

Not safe for concurrent use (``FleetHealth`` holds the lock); told the time, in monotonic seconds.
"""

from __future__ import annotations

from enum import StrEnum
from math import ceil, inf
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


class Era:
    """The epochs of a fleet: a count of everything that made earlier calls' outcomes worthless."""

    __slots__ = ("now", "reset")

    def __init__(self) -> None:
        self.now = 0
        self.reset = 0
        """The one in which everything was forgotten last."""

    def turn(self) -> int:
        """Start a new epoch and return it."""
        self.now += 1
        return self.now


class Breaker:
    """The breaker of one scope: a target's server, a credential, an account or a rate window.

    ``born`` is the epoch a call was let through in, ``probe`` whether it went through half-open.
    """

    __slots__ = (
        "_blocks",
        "_era",
        "_losses",
        "_openings",
        "_policy",
        "_wins",
        "blocked_by_answer",
        "by_hand",
        "epoch",
        "evidence",
        "guessed",
        "look_at",
        "needs_whole",
        "probes",
        "reason",
        "refused",
        "since",
        "until",
    )

    def __init__(self, policy: BreakerPolicy, era: Era) -> None:
        self._policy = policy
        self._era = era
        self.evidence = Cusum(policy.threshold, policy.half_life, clears=policy.success_clears, wary=policy.degraded_at)
        self._openings = 0
        self._blocks = 0
        self._wins = 0
        self._losses = 0
        self.probes = 0
        """Probes under way."""
        self.epoch = 0  # not the present one: calls that began before it was made speak of this scope too
        self.until: float | None = None
        """When an opening ends; None while closed."""
        self.since = 0.0
        """When the present trouble began: a failure after a time of trust."""
        self.blocked_by_answer = False
        """Whether it was shut by something that is either mended or not, and so knows no parole."""
        self.refused = -inf
        """When such an answer came last."""
        self.look_at = inf
        """When one request may look, though it is open, whether what shut it is mended."""
        self.by_hand = False
        """Whether somebody opened it."""
        self.guessed = False
        """Whether it opened for silence that may be usual here."""
        self.reason = ""
        """Why it opened."""
        self.needs_whole = False
        """Whether a probe must be answered in full, because it opened for answers that broke in the middle."""

    def state(self, now: float) -> State:
        """Closed, open or half-open."""
        if self.until is None:
            return State.CLOSED
        return State.OPEN if now < self.until else State.HALF_OPEN

    def refuses(self, now: float) -> bool:
        """Whether ``admit`` must not be called now."""
        if self.until is None:
            return False
        shut = now < self.until and not self.looks(now)
        return shut or self.probes + self._wins + self._losses >= self._policy.half_open_probes

    def looks(self, now: float) -> bool:
        """Whether a call let through now only looks whether what shut it is mended: its failure changes nothing."""
        return self.until is not None and self.look_at <= now < self.until

    def due(self, now: float) -> float:
        """When it may let through somebody whom it refuses now; infinite if that depends on the probes under way."""
        return min((at for at in (self.until, self.look_at) if at is not None and at > now), default=inf)

    def tests(self, now: float) -> bool:
        """Whether a call let through now is a probe."""
        return self.until is not None and not self.refuses(now)

    def admit(self, now: float) -> bool:
        """Let one request through, under the lock; says whether it is a probe. Not if ``refuses``, unless the request
        has nobody else to ask: its success closes as any probe's does.
        """
        probe = self.until is not None
        self.probes += probe
        self._look_later(now)
        return probe

    def answered(self, born: int, *, probe: bool, now: float) -> bool:
        """A first sign of life: ends a probe in favour of the target, and is no evidence otherwise. Says whether that
        closed it.
        """
        return probe and not self.needs_whole and self._won(born, now)

    def succeeded(self, born: int, *, probe: bool, now: float) -> bool:
        """The request was answered in full, after ``answered``; says whether that closed it."""
        if born < self.epoch:
            return False
        self._blocks = 0
        if probe:  # it has earned the parole, and nothing more
            return self.needs_whole and self._won(born, now)
        self.evidence.succeeded(now)
        if self.evidence.score == 0:
            self._openings = 0
        return False

    def failed(
        self,
        born: int,
        weight: float,
        reason: str,
        now: float,
        rng: Random,
        *,
        probe: bool = False,
        whole: bool = False,
        enough: float = 1.0,
    ) -> bool:
        """The request failed, and this scope is to blame by ``weight``; says whether that opened the breaker.

        ``enough`` is how many times the usual evidence it takes. ``whole``: it broke in the middle, after ``answered``,
        so only a whole answer will prove a recovery.
        """
        if born < self.epoch:
            return False
        self.evidence.failed(weight, now)
        if self.until is not None and not (probe and self._lost(whole=whole)):
            return False
        if self.until is None and not self.evidence.trips(enough):
            return False
        self.needs_whole, self.blocked_by_answer = whole, False
        self._open(self._policy.open_base, self._policy.open_cap, self._openings, reason, now, rng)
        self._openings += weight >= FULL_ENOUGH
        return True

    def blocked(
        self,
        born: int,
        seconds: float,
        reason: str,
        now: float,
        rng: Random,
        *,
        named: float = 0.0,
        looked_at: bool = False,
    ) -> bool:
        """Something no retry cures, such as a dead key: open at once for ``seconds``, doubling; says whether it did.

        It stays open for the ``named`` seconds of a Retry-After at the least. ``looked_at``: one request every
        ``block_look`` seconds may look whether it is mended.
        """
        if born < self.epoch:
            return False
        self._open(seconds, max(seconds, self._policy.block_cap), self._blocks, reason, now, rng)
        self.until = max(self.until or now, now + named)
        self._blocks += 1
        self.blocked_by_answer = True
        self.look_at = now if looked_at and self._policy.block_look else inf
        self.still_blocked(now)
        return True

    def still_blocked(self, now: float) -> None:
        """One that was let through all the same has had the answer that shut it once more."""
        self.refused = now
        self._look_later(now)

    def released(self, born: int, *, probe: bool, whole: bool = False) -> None:
        """The request told nothing about this scope: a probe's place is free again. ``whole``: after ``answered``."""
        if probe and born >= self.epoch and self.until is not None and not self._counted(whole=whole):
            self.probes -= 1

    # -- by hand ------------------------------------------------------------------------------------------------------

    def force_open(self, seconds: float, now: float) -> None:
        """Open for exactly so long, whatever happens to calls under way."""
        self._shut(now + seconds, "by hand")
        self.by_hand = True

    def half_open(self, now: float) -> None:
        """Let probes through now."""
        self._shut(now, self.reason or "by hand")

    def reset(self) -> None:
        """Closed, trusted, and earlier calls forgotten."""
        self.epoch = self._era.turn()
        self._openings = self._blocks = 0
        self._close()
        self.evidence.clear()

    def forget_probes(self) -> None:
        """In a forked child: the probes under way are the parent's."""
        self.probes = 0

    # -- inside -------------------------------------------------------------------------------------------------------

    def _look_later(self, now: float) -> None:
        """If its end is near, that will do."""
        if self.look_at < inf and self.until is not None and (every := self._policy.block_look):
            self.look_at = now + every if self.until - now >= 2 * every else inf

    @property
    def _quota(self) -> int:
        return ceil(self._policy.half_open_probes * self._policy.success_rate - 1e-9)  # 100 * 0.07 is a little over 7

    def _won(self, born: int, now: float) -> bool:
        if born < self.epoch or self.until is None:
            return False
        self.probes -= 1
        self._wins += 1
        if self._wins < max(1, self._quota):
            return False
        self._close()
        if self._policy.parole and not self.blocked_by_answer:
            self.evidence.parole(now)
        else:
            self.evidence.clear()
        return True

    def _counted(self, *, whole: bool) -> bool:
        """Whether a probe that broke ``whole``, after its first content, had been counted as a success by that."""
        return whole and not self.needs_whole

    def _lost(self, *, whole: bool) -> bool:
        """Whether this lost probe decides."""
        if self._counted(whole=whole):
            self._wins -= 1
        else:
            self.probes -= 1
        self._losses += 1
        return self._losses > self._policy.half_open_probes - max(1, self._quota)

    def _close(self) -> None:
        self.until = None
        self.needs_whole = False
        self.probes = self._wins = self._losses = 0

    def _open(self, base: float, cap: float, doublings: int, reason: str, now: float, rng: Random) -> None:
        spread = rng.uniform(1 - self._policy.jitter, 1 + self._policy.jitter)
        self._shut(now + min(cap, base * 2.0 ** min(doublings, 30)) * spread, reason)

    def _shut(self, until: float, reason: str) -> None:
        self.by_hand = self.guessed = False
        self.look_at = inf
        self.until = until
        self.reason = reason
        self.epoch = self._era.turn()
        self.probes = self._wins = self._losses = 0
