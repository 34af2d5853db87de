"""A rate limit's horizon: the time before which a provider does not want to be asked again. It only ever grows.

Providers name it in Retry-After, whose last word is not always the longest: a shorter deadline never replaces a longer
one. One that is not named doubles from 2 s to 60 s with every new cooldown.
"""

from __future__ import annotations

from random import Random

SHORTEST = 0.5
"""Seconds: some providers send a Retry-After of 0 with a 429 and mean "not now"."""
LONGEST_UNNAMED = 60.0


class Cooldown:
    """One rate window's horizon. Told the time, in monotonic seconds; not safe for concurrent use."""

    __slots__ = ("_unnamed", "until")

    def __init__(self) -> None:
        self.until = float("-inf")
        self._unnamed = 0

    def cooling(self, now: float) -> bool:
        """Whether the window is still closed."""
        return now < self.until

    def extend(self, retry_after: float | None, now: float, rng: Random) -> None:
        """A rate limit was hit. ``retry_after`` is in seconds, None if the provider named no time.

        Up to a tenth is added at random, so that waiting callers do not all come back in the same instant.
        """
        if retry_after is None:
            if self.cooling(now):
                return
            self._unnamed = min(self._unnamed + 1, 6)
            retry_after = min(LONGEST_UNNAMED, 2.0**self._unnamed)
        self.until = max(self.until, now + max(SHORTEST, retry_after) * rng.uniform(1.0, 1.1))

    def passed(self) -> None:
        """A request got through: the next cooldown without a named time starts short again."""
        self._unnamed = 0
