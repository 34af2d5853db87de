"""One target's standing: which scopes it passes through, its counters, and whether it may be asked.

Scope keys follow the table of who shares what: a credential is shared by name, a rate window by credential and model, a
server by endpoint and model. What is not named is shared with nobody. Changed only by ``FleetHealth``, under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from failover_plugin.breaker import Breaker, Pass, State
from failover_plugin.evidence import Tally
from failover_plugin.health_report import Health, ScopeHealth, TargetHealth
from failover_plugin.limits import Cooldown
from failover_plugin.model import Diagnosis, Scope, Skip, Target

Key = tuple[str | None, ...]
"""What a scope is shared under; (None, id) for what a target has alone."""

SUSPICIOUS = 0.5
"""Share of the evidence that opens a breaker from which on a closed one counts as degraded."""


@dataclass(slots=True)
class Counts:
    """What has happened at a target; kept when its facts change."""

    attempts: int = 0
    successes: int = 0
    failures: int = 0
    in_flight: int = 0
    last: Diagnosis | None = None
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A target as a strategy sees it. New facts make a new standing; requests under way go on with the old one."""

    target: Target
    breakers: dict[Scope, Breaker]
    cooldown: Cooldown
    counts: Counts

    @property
    def id(self) -> str:
        """The target's."""
        return self.target.id


@dataclass(frozen=True, slots=True)
class Passage:
    """The way through one scope's breaker."""

    scope: Scope
    breaker: Breaker
    leave: Pass


@dataclass(slots=True, eq=False)
class Lease:
    """Leave to call one target, until it is settled, or expires because a host forgot it."""

    standing: Standing
    passages: tuple[Passage, ...]
    cooldown: Cooldown
    expires: float
    generation: int
    settled: bool = field(default=False)


def scope_keys(target: Target) -> dict[Scope, Key]:
    """The scopes a target passes through, each with the key it is shared under."""
    own = (None, target.id)
    credential = (target.credential,) if target.credential else own
    if target.endpoint:
        server: Key = (target.endpoint, target.model)
    else:
        server = (target.provider, *credential, target.model) if target.credential else own
    keys: dict[Scope, Key] = {
        Scope.CREDENTIAL: credential,
        Scope.RATE: (*credential, target.model),
        Scope.TARGET: server,
    }
    return keys | {Scope.ACCOUNT: (target.account,)} if target.account else keys


def refusal(standing: Standing, now: float) -> Skip | None:
    """Why the target may not be asked now, or None if it may."""
    if not standing.target.enabled:
        return Skip(target=standing.id, reason="disabled")
    for scope, breaker in standing.breakers.items():
        if breaker.until is not None and breaker.refuses(now):
            return _refused(standing.id, scope, breaker, now)
    if standing.cooldown.cooling(now):
        return Skip(target=standing.id, reason="rate limit", returns_in=standing.cooldown.until - now)
    return None


def target_health(standing: Standing, now: float) -> TargetHealth:
    """A target's line in the report."""
    skip = refusal(standing, now)
    health, state, reason = _grade(standing, skip, now)
    return TargetHealth(
        target=standing.id,
        tier=standing.target.tier,
        health=health,
        state=state,
        reason=reason,
        returns_in=skip.returns_in if skip else None,
        in_flight=standing.counts.in_flight,
        attempts=standing.counts.attempts,
        successes=standing.counts.successes,
        failures=standing.counts.failures,
        last_error=str(standing.counts.last) if standing.counts.last else None,
    )


def scope_health(scope: Scope, key: Key, breaker: Breaker, now: float) -> ScopeHealth:
    """A scope's line in the report."""
    state = breaker.state(now)
    reason = "" if state is State.CLOSED else breaker.reason
    return ScopeHealth(
        scope=scope, key=" ".join(filter(None, key)), state=state, reason=reason, returns_in=_returns_in(breaker, now)
    )


def _grade(standing: Standing, skip: Skip | None, now: float) -> tuple[Health, str, str]:
    if not standing.target.enabled:
        return Health.UNHEALTHY, "disabled", "disabled"
    for state, health in ((State.OPEN, Health.UNHEALTHY), (State.HALF_OPEN, Health.DEGRADED)):
        for scope, breaker in standing.breakers.items():
            if breaker.state(now) is state:
                return health, state.value, f"{scope}: {breaker.reason}"
    if skip is not None:
        return Health.DEGRADED, "cooling", skip.reason
    if any(b.suspicion(now) > SUSPICIOUS for b in standing.breakers.values()):
        return (
            Health.DEGRADED,
            State.CLOSED.value,
            f"suspected: {standing.counts.last.title if standing.counts.last else 'failures'}",
        )
    return Health.HEALTHY, State.CLOSED.value, ""


def _refused(target_id: str, scope: Scope, breaker: Breaker, now: float) -> Skip:
    if breaker.state(now) is State.HALF_OPEN:
        return Skip(target=target_id, reason=f"{scope} half open, a probe is under way")
    return Skip(target=target_id, reason=f"{scope} open: {breaker.reason}", returns_in=_returns_in(breaker, now))


def _returns_in(breaker: Breaker, now: float) -> float | None:
    return None if breaker.until is None or breaker.until <= now else breaker.until - now
