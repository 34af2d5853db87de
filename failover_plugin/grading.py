"""Health in words: how a target's standing becomes Healthy, Degraded or Unhealthy, with the reason and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, inf

from failover_plugin.breaker import Breaker, State
from failover_plugin.budget import Budget
from failover_plugin.health_report import Health, HealthReport, ScopeHealth, TargetHealth
from failover_plugin.model import Scope, Skip
from failover_plugin.scopes import Scopes, label
from failover_plugin.standing import Key, Standing, refusal, returns_in


def report(standings: Iterable[Standing], scopes: Scopes, budget: Budget, now: float) -> HealthReport:
    """Everybody's health now."""
    return HealthReport(
        tuple(target_health(standing, now) for standing in standings),
        tuple(scope_health(scope, key, breaker, now) for scope, key, breaker in scopes),
        budget.spent,
        budget.spent_on_backups,
    )


def target_health(standing: Standing, now: float) -> TargetHealth:
    """A target's line in the report."""
    skip, counts, limit = refusal(standing, now), standing.counts, standing.limit
    health, state, reason = _grade(standing, skip, now)
    shares = 0.5, 0.95, 0.99
    latency = standing.latency or standing.whole
    p50, p95, p99 = counts.histogram.percentiles(*shares, now=now) if counts.histogram else (None, None, None)
    return TargetHealth(
        target=standing.id,
        tier=standing.target.tier,
        health=health,
        state=state,
        reason=reason,
        returns_in=skip.returns_in if skip else None,
        in_flight=counts.in_flight,
        attempts=counts.attempts,
        successes=counts.successes,
        failures=counts.failures,
        last_error=str(counts.last) if counts.last else None,
        p50=p50,
        p95=p95,
        p99=p99,
        usual=latency.usual if latency else None,
        deviation=latency.deviation if latency else None,
        limit=ceil(limit.value) if limit and limit.value < inf else standing.target.max_parallel,
        backups=counts.backups,
        anomalies=counts.anomalies,
        consecutive_failures=counts.streak,
    )


def scope_health(scope: Scope, key: Key, breaker: Breaker, now: float) -> ScopeHealth:
    """A scope's line in the report."""
    state = breaker.state(now)
    reason = "" if state is State.CLOSED else breaker.reason
    return ScopeHealth(scope=scope, key=label(key), state=state, reason=reason, returns_in=returns_in(breaker, now))


def _grade(standing: Standing, skip: Skip | None, now: float) -> tuple[Health, str, str]:
    if standing.disabled:
        return Health.UNHEALTHY, "disabled", "disabled"
    for state, health in ((State.OPEN, Health.UNHEALTHY), (State.HALF_OPEN, Health.DEGRADED)):
        for scope, breaker in standing.breakers:
            if breaker.state(now) is state:
                return health, state.value, f"{scope}: {breaker.reason}"
    if standing.rates and standing.rates.cooldown.cooling(now) and skip:
        return Health.DEGRADED, "cooling", skip.reason
    if standing.slow:
        return Health.DEGRADED, "slow", "its first content comes late"
    if standing.ramping:
        return Health.DEGRADED, "ramping", "it has come back lately"
    if standing.suspicious(now):
        last = standing.counts.last
        return Health.DEGRADED, State.CLOSED.value, f"suspected: {last.title if last else 'late'}"
    return Health.HEALTHY, State.CLOSED.value, skip.reason if skip else ""
