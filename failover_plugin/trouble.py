"""What outcomes change: whom a failure is booked on, what an opening and a recovery entail for everybody concerned.

Under the lock of the ``Commons``. Told the time, in monotonic seconds.
"""

from __future__ import annotations

from typing import Any

from failover_plugin.breaker import Breaker
from failover_plugin.capacity import Capacity
from failover_plugin.classify import Hold
from failover_plugin.commons import Commons
from failover_plugin.events import BreakerClosed, BreakerOpened, KeyBlocked
from failover_plugin.evidence import FAILURE
from failover_plugin.lease import Lease
from failover_plugin.model import Diagnosis, ErrorClass, Scope
from failover_plugin.scopes import label
from failover_plugin.standing import PROTECTS, Standing, scope_keys
from failover_plugin.uplink import Uplink

PROMPT = 1.0
"""Seconds in which an error comes at once."""
STRANGER = 0.5
"""How much of a failure lateness is, of a target that has never answered: it may be slow by nature."""
SURE, UNSURE = 0.999, 0.25
"""How much of a failure an overdue call is: nearly all of one if nothing that began later has answered either."""


class Trouble:
    """Books outcomes on the scopes of one fleet."""

    def __init__(self, commons: Commons) -> None:
        self._commons = commons
        self._policy = commons.policy
        self._rng = commons.rng
        self.capacity = Capacity(commons)
        self.uplink = Uplink()

    # -- a sign of life -----------------------------------------------------------------------------------------------

    def alive(self, lease: Lease, now: float) -> None:
        """Content has come from a target that has breakers, or limits."""
        standing, limit = lease.standing, lease.standing.limit
        for scope, breaker in standing.breakers:
            if breaker.answered(lease.born, probe=breaker in lease.probes, now=now):
                self._closed(standing, scope, now)
                limit = None  # a ramp begins after the answer that began it
        self.take_back(lease, now)
        if limit is not None:
            self.capacity.answered(standing, limit, now)
        self._commons.review(standing, now)

    def over(self, lease: Lease, now: float) -> None:
        """It was answered in full."""
        standing = lease.standing
        for scope, breaker in standing.breakers:
            if breaker.succeeded(lease.born, probe=breaker in lease.probes, now=now):
                self._closed(standing, scope, now)
        if self._policy.breaker.success_clears:
            standing.counts.erred = 0.0
        if lease.test and not standing.slow:
            standing.probe_at = now + PROTECTS

    @staticmethod
    def stranger(lease: Lease) -> bool:
        """Whether its target has never answered a call of this kind: it may be slow by nature."""
        standing = lease.standing
        return (standing.latency if lease.streaming else standing.whole) is None

    # -- doubt --------------------------------------------------------------------------------------------------------

    def doubt(self, lease: Lease, now: float) -> None:
        """It is overdue: nearly a failure if nothing that began later has answered, else a part of one. Of a server
        with too much to do, or one that is often late, it says nothing.
        """
        standing, late_already = lease.standing, lease.late
        lease.late = True
        if late_already or self.capacity.busy(standing, now) or not self._commons.tempo.surprising(lease, now):
            return
        sure = not self.stranger(lease) and not lease.probe and standing.heard_of < lease.started
        lease.doubt, lease.blind = SURE if sure else UNSURE, not self._commons.tempo.knows(lease)
        if not lease.probe:
            standing.counts.failed(now, lease.doubt)
            breaker = self._commons.scopes.breaker(standing, Scope.TARGET)
            before = breaker.epoch
            self._suspect(lease, Scope.TARGET, lease.doubt, "late", now)
            if breaker.epoch != before:
                breaker.guessed = lease.blind and not standing.counts.streak
            self._commons.review(standing, now)

    def anomaly(self, lease: Lease, now: float) -> None:
        """Its first content was unusually late, and the policy takes that for evidence."""
        self._suspect(lease, Scope.TARGET, self._policy.latency.anomaly_weight, "latency anomaly", now, whole=False)

    def take_back(self, lease: Lease, now: float) -> None:
        """It has come: what was booked because it was late is taken back."""
        if lease.doubt and not lease.probe:
            lease.standing.counts.failed(now, -lease.doubt)
            for scope, breaker in lease.standing.breakers:
                if scope is Scope.TARGET and lease.born >= breaker.epoch:
                    breaker.evidence.retract(lease.doubt, now)
                elif scope is Scope.TARGET and lease.blind and breaker.guessed and breaker.until is not None:
                    self._acquit(lease.standing, breaker, now)
        lease.doubt = 0.0

    # -- a failure ----------------------------------------------------------------------------------------------------

    def book(self, lease: Lease, diagnosis: Diagnosis, share: float, now: float) -> None:
        """Book a failure on the scope that is to blame; a probe of any other scope has learnt nothing."""
        standing, scope = lease.standing, self._scope(lease.standing, diagnosis, now)
        doubted, lease.doubt = (0.0 if lease.probe else lease.doubt), 0.0
        nobody = scope in (Scope.REQUEST, Scope.LOCAL) or share == 0
        if not nobody:
            standing.counts.failed(now, max(0.0, 1.0 - doubted))
        blamed = None if nobody else self._blame(lease, scope, diagnosis, share, doubted, now)
        for own, breaker in standing.breakers:
            if breaker is not blamed or lease.aside:
                breaker.released(lease.born, probe=breaker in lease.probes, whole=lease.content)
                if breaker in lease.probes:
                    self.changed(standing, own, now)
        if lease.test and not nobody:
            standing.waits += 1
            standing.probe_at = now + PROTECTS * 2.0 ** min(standing.waits, 4)

    def _scope(self, standing: Standing, diagnosis: Diagnosis, now: float) -> Scope:
        own_row = self._policy.verdicts.get(diagnosis.error_class)
        scope = diagnosis.scope
        if own_row and own_row.scope:
            scope = own_row.scope
        elif diagnosis.error_class is ErrorClass.NETWORK and self.uplink.broken(standing.target, now):
            scope = Scope.LOCAL
        return Scope.CREDENTIAL if scope is Scope.ACCOUNT and not standing.target.account else scope

    def nothing(self, lease: Lease, now: float) -> None:
        """It told nothing about anybody, but what it was doubted for."""
        standing = lease.standing
        for scope, breaker in standing.breakers:
            if breaker in lease.probes:
                breaker.released(lease.born, probe=True, whole=lease.content)
                self.changed(standing, scope, now)

    def take_again(self, lease: Lease) -> bool:
        """A call that ``nothing`` was booked for is to be booked after all: it takes its places as a probe again. Says
        whether it may: not if anything of its target's has opened, or was reset, since it began.
        """
        epochs = (breaker.epoch for _, breaker in lease.standing.breakers)
        timely = lease.born >= max(self._commons.scopes.era.reset, *epochs, 0)
        for breaker in lease.probes if timely else ():
            breaker.probes += breaker.until is not None
        return timely

    def _blame(
        self, lease: Lease, scope: Scope, diagnosis: Diagnosis, share: float, doubted: float, now: float
    ) -> Breaker | None:
        """Book it; returns the breaker that took it, None if there is none to take it."""
        standing, verdict = lease.standing, self._policy.verdict(diagnosis.error_class)
        if verdict.hold is Hold.COOL:
            named = diagnosis.retry_after
            rates = self._commons.scopes.rates(standing)
            rates.cooldown.extend(verdict.seconds if named is None else named, now, self._rng)
            limited = diagnosis.error_class is ErrorClass.RATE_LIMIT
            rates.cooldown.why = "rate limit" if limited else f"cooling after {diagnosis.title}"
            self.changed(standing, Scope.RATE, now)
            return None
        if verdict.hold is Hold.BLOCK:
            breaker = self._commons.scopes.breaker(standing, scope)
            if lease.aside and breaker in lease.probes:
                breaker.still_blocked(now)
                return breaker
            seconds, named = verdict.seconds or 60.0, diagnosis.retry_after or 0.0
            shared = scope in (Scope.CREDENTIAL, Scope.ACCOUNT)
            if breaker.blocked(lease.born, seconds, diagnosis.title, now, self._rng, named=named, looked_at=shared):
                self._opened(standing, scope, now, again=breaker in lease.probes, alert=scope is not Scope.TARGET)
            return breaker
        weight = verdict.weight * share
        if diagnosis.error_class is ErrorClass.OVERLOADED:
            weight = self.capacity.refused(standing, weight, now)
            if diagnosis.retry_after is not None:
                self._commons.scopes.rates(standing).cooldown.asked_for(now + diagnosis.retry_after, now)
        return self._suspect(lease, scope, max(0.0, weight - doubted), diagnosis.title, now)

    def _suspect(
        self, lease: Lease, scope: Scope, weight: float, reason: str, now: float, *, whole: bool = True
    ) -> Breaker | None:
        standing = lease.standing
        probe = not lease.aside and any(breaker in lease.probes for own, breaker in standing.breakers if own is scope)
        if not weight and not probe:
            return None
        breaker = self._commons.scopes.breaker(standing, scope)
        if lease.born < breaker.epoch:
            return breaker
        enough = self._enough(lease, breaker, now)
        if breaker.failed(
            lease.born, weight, reason, now, self._rng, probe=probe, whole=lease.content and whole, enough=enough
        ):
            self._opened(standing, scope, now, again=probe, alert=False)
        else:
            self.changed(standing, scope, now)
        return breaker

    def _enough(self, lease: Lease, breaker: Breaker, now: float) -> float:
        """Times the usual evidence that it takes to open."""
        if breaker.evidence.suspicion(now) * breaker.evidence.limit < 0.5 * FAILURE:
            breaker.since = now
        answers, others = lease.standing.heard_of > breaker.since, ~(1 << lease.standing.index)
        dear = answers or any(tier.full & others for tier in self._commons.roster.tiers)
        at_once = now - lease.started < PROMPT and not lease.content
        return self._policy.breaker.caution if dear and at_once else 1.0

    # -- what follows -------------------------------------------------------------------------------------------------

    def _opened(self, standing: Standing, scope: Scope, now: float, *, again: bool, alert: bool) -> None:
        """Everybody who shares the scope is left alone; their calls that are still silent may go elsewhere."""
        for companion in self._commons.scopes.companions(standing, scope):
            if not again:
                companion.before = companion.counts.in_flight
            for wake in (companion.silent or {}).values():
                self._commons.news.call(wake)
            companion.silent = None
            self._commons.review(companion, now)
        if self._commons.news.wanted:
            self._announce(standing, scope, now, again=again, alert=alert)

    def _closed(self, standing: Standing, scope: Scope, now: float) -> None:
        """They are back: slowly, if their server had failed."""
        for companion in self._commons.scopes.companions(standing, scope):
            if scope is Scope.TARGET:
                companion.counts.erred = 0.0
                if companion.latency:
                    companion.latency.restart(self._commons.tempo.usual)
                if self._policy.breaker.ramp and self._policy.limits.adaptive:
                    self.capacity.limit(companion).ramp(companion.before, companion.counts.in_flight)
            self._commons.review(companion, now)
        self._commons.news.room(len(self._commons.news.waiting))
        if self._commons.news.wanted:
            self._commons.news.add(BreakerClosed(at=now, **self.place(standing, scope)))

    def _acquit(self, standing: Standing, breaker: Breaker, now: float) -> None:
        """Content has come where silence was taken for a failure: it is only slow, and was never out of order."""
        breaker.reset()
        self.changed(standing, Scope.TARGET, now)
        self._commons.news.room(len(self._commons.news.waiting))
        if self._commons.news.wanted:
            self._commons.news.add(BreakerClosed(at=now, **self.place(standing, Scope.TARGET)))

    def _announce(self, standing: Standing, scope: Scope, now: float, *, again: bool, alert: bool) -> None:
        breaker, where = self._commons.scopes.breaker(standing, scope), self.place(standing, scope)
        seconds = (breaker.until or now) - now
        self._commons.news.add(
            KeyBlocked(at=now, reason=breaker.reason, blocked_for=seconds, **where)
            if alert
            else BreakerOpened(at=now, reason=breaker.reason, until_in=seconds, probe_failed=again, **where)
        )

    def place(self, standing: Standing, scope: Scope) -> dict[str, Any]:
        """A scope, as events name it."""
        key = scope_keys(standing.target).get(scope) or scope_keys(standing.target)[Scope.CREDENTIAL]
        companions = self._commons.scopes.companions(standing, scope)
        return {"scope": scope, "key": label(key), "targets": tuple(c.id for c in companions)}

    def changed(self, standing: Standing, scope: Scope, now: float) -> None:
        """Something about a scope did: look at all who share it."""
        for companion in self._commons.scopes.companions(standing, scope):
            self._commons.review(companion, now)
