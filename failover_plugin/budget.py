"""What failover may spend: a budget for repeats, one for backups, and the pause before asking again.

Why a budget and not only a number of attempts: when everything fails, repeats multiply the load on what is already
down. A budget bounds the extra load for all requests together (Google SRE book, ch. 21; tower's retry budget). The
first call to a target costs nothing: a move to a healthy one is no retry storm.
Backups are bounded twice, by their number and by their share of all that is spent, since they cost money even when
nothing fails.

Not safe for concurrent use (``FleetHealth`` holds the lock); told the time, in monotonic seconds.
"""

from __future__ import annotations

from random import Random

from failover_plugin.policy import BudgetPolicy

BACKOFF_BASE = 0.05
"""Seconds; for errors that pass by themselves (AWS SDK standard retries, 2026)."""
OVERLOAD_BACKOFF_BASE = 1.0
"""Seconds; for a provider that says it is overloaded (same source)."""


class Budget:
    """What all requests together may still spend beyond their first calls to each target."""

    __slots__ = ("_attempts", "_backups", "_policy", "_updated", "spent", "spent_on_backups")

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._attempts = policy.capacity
        self._backups = policy.backup_capacity
        self._updated: float | None = None
        self.spent = 0.0
        """On all calls, in the unit of ``Target.cost``; a target without a cost counts as 1."""
        self.spent_on_backups = 0.0

    def spend(self, now: float) -> bool:
        """Take one repeat, if there is one."""
        if self._updated is not None and now > self._updated:
            self._earn(self._policy.per_second * (now - self._updated))
        self._updated = now if self._updated is None else max(self._updated, now)
        if self._attempts < 1:
            return False
        self._attempts -= 1
        return True

    def refund(self) -> None:
        """Give back an attempt that was not made."""
        self._earn(1.0)

    def back_up(self, price: float) -> bool:
        """Take one backup for a slow call, if there is one and its price does not exceed backups' share."""
        policy = self._policy
        allowance = policy.backup_share * self.spent + policy.backup_capacity * price
        if self._backups < 1 or self.spent_on_backups + price > allowance:
            return False
        self._backups -= 1
        return True

    def charge(self, price: float, *, backup: bool) -> None:
        """A call is made."""
        self.spent += price
        if backup:
            self.spent_on_backups += price

    def succeeded(self) -> None:
        """Earn by a success."""
        policy = self._policy
        if self._attempts < policy.capacity:
            self._earn(policy.per_success)
        if self._backups < policy.backup_capacity:
            self._backups = min(policy.backup_capacity, self._backups + policy.backups_per_success)

    def _earn(self, amount: float) -> None:
        self._attempts = min(self._policy.capacity, self._attempts + amount)


def full_jitter(base: float, retry: int, rng: Random) -> float:
    """Seconds before the ``retry``-th repetition, from 1 (AWS, "Exponential backoff and jitter": full jitter)."""
    return rng.uniform(0.0, base * 2.0 ** (retry - 1))
