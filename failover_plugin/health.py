"""The health of everything a request passes through, behind one lock: targets, credentials, accounts, rate windows.

A failure is booked on the scope that is to blame, and a target can be asked only if all its scopes can. So one
request with a dead key takes all targets of that key out, and a prompt that is too long takes out none. Targets share
a scope by naming the same credential, account, or endpoint and model.

The lock is held for microseconds: never across a call, a wait, a callback or a log. It is reentrant, since a garbage
collection may strike while it is held, close a forgotten stream, and so give back a permit in the same thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from random import Random
from threading import RLock

from failover_plugin.breaker import Breaker
from failover_plugin.classify import VERDICTS, Hold
from failover_plugin.health_report import HealthReport
from failover_plugin.limits import Cooldown
from failover_plugin.model import Diagnosis, Scope, Skip, Target
from failover_plugin.policy import BreakerPolicy
from failover_plugin.standing import (
    Counts,
    Key,
    Lease,
    Passage,
    Standing,
    refusal,
    scope_health,
    scope_keys,
    target_health,
)


class FleetHealth:
    """Health of a fleet of targets. Safe for any number of threads; told the time, in monotonic seconds."""

    def __init__(self, targets: Iterable[Target], policy: BreakerPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self._lock = RLock()
        self._breakers: dict[tuple[Scope, Key], Breaker] = {}
        self._cooldowns: dict[Key, Cooldown] = {}
        self._standings: dict[str, Standing] = {}
        self._generation = 0
        self._mortal: set[Lease] = set()
        self._next_expiry = inf
        self.replace(targets)

    def replace(self, targets: Iterable[Target]) -> Mapping[str, Standing]:
        """Take these targets instead, and return their standings by id.

        Whoever stays under its id keeps its counters, and what it shares its health. Who is gone can still be asked by
        requests under way, which know it by its standing.
        """
        with self._lock:
            breakers: dict[tuple[Scope, Key], Breaker] = {}
            cooldowns: dict[Key, Cooldown] = {}
            standings: dict[str, Standing] = {}
            for target in targets:
                keys = scope_keys(target)
                for key in keys.items():
                    breakers[key] = self._breakers.get(key) or breakers.get(key, Breaker(self._policy))
                rate = keys[Scope.RATE]
                cooldowns[rate] = self._cooldowns.get(rate) or cooldowns.get(rate, Cooldown())
                old = self._standings.get(target.id)
                own = {scope: breakers[scope, key] for scope, key in keys.items()}
                standings[target.id] = Standing(target, own, cooldowns[rate], old.counts if old else Counts())
            self._breakers, self._cooldowns, self._standings = breakers, cooldowns, standings
            return standings

    def after_fork(self) -> None:
        """In a child process: a fresh lock, and nothing in flight, since the parent's calls are not ours."""
        self._lock = RLock()
        self._generation += 1
        self._mortal.clear()
        for breaker in self._breakers.values():
            breaker.forget_probes()
        for standing in self._standings.values():
            standing.counts.in_flight = 0

    @property
    def standings(self) -> Mapping[str, Standing]:
        """The present targets' standings by id."""
        return self._standings

    # -- before a call ------------------------------------------------------------------------------------------------

    def refusal(self, standing: Standing, now: float) -> Skip | None:
        """Why this target cannot be asked now, or None if it can."""
        with self._lock:
            self._expire(now)
            return refusal(standing, now)

    def admit(self, standing: Standing, now: float, lifetime: float = inf) -> Lease | None:
        """Leave to call the target, or None if it cannot be asked. A lease not settled in ``lifetime`` seconds
        expires.
        """
        with self._lock:
            self._expire(now)
            if refusal(standing, now) is not None:
                return None
            standing.counts.attempts += 1
            standing.counts.in_flight += 1
            passages = tuple(Passage(s, b, b.admit(now)) for s, b in standing.breakers.items())
            lease = Lease(standing, passages, standing.cooldown, now + lifetime, self._generation)
            if lifetime < inf:
                self._mortal.add(lease)
                self._next_expiry = min(self._next_expiry, lease.expires)
            return lease

    # -- after it -----------------------------------------------------------------------------------------------------

    def answered(self, lease: Lease, now: float, lifetime: float = inf) -> None:
        """The first content arrived: a probe has done its work. The lease lives ``lifetime`` seconds from now."""
        with self._lock:
            if not lease.settled:
                lease.expires = now + lifetime
                for passage in lease.passages:
                    passage.breaker.answered(passage.leave, now)

    def succeeded(self, lease: Lease, now: float) -> None:
        """The call was answered in full."""
        with self._lock:
            if self._settle(lease):
                lease.standing.counts.successes += 1
                lease.standing.counts.tally.book(ok=True, now=now)
                lease.cooldown.passed()
                for passage in lease.passages:
                    passage.breaker.succeeded(passage.leave, now)

    def failed(self, lease: Lease, diagnosis: Diagnosis, now: float, share: float = 1.0) -> None:
        """The call failed: book it on the scope to blame, as much as its ``share``; the others have learnt nothing."""
        with self._lock:
            if self._settle(lease):
                lease.standing.counts.failures += 1
                lease.standing.counts.last = diagnosis
                if diagnosis.scope is not Scope.REQUEST:
                    lease.standing.counts.tally.book(ok=False, now=now)
                to_blame = _to_blame(lease, diagnosis.scope)
                for passage in lease.passages:
                    if passage.scope is to_blame:
                        self._blame(lease, passage, diagnosis, share, now)
                    else:
                        passage.breaker.released(passage.leave)

    def released(self, lease: Lease) -> None:
        """The caller left: evidence for nothing."""
        with self._lock:
            self._give_back(lease)

    # -- for people ---------------------------------------------------------------------------------------------------

    def report(self, now: float) -> HealthReport:
        """A snapshot for people and dashboards."""
        with self._lock:
            self._expire(now)
            targets = tuple(target_health(s, now) for s in self._standings.values())
            scopes = tuple(scope_health(scope, key, b, now) for (scope, key), b in self._breakers.items())
        return HealthReport(targets, scopes)

    # -- under the lock -----------------------------------------------------------------------------------------------

    def _blame(self, lease: Lease, passage: Passage, diagnosis: Diagnosis, share: float, now: float) -> None:
        verdict, breaker, reason = VERDICTS[diagnosis.error_class], passage.breaker, diagnosis.title
        if verdict.hold is Hold.BLOCK:
            named = diagnosis.retry_after or 0.0
            breaker.blocked(passage.leave, verdict.block_seconds, reason, now, self._rng, named)
        elif verdict.hold is Hold.COOL:
            lease.cooldown.extend(diagnosis.retry_after, now, self._rng)
            breaker.released(passage.leave)
        else:
            breaker.failed(passage.leave, verdict.weight * share, reason, now, self._rng)

    def _settle(self, lease: Lease) -> bool:
        """Whether this is the lease's one settlement. In a forked child the parent's leases count as settled."""
        if lease.settled or lease.generation != self._generation:
            return False
        lease.settled = True
        lease.standing.counts.in_flight -= 1
        self._mortal.discard(lease)
        return True

    def _give_back(self, lease: Lease) -> None:
        if self._settle(lease):
            for passage in lease.passages:
                passage.breaker.released(passage.leave)

    def _expire(self, now: float) -> None:
        if now >= self._next_expiry:
            for lease in [lease for lease in tuple(self._mortal) if lease.expires <= now]:
                self._give_back(lease)
            self._next_expiry = min((lease.expires for lease in tuple(self._mortal)), default=inf)


def _to_blame(lease: Lease, scope: Scope) -> Scope:
    """An account that the target does not name is known by its credential."""
    named = any(passage.scope is scope for passage in lease.passages)
    return Scope.CREDENTIAL if scope is Scope.ACCOUNT and not named else scope
