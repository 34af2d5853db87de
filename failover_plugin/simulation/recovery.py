"""How soon a target has its traffic back after a fault, and how soon the service is what it was."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import inf

from failover_plugin.simulation.history import History

REGAINED = 0.7
"""Share of its traffic before the fault that a target must have back, over ``OVER`` seconds: 10 s windows are noisy."""
OVER = 20.0

WELL = 0.95
"""Share of the arrivals of ``ARRIVING`` seconds that must succeed within ``SOON`` seconds."""
ARRIVING = 10.0
SOON = 30.0

ENOUGH = 10
"""Calls before the fault without which a target's return says nothing."""

STEP = 0.5
"""Seconds between the moments that are looked at."""


def recovery(history: History) -> dict[str, float]:
    """ttr_first, ttr_share (the slowest target counts) and, for faults of the whole fleet, ttr_fleet."""
    if history.fault_start is None or history.fault_end is None:
        return {}
    figures: dict[str, float] = {}
    everything = sorted(t.started for t in history.tried)
    returns = [_returned(history, target, end, everything) for target, end in _used(history, history.fault_start)]
    if returns:
        figures["ttr_first"] = max(first for first, _ in returns)
        figures["ttr_share"] = max(share for _, share in returns)
    if _was_general(history):
        figures["ttr_fleet"] = _service_back(history, history.fault_end)
    return figures


def _used(history: History, start: float) -> list[tuple[str, float]]:
    """The targets that had been used enough to tell, and when the last fault of each ended."""
    ends: dict[str, float] = {}
    for plight in history.plights:
        if not plight.only_capacity and plight.worker is None:
            ends.update({target: max(plight.end, ends.get(target, 0.0)) for target in plight.targets})
    used = Counter(t.target for t in history.tried if t.started < start)
    return [(target, end) for target, end in sorted(ends.items()) if used[target] >= ENOUGH]


def _returned(history: History, target: str, end: float, everything: list[float]) -> tuple[float, float]:
    """Seconds to its first success, and to its share."""
    calls = [t for t in history.tried if t.target == target]
    first = min((t.ended for t in calls if t.ok and t.ended >= end), default=inf)
    own, start = sorted(t.started for t in calls), history.fault_start or 0.0
    before = _between(own, 0.0, start) / _between(everything, 0.0, start)
    return first - end, _regained(own, everything, end, history.duration, REGAINED * before) - end


def _regained(own: list[float], everything: list[float], end: float, until: float, share: float) -> float:
    for i in range(int((until - OVER - end) / STEP) + 1):
        at = end + i * STEP
        total = _between(everything, at, at + OVER)
        if total and _between(own, at, at + OVER) >= share * total:
            return at
    return inf


def _was_general(history: History) -> bool:
    struck = frozenset[str]().union(*(p.targets for p in history.plights if p.worker is None))
    return struck >= frozenset(history.targets)


def _service_back(history: History, end: float) -> float:
    served = sorted((s.arrived, s.ok and s.ended - s.arrived <= SOON) for s in history.served if not s.left)
    arrived = [at for at, _ in served]
    for i in range(int((history.duration - ARRIVING - end) / STEP) + 1):
        at = end + i * STEP
        low, high = bisect_left(arrived, at), bisect_left(arrived, at + ARRIVING)
        if high > low and sum(well for _, well in served[low:high]) >= WELL * (high - low):
            return at - end
    return inf


def _between(moments: list[float], start: float, end: float) -> int:
    return bisect_left(moments, end) - bisect_left(moments, start)
