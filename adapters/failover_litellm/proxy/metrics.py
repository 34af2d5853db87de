"""Prometheus metrics, beside LiteLLM's own and in the same registry.

With several workers they add up as LiteLLM's do, where PROMETHEUS_MULTIPROC_DIR is set: a deployment's state is then
the worst that any living worker sees.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from failover_plugin.events import (
    AttemptEnded,
    BackupStarted,
    BreakerClosed,
    BreakerHalfOpen,
    BreakerOpened,
    BudgetEmpty,
    Event,
    FailedOver,
    KeyBlocked,
)

CLOSED, HALF_OPEN, OPEN = 0, 1, 2


class Metrics:
    """What is counted. One for each process: a registry takes each name once."""

    def __init__(self, prometheus: Any) -> None:
        counter = prometheus.Counter
        self._attempts = counter("failover_attempts", "Calls to a deployment, by outcome.", ["deployment", "outcome"])
        self._failovers = counter("failover_failovers", "Requests that went on elsewhere.", ["deployment", "to"])
        self._backups = counter("failover_backups", "Calls beside a late one.", ["deployment"])
        self._budget = counter("failover_budget_empty", "Calls not made because their budget was spent.", ["kind"])
        self._state = prometheus.Gauge(
            "failover_state",
            "Of a deployment: 0 closed, 1 half open, 2 open or blocked.",
            ["deployment"],
            multiprocess_mode="livemax",
        )

    def count(self, event: Event) -> None:
        """Take this into account."""
        match event:
            case AttemptEnded():
                diagnosis = event.attempt.diagnosis
                outcome = "ok" if diagnosis is None else str(diagnosis.error_class)
                self._attempts.labels(event.target.id, outcome).inc()
            case FailedOver():
                self._failovers.labels(event.from_target.id, event.to_target.id).inc()
            case BackupStarted():
                self._backups.labels(event.target.id).inc()
            case BudgetEmpty():
                self._budget.labels(event.kind).inc()
            case BreakerOpened() | KeyBlocked():
                self._set(event.targets, OPEN)
            case BreakerHalfOpen():
                self._set(event.targets, HALF_OPEN)
            case BreakerClosed():
                self._set(event.targets, CLOSED)
            case _:
                pass

    def _set(self, targets: tuple[str, ...], state: int) -> None:
        for target in targets:
            self._state.labels(target).set(state)


def count(event: Event) -> None:
    """Take this into account, where ``prometheus_client`` is installed."""
    if (metrics := _metrics()) is not None:
        metrics.count(event)


@cache
def _metrics() -> Metrics | None:
    try:
        import prometheus_client
    except ImportError:
        return None
    return Metrics(prometheus_client)
