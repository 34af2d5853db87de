"""A provider's rate limit: so many requests and tokens of a key per fixed minute, then 429 until the minute is over.

Tokens count when they are known: the prompt when the request comes, the output when it has been written. The minute
begins where the provider likes, not at zero: a policy that thinks in whole minutes must not profit by luck.
"""

from __future__ import annotations

from math import inf

PERIOD = 60.0
"""Seconds."""


class Window:
    """One key's."""

    __slots__ = ("_began", "_phase", "_requests", "_tokens", "rpm", "tpm")

    def __init__(self, rpm: float = inf, tpm: float = inf, phase: float = 0.0) -> None:
        self.rpm, self.tpm = rpm, tpm
        self._phase = phase % PERIOD
        self._began = self._phase - PERIOD
        self._requests = self._tokens = 0.0

    def admits(self, now: float, tokens: int) -> bool:
        """Whether a request with so long a prompt is let in now."""
        self._turn(now)
        return self._requests < self.rpm and self._tokens + tokens <= self.tpm

    def take(self, now: float, tokens: int) -> None:
        """Let it in."""
        self._turn(now)
        self._requests += 1.0
        self._tokens += tokens

    def spend(self, now: float, tokens: int) -> None:
        """So much output was written."""
        self._turn(now)
        self._tokens += tokens

    def ends_in(self, now: float) -> float:
        """Seconds until the next period."""
        self._turn(now)
        return self._began + PERIOD - now

    def _turn(self, now: float) -> None:
        periods = (now - self._began) // PERIOD
        if periods > 0.0:
            self._began += periods * PERIOD
            self._requests = self._tokens = 0.0
