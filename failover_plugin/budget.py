"""What failover may spend: a budget for attempts beyond the first, and the pause before asking the same target again.

Why a budget and not only a number of attempts: when everything fails, attempts per request multiply the load on what is
already down. A budget bounds the extra load for all requests together (Google SRE book, ch. 21; tower's retry budget).
"""

from __future__ import annotations

from random import Random
from threading import RLock

from failover_plugin.policy import BudgetPolicy

BACKOFF_BASE = 0.05
"""Seconds; for errors that pass by themselves (AWS SDK standard retries, 2026)."""
OVERLOAD_BACKOFF_BASE = 1.0
"""Seconds; for a provider that says it is overloaded (same source)."""


class FailoverBudget:
    """Attempts that may still be made beyond each request's first. Safe for threads; its lock is reentrant for the same
    reason as ``FleetHealth``'s. Told the time.
    """

    __slots__ = ("_left", "_lock", "_policy", "_updated")

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._left = policy.capacity
        self._updated: float | None = None
        self._lock = RLock()

    def spend(self, now: float) -> bool:
        """Take one attempt, if there is one."""
        with self._lock:
            self._earn(self._policy.per_second * (now - (now if self._updated is None else self._updated)))
            self._updated = now if self._updated is None else max(self._updated, now)
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def refund(self) -> None:
        """Give back an attempt that was not made."""
        with self._lock:
            self._earn(1.0)

    def after_fork(self) -> None:
        """In a child process: a fresh lock."""
        self._lock = RLock()

    def succeeded(self) -> None:
        """Earn by a success."""
        with self._lock:
            self._earn(self._policy.per_success)

    def _earn(self, amount: float) -> None:
        self._left = min(self._policy.capacity, self._left + max(0.0, amount))


def full_jitter(base: float, retry: int, rng: Random) -> float:
    """Seconds before the ``retry``-th repetition, from 1 (AWS, "Exponential backoff and jitter": full jitter)."""
    return rng.uniform(0.0, base * 2.0 ** (retry - 1))
