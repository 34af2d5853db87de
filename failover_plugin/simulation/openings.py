"""When breakers opened: how much evidence it took, and how often for nothing."""

from __future__ import annotations

from statistics import median

from failover_plugin.simulation.history import History, Opening, Tried

AFTERMATH = 30.0
"""Seconds after a fault in which an opening is still its consequence: calls that it struck end late."""


def of_openings(history: History) -> dict[str, float]:
    """opens, false_opens, failures_to_open, requests_to_open, backoff_growth and alerts; nothing if nobody told."""
    if history.openings is None:
        return {}
    false = [o for o in history.openings if not _has_cause(history, o)]
    healthy = sum(not t.sick for t in history.tried)
    figures = {"opens": float(len(history.openings)), "alerts": float(len(history.blocked))}
    if healthy:
        figures["false_opens"] = 10_000.0 * len(false) / healthy
    first = _first(history, frozenset(false))
    if first:
        judged = [_judged(history, opening) for opening in first]
        figures["requests_to_open"] = median(float(len(calls)) for calls in judged)
        figures["failures_to_open"] = median(float(sum(not c.ok for c in calls)) for calls in judged)
        figures["backoff_growth"] = max(_growth(history, opening) for opening in first)
    return figures


def _has_cause(history: History, opening: Opening) -> bool:
    return any(
        opening.target in p.targets
        and p.worker in (None, opening.worker)
        and p.start <= opening.at <= p.end + AFTERMATH
        for p in history.plights
    )


def _first(history: History, false: frozenset[Opening]) -> list[Opening]:
    """Each worker's first justified opening of each target."""
    first: dict[tuple[int, str], Opening] = {}
    for opening in history.openings or ():
        if opening not in false:
            first.setdefault((opening.worker, opening.target), opening)
    return list(first.values())


def _judged(history: History, opening: Opening) -> list[Tried]:
    """The calls that were struck and over by then: what the breaker could know."""
    return [
        t
        for t in history.tried
        if t.sick and t.target == opening.target and t.worker == opening.worker and t.ended <= opening.at
    ]


def _growth(history: History, first: Opening) -> float:
    """The longest opening of its target as a multiple of the first."""
    same = (o.lasts for o in history.openings or () if (o.worker, o.target) == (first.worker, first.target))
    return max(same) / first.lasts
