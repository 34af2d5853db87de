"""The ledger of leases: leave to call a target is given once, settled once, and expires if a host forgets it.

Under the lock of the ``Commons``. Told the time, in monotonic seconds.
"""

from __future__ import annotations

from math import inf

from failover_plugin.commons import Commons
from failover_plugin.events import BreakerHalfOpen
from failover_plugin.lease import Lease
from failover_plugin.model import Request
from failover_plugin.standing import Standing
from failover_plugin.trouble import Trouble


class Leases:
    """Calls under way, each with leave until a time."""

    def __init__(self, commons: Commons, trouble: Trouble) -> None:
        self._commons = commons
        self._budget = commons.budget
        self._era = commons.scopes.era
        self._trouble = trouble
        self._generation = 0
        self.open: dict[Lease, None] = {}
        """Neither settled nor expired, in the order they were given."""
        self.next_expiry = inf

    def give(
        self,
        standing: Standing,
        request: Request,
        now: float,
        lifetime: float,
        *,
        streaming: bool = False,
        backup: bool = False,
        aside: bool = False,
    ) -> Lease:
        """Leave to call this target, for ``lifetime`` seconds. ``aside``: although it would not be asked."""
        counts = standing.counts
        counts.attempts += 1
        counts.in_flight += 1
        self._budget.charge(standing.price, backup=backup)
        lease = Lease(standing, self._era.now, now, now + lifetime, self._generation)
        if streaming:
            lease.streaming = True
        if backup:
            lease.backup = True
            counts.backups += 1
        lease.aside = aside
        self.open[lease] = None
        if lease.expires < self.next_expiry:
            self.next_expiry = lease.expires
        if standing.guarded:
            self._watch(lease, request, now)
        return lease

    def _watch(self, lease: Lease, request: Request, now: float) -> None:
        """Its target has limits, or is on trial: this call changes what it is fit for."""
        standing, news = lease.standing, self._commons.news
        probed = [
            (scope, breaker)
            for scope, breaker in standing.breakers
            if (lease.aside or breaker.tests(now)) and breaker.admit(now)
        ]
        lease.probes = tuple(breaker for _, breaker in probed)
        for scope, breaker in probed:
            if news.wanted and breaker.probes == 1:
                news.add(BreakerHalfOpen(at=now, **self._trouble.place(standing, scope)))
        lease.test = not probed and (standing.slow or standing.suspicious(now))
        standing.counts.probing += lease.test
        if standing.rates:
            lease.tokens = tokens_of(request)
            standing.rates.take(lease.tokens, now)
            if lease.aside and now < max(standing.rates.cooldown.until, standing.rates.used_up):
                standing.rates.cooldown.said = now
        self._commons.review(standing, now)
        for scope, _ in probed:
            self._trouble.changed(standing, scope, now)

    def settle(self, lease: Lease) -> bool:
        """Whether this is the lease's one settlement. In a forked child the parent's leases count as settled."""
        if lease.settled or lease.generation != self._generation:
            return False
        lease.settled = True
        standing = lease.standing
        standing.counts.in_flight -= 1
        if standing.silent:
            standing.silent.pop(lease, None)
        del self.open[lease]
        return True

    def vacate(self, lease: Lease, now: float) -> None:
        """It is settled: give back its place as a test, and see what that changes."""
        standing = lease.standing
        if lease.test:
            standing.counts.probing -= 1
        self._commons.review(standing, now)

    def give_back(self, lease: Lease, now: float) -> bool:
        """Settle it, as evidence for nothing; says whether that had not been done."""
        if settled := self.settle(lease):
            self._trouble.nothing(lease, now)
            if lease.standing.guarded or lease.test:
                self.vacate(lease, now)
        return settled

    def expire(self, now: float) -> None:
        """Give back what a host has forgotten."""
        if now >= self.next_expiry:
            for lease in [lease for lease in self.open if lease.expires <= now]:
                self.give_back(lease, now)
            self.next_expiry = min((lease.expires for lease in self.open), default=inf)

    def forget(self) -> None:
        """In a forked child: the parent's calls are not ours."""
        self._generation += 1
        for lease in self.open:
            lease.settled = True
        self.open.clear()


def tokens_of(request: Request) -> float:
    """What a request will take of a limit per minute, as estimated; 1 where nobody says."""
    return float((request.input_tokens or 0) + (request.output_tokens or 0)) or 1.0
