"""How soon a policy leaves what is sick, and how often it looks whether that has passed."""

from __future__ import annotations

from math import inf

from failover_plugin.simulation.history import History, Tried

DETECTED = 0.15
"""Share of the rate before the fault under which attempts on sick targets must fall, over ``OVER`` seconds."""
OVER = 10.0

_DEAD_KEY = ("auth", "quota")


def detection(history: History) -> dict[str, float]:
    """sick, ttd, requests_to_detect, early_retries, key_probes."""
    start = history.fault_start
    figures = {"early_retries": float(_early(history.tried))}
    if probes := _key_probes(history):
        figures["key_probes"] = max(probes)
    struck = frozenset[str]().union(*(p.targets for p in history.plights if not p.only_capacity and p.worker is None))
    if start is None or not struck:
        return figures
    sick = sorted(t.started for t in history.tried if t.sick)
    end = history.duration if history.fault_end is None else history.fault_end
    arrivals = sum(start <= s.arrived < end for s in history.served)
    if arrivals:
        figures["sick"] = 100.0 * len(sick) / arrivals
    if start > 0.0:
        before = sum(t.target in struck and t.started < start for t in history.tried) / start
        figures["ttd"] = _detected(sick, start, end, DETECTED * before * OVER) - start
        figures["requests_to_detect"] = float(sum(at < start + figures["ttd"] for at in sick))
    return figures


def _detected(sick: list[float], start: float, end: float, allowed: float) -> float:
    """The first moment from which few enough follow: the start, or just after one of them."""
    last = 0
    for i, at in enumerate([start, *sick]):
        last = max(last, i)
        while last < len(sick) and sick[last] < at + OVER:
            last += 1
        if at + OVER > end:
            break
        if last - i <= allowed:
            return at
    return inf


def _early(tried: list[Tried]) -> int:
    """Calls of a worker to a key and target that had told it not to come back yet."""
    until: dict[tuple[int, str], float] = {}
    asked = sorted((t.ended, t.worker, t.target, t.retry_at) for t in tried if t.retry_at)
    early = waiting = 0
    for call in sorted(tried, key=lambda t: t.started):
        while waiting < len(asked) and asked[waiting][0] <= call.started:
            _, worker, target, at = asked[waiting]
            until[worker, target] = max(until.get((worker, target), 0.0), at)
            waiting += 1
        early += call.started < until.get((call.worker, call.target), 0.0) - 1e-9
    return early


def _key_probes(history: History) -> list[float]:
    """Per worker and key, how often a minute a key known to be dead was used again."""
    known: dict[tuple[int, str], float] = {}
    for call in history.tried:
        if call.error in _DEAD_KEY:
            mine = call.worker, call.key
            known[mine] = min(known.get(mine, inf), call.ended)
    return [_rate(history, worker, key, since) for (worker, key), since in sorted(known.items())]


def _rate(history: History, worker: int, key: str, since: float) -> float:
    used = [t for t in history.tried if t.sick and t.key == key and t.worker == worker and t.started > since]
    end = history.duration if history.fault_end is None else history.fault_end
    return len(used) / max(1.0, (end - since) / 60.0)
