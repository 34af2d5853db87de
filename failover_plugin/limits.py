"""What keeps calls from a target that could answer: a provider's wish for rest, and its rate limits.

A *cooldown* is a rate limit's horizon; it only ever grows: providers name it in Retry-After, whose last word is not
always the longest. One that is not named doubles from 2 s to 60 s with every new cooldown.

A *meter* keeps requests or tokens per minute by GCRA (ITU-T I.371: a leaky bucket in one number), estimated before a
call and reconciled after it.

Both are told the time, in monotonic seconds; neither is safe for concurrent use.
"""

from __future__ import annotations

from math import inf
from random import Random

SHORTEST = 0.5
"""Seconds: some providers send a Retry-After of 0 with a 429 and mean "not now"."""
LONGEST = 3600.0
"""Seconds: no provider's word keeps a target away for longer."""
LONGEST_UNNAMED = 60.0
LONELY = 60.0
"""Seconds between two requests that try a window in spite of its Retry-After, because they have nobody else."""


class Cooldown:
    """One rate window's horizon."""

    __slots__ = ("_unnamed", "named", "said", "until", "why")

    def __init__(self) -> None:
        self.until = -inf
        self.named = -inf
        """Until when the provider itself, or somebody by hand, wants it left alone."""
        self.said = -inf
        """When it was last said, or tried in spite of it."""
        self.why = ""
        """What it rests for, for people."""
        self._unnamed = 0

    def cooling(self, now: float) -> bool:
        """Whether the window is still closed."""
        return now < self.until

    def extend(self, retry_after: float | None, now: float, rng: Random) -> None:
        """A rate limit was hit. ``retry_after`` is in seconds, None if the provider named no time.

        Up to a tenth is added at random, so that waiting callers do not all come back in the same instant.
        """
        named, self.said = retry_after is not None, now
        if retry_after is None:
            if self.cooling(now):
                return
            self._unnamed = min(self._unnamed + 1, 6)
            retry_after = min(LONGEST_UNNAMED, 2.0**self._unnamed)
        rest = min(LONGEST, max(SHORTEST, retry_after)) * rng.uniform(1.0, 1.1)
        self.until = max(self.until, now + rest)
        if named:
            self.named = self.until

    def hold(self, seconds: float, now: float) -> None:
        """Rest for exactly so long; 0 ends any rest."""
        self.until = self.named = max(self.until, now + seconds) if seconds > 0 else -inf
        self.said = inf if seconds > 0 else -inf

    def alone_until(self, now: float) -> float:
        """Until when not even a request that has nobody else may try it: as long as the provider named, but after a
        minute once a minute (it may have been wrong, and its request would be lost). What somebody rests by hand is not
        tried.
        """
        return min(self.named, self.said + LONELY) if now < self.named else now

    def asked_for(self, until: float, now: float) -> None:
        """Its provider wants it left alone until then."""
        self.named, self.said = max(self.named, until), now

    def passed(self) -> None:
        """A request got through: the next cooldown without a named time starts short again."""
        self._unnamed = 0

    def disproved(self) -> None:
        """A request got through while it was to rest: it need not."""
        self.until = self.named = -inf


class Meter:
    """So many units per minute, with bursts of a tenth of them, at least one unit."""

    __slots__ = ("_burst", "_due", "_interval")

    MINUTE = 60.0

    def __init__(self, per_minute: float) -> None:
        self._interval = self.MINUTE / per_minute
        self._burst = max(per_minute / 10, 1.0) * self._interval
        self._due = -inf
        """When the bucket will be full again (GCRA's theoretical arrival time)."""

    def free_at(self, now: float, units: float = 1.0) -> float:
        """When ``units`` may pass, in seconds on the clock; more than a burst pass as soon as it is full."""
        return max(now, max(self._due, now) + min(units * self._interval, self._burst) - self._burst)

    def take(self, units: float, now: float) -> None:
        """Count ``units`` (requests or tokens); negative ones were estimated too high."""
        self._due = max(self._due, now) + units * self._interval
