"""How sure we are that a target is sick: one score that failures raise, successes pay back and time forgets.

The score is Page's CUSUM test (E. S. Page, "Continuous inspection schemes", Biometrika 1954) for "this target fails
30 % of its calls" against "it fails 5 %": for a given rate of false alarms nothing detects the change sooner, and it
needs one number instead of a window. A run of failures trips it at once; a brownout trips it later; a healthy
target's scattered failures are paid back by its successes. The half-life exists because a user with two targets may
send one request a minute, and yesterday's failures say little about now.

A detector whose successes clear everything is the classic count of consecutive failures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, exp2, inf, log, log2
from typing import ClassVar

SICK = 0.30
"""Failure rate at which a target should be left: a retry then costs more than the fallback."""
SOUND = 0.05
"""Failure rate a target is forgiven."""
FAILURE = log(SICK / SOUND)
SUCCESS = log((1 - SOUND) / (1 - SICK))


class Cusum:
    """Evidence against one target. Told the time, in seconds; not safe for concurrent use."""

    __slots__ = ("_half_life", "_pay", "_updated", "limit", "score", "wary")

    def __init__(self, failures: float, half_life: float, *, clears: bool = False, wary: float = 0.5) -> None:
        """Trip after ``failures`` clean ones in a row; forget half of the score every ``half_life`` seconds.

        ``clears``: one success clears all evidence, instead of paying back its share. ``wary``: the share of what trips
        from which on the target is suspicious.
        """
        self.limit = failures * FAILURE
        self.score = 0.0
        self._half_life = half_life
        self._pay = inf if clears else SUCCESS
        self.wary = wary
        self._updated = 0.0

    def trips(self, times: float = 1.0) -> bool:
        """Whether the evidence is ``times`` what suffices to leave the target."""
        return self.score >= times * self.limit

    def failed(self, weight: float, now: float) -> None:
        """Book a failure; ``weight`` is how much of one it is, from 0 to 1."""
        self._decay(now)
        self.score += weight * FAILURE

    def retract(self, weight: float, now: float) -> None:
        """Take back a failure that was booked too early."""
        self._decay(now)
        self.score = max(0.0, self.score - weight * FAILURE)

    def succeeded(self, now: float) -> None:
        """Book a success."""
        if self.score:
            self._decay(now)
            self.score = max(0.0, self.score - self._pay)

    def parole(self, now: float) -> None:
        """Trust again, but so little that one further failure trips, until successes or time have earned more."""
        self.score = (ceil(self.limit / FAILURE) - 1) * FAILURE
        self._updated = now

    def clear(self) -> None:
        """Trust fully."""
        self.score = 0.0

    def suspicion(self, now: float) -> float:
        """The evidence as a share of what trips, from 0 up."""
        self._decay(now)
        return self.score / self.limit

    def falls_to(self, share: float, now: float) -> float:
        """When suspicion will have faded to ``share`` by itself, in seconds on the clock; now if it has."""
        excess = self.suspicion(now) / share
        return now if excess <= 1 else now + self._half_life * log2(excess)

    def _decay(self, now: float) -> None:
        if now > self._updated:
            self.score *= exp2(-(now - self._updated) / self._half_life)
            self._updated = now


@dataclass(slots=True)
class Tally:
    """Recent answers and errors, each forgotten by half every 20 s: what a strategy weighs. Told the time."""

    HALF_LIFE: ClassVar = 20.0

    answered: float = 0.0
    erred: float = 0.0
    _updated: float = field(default=0.0, init=False)

    def succeeded(self, now: float) -> None:
        """Count a success."""
        self._decay(now)
        self.answered += 1

    def failed(self, now: float, weight: float = 1.0) -> None:
        """Count a failure; a negative ``weight`` takes one back."""
        self._decay(now)
        self.erred = max(0.0, self.erred + weight)

    def forget(self) -> None:
        """All of them."""
        self.answered = self.erred = self._updated = 0.0

    def failure_rate(self, now: float) -> float:
        """Estimated share of failures; two successes are assumed, so that one failure is not all there is."""
        if not self.erred:
            return 0.0
        kept = exp2(-max(0.0, now - self._updated) / self.HALF_LIFE)
        return self.erred * kept / ((self.answered + self.erred) * kept + 2)

    def exceeds(self, rate: float, calls: float, now: float) -> bool:
        """Whether more than ``rate`` of at least ``calls`` recent calls failed."""
        self._decay(now)
        return self.answered + self.erred >= calls and self.erred > rate * (self.answered + self.erred)

    def falls_to(self, calls: float, now: float) -> float:
        """When no more than ``calls`` will be remembered, in seconds on the clock."""
        self._decay(now)
        remembered = self.answered + self.erred
        return now if remembered <= calls else now + self.HALF_LIFE * log2(remembered / calls)

    def _decay(self, now: float) -> None:
        if now > self._updated:
            if self.answered or self.erred:
                kept = exp2((self._updated - now) / self.HALF_LIFE)
                self.answered *= kept
                if self.erred:  # else the 0 that all share stays: one object less to fetch
                    self.erred *= kept
            self._updated = now
