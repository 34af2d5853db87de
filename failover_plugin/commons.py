"""What all requests of a fleet share, behind one lock: its targets, their credentials and rate windows, its budget.

The lock is held for microseconds: never across a call, a wait, a callback or a log; what listeners and waiting requests
are to hear is collected under it and told after it. It is reentrant, since a garbage collection may strike while it is
held, close a forgotten stream, and so give back a permit in the same thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from random import Random
from threading import RLock

from failover_plugin.budget import Budget
from failover_plugin.events import BudgetEmpty, Listeners
from failover_plugin.model import Target
from failover_plugin.news import News
from failover_plugin.policy import Policy
from failover_plugin.roster import Roster
from failover_plugin.scopes import Scopes
from failover_plugin.selection import Selection, Sessions
from failover_plugin.standing import Standing
from failover_plugin.tempo import Tempo

ATTEMPTS = 5
"""Calls made for one request at most, where the policy does not say, unless there are more tiers."""


class Commons:
    """The shared state. Safe for any number of threads; told the time, in monotonic seconds."""

    def __init__(
        self, targets: Iterable[Target], policy: Policy, rng: Random, listeners: Listeners | None = None
    ) -> None:
        self.policy = policy
        self.rng = rng
        self.lock = RLock()
        self._sessions = Sessions()
        self.budget = Budget(policy.budget)
        self.scopes = Scopes(policy.breaker)
        self.news = News(Listeners() if listeners is None else listeners)
        self.selection = Selection(Roster((), {}), policy, self._sessions)
        self.tempo = Tempo(policy)
        self.attempts = ATTEMPTS
        """Calls made for one request at most."""
        self.replace(targets, now=-inf)

    def replace(self, targets: Iterable[Target], now: float) -> None:
        """Take these targets instead, in the order of their tiers.

        Whoever stays under its id keeps its counters, and what it shares its health; if nothing about it has changed,
        all that is known of it. Who is gone is still booked by requests under way.
        """
        with self.lock:
            old = self.roster.by_id
            roster = Roster(targets, {target_id: standing.counts for target_id, standing in old.items()})
            for standing in roster.standings:
                if known := old.get(standing.id):
                    known.guarded = True  # the end of a call under way there changes what its successor is fit for
                    if known.target == standing.target:
                        standing.inherit(known)
            self.scopes.adopt(roster.by_id)
            self.selection = Selection(roster, self.policy, self._sessions)
            for standing in roster.standings:
                roster.review(standing, now)
            self.attempts = self.policy.max_attempts or max(ATTEMPTS, len(roster.tiers))
            self.news.room(len(self.news.waiting))
        self.news.tell()

    @property
    def roster(self) -> Roster:
        """The present targets."""
        return self.selection.roster

    def after_fork(self) -> None:
        """In a child process: a fresh lock, and nothing in flight, since the parent's calls are not ours."""
        self.lock = RLock()
        self.news.forget()
        for _, _, breaker in self.scopes:
            breaker.forget_probes()
        for standing in self.roster.standings:
            standing.counts.in_flight = standing.counts.probing = 0
            standing.silent = None
        self.roster.look_again()

    def review(self, standing: Standing, now: float) -> None:
        """Under the lock. Something happened to this target; if it was replaced meanwhile, to its successor."""
        current = self.roster.by_id.get(standing.id)
        if current is None:
            return
        before = current.grade
        self.roster.review(current, now)
        if current.grade < before:
            self.news.room(1 if current.limit else len(self.news.waiting))

    # -- the budget ---------------------------------------------------------------------------------------------------

    def spend(self, now: float) -> bool:
        """Take one attempt beyond the first out of the budget, if there is one."""
        with self.lock:
            granted = self.budget.spend(now)
            if not granted and self.news.wanted:
                self.news.add(BudgetEmpty(at=now, kind="failover"))
        self.news.tell()
        return granted

    def refund(self) -> None:
        """Give back an attempt that was not made."""
        with self.lock:
            self.budget.refund()

    def back_up(self, price: float, now: float) -> bool:
        """Take one backup for a slow call out of its budget, if there is one."""
        with self.lock:
            granted = self.budget.back_up(price)
            if not granted and self.news.wanted:
                self.news.add(BudgetEmpty(at=now, kind="backup"))
        self.news.tell()
        return granted

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, wake: Callable[[], None]) -> None:
        """Call this as soon as somebody can be asked who could not."""
        with self.lock:
            self.news.waiting[wake] = None

    def stop_waiting(self, wake: Callable[[], None]) -> None:
        """It need not be called any more."""
        with self.lock:
            self.news.waiting.pop(wake, None)
