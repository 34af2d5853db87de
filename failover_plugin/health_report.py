"""Health for people: who is well, who is not, why, and when they will be back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from failover_plugin._html import table
from failover_plugin.model import Scope


class Health(StrEnum):
    """How well a target is."""

    HEALTHY = "healthy"
    """Asked as a matter of course."""
    DEGRADED = "degraded"
    """Under suspicion, cooling down after a rate limit, or being tested for recovery."""
    UNHEALTHY = "unhealthy"
    """Not asked: its breaker or that of its key is open, or it is disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """One target. ``returns_in`` is in seconds, None if it is asked now, or if nobody knows.

    ``p50``, ``p95`` and ``p99`` are seconds to the first content a caller saw (of a plain call: to its answer), over
    the last five to ten minutes; None if there was none. ``usual`` is their robust mean and ``deviation``
    their spread in log units: a z-score is ``log(seconds / usual) / deviation``. ``limit`` is how many calls at once it
    may have, None: any. ``anomalies`` counts first contents that came unusually late for this target,
    ``consecutive_failures`` calls that failed since the last success, errors of the callers' own left out.
    """

    target: str
    tier: int
    health: Health
    state: str
    reason: str
    returns_in: float | None
    in_flight: int
    attempts: int
    successes: int
    failures: int
    last_error: str | None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    usual: float | None = None
    deviation: float | None = None
    limit: int | None = None
    backups: int = 0
    anomalies: int = 0
    consecutive_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeHealth:
    """One scope that targets share or have alone. ``returns_in`` is in seconds."""

    scope: Scope
    key: str
    state: str
    reason: str
    returns_in: float | None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A snapshot of every target, and of every scope behind them."""

    targets: tuple[TargetHealth, ...]
    scopes: tuple[ScopeHealth, ...]
    spent: float = 0.0
    """On all calls so far, in the unit of ``Target.cost``; a target without a cost counts as 1 a call."""
    spent_on_backups: float = 0.0
    """The part of it that went into backups for slow or failed calls."""

    def __getitem__(self, target_id: str) -> TargetHealth:
        """The target of that id. Raises ``KeyError``."""
        for target in self.targets:
            if target.target == target_id:
                return target
        raise KeyError(target_id)

    @property
    def in_flight(self) -> int:
        """Calls under way, over all targets."""
        return sum(t.in_flight for t in self.targets)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for logs and JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_line(t) for t in self.targets)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's protocol
        printer.text(str(self))

    def _repr_html_(self) -> str:
        headers = (
            "target",
            "tier",
            "health",
            "state",
            "why",
            "back in",
            "in flight",
            "attempts",
            "ok",
            "failed",
            "p50",
            "p95",
        )
        return table("Health", headers, [_row(t) for t in self.targets])


def _row(t: TargetHealth) -> tuple[object, ...]:
    back = None if t.returns_in is None else f"{t.returns_in:.1f} s"
    typical = ("" if seconds is None else f"{seconds:.2f} s" for seconds in (t.p50, t.p95))
    counts = t.in_flight, t.attempts, t.successes, t.failures
    return t.target, t.tier, t.health, t.state, t.reason, back, *counts, *typical


def _line(t: TargetHealth) -> str:
    back = f", back in {t.returns_in:.1f} s" if t.returns_in is not None else ""
    why = f" ({t.reason}{back})" if t.reason else ""
    return f"{t.target}: {t.health}, {t.state}{why}; {t.successes} of {t.attempts} ok, {t.in_flight} in flight"
