"""What a history is worth, in the figures of the catalogue; a failed request counts as late, never as absent.

A percentile over the requests that survived would reward whoever drops the slow ones, so a request without an answer
counts at its deadline. Callers who left by themselves are nobody's failure and count nowhere. A figure that never came
(no recovery before the end) is infinite; one that has no meaning for a run is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, fsum

from failover_plugin.simulation.detection import detection
from failover_plugin.simulation.figures import Figures
from failover_plugin.simulation.history import History, Served
from failover_plugin.simulation.openings import of_openings
from failover_plugin.simulation.recovery import recovery

SLO = 5.0
"""Seconds to first content that a good answer may take."""


def measure(history: History) -> Figures:
    """All figures of one run that need no other run to compare with."""
    stayed = [s for s in history.served if not s.left]
    return {
        **_answered(stayed, ""),
        **_split(history, stayed),
        **_latencies(stayed),
        **_spent(history, stayed),
        **detection(history),
        **recovery(history),
        **of_openings(history),
        **({} if history.leaked is None else {"leaked": float(history.leaked)}),
    }


def compare(figures: Figures, oracle: Figures) -> Figures:
    """The same, and how it stands beside the oracle's run of the same seed."""
    ratios = {
        f"{name}_ratio": figures[name] / oracle[name]
        for name in ("cost", "ttft_p99", "e2e_p99")
        if oracle.get(name) and name in figures
    }
    gap = {"slo_gap": oracle["slo"] - figures["slo"]} if "slo" in oracle and "slo" in figures else {}
    return {**figures, **ratios, **gap}


def lead(figures: Figures, incumbent: Figures) -> Figures:
    """The same, and by how much more was served than in the run of the same seed with ``with_fallbacks``."""
    return {**figures, "ok_lead": figures["ok"] - incumbent["ok"]} if "ok" in figures and "ok" in incumbent else figures


def percentile(values: Iterable[float], share: float) -> float:
    """By nearest rank: a value that occurred."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _answered(served: Sequence[Served], suffix: str) -> Figures:
    if not served:
        return {}
    ok = sum(s.in_time for s in served)
    slo = sum(s.in_time and s.first - s.arrived <= SLO for s in served)
    return {f"ok{suffix}": 100.0 * ok / len(served), f"slo{suffix}": 100.0 * slo / len(served)}


def _split(history: History, served: Sequence[Served]) -> Figures:
    start, end = history.fault_start, history.fault_end
    if start is None:
        return {}
    over = history.duration if end is None else end
    return {
        **_answered([s for s in served if start <= s.arrived < over], "_during"),
        **_answered([s for s in served if s.arrived >= over], "_after"),
    }


def _latencies(served: Sequence[Served]) -> Figures:
    if not served:
        return {}
    first = [(s.first if s.in_time else s.deadline) - s.arrived for s in served]
    whole = [(s.ended if s.in_time else s.deadline) - s.arrived for s in served]
    figures = {f"ttft_p{p}": percentile(first, p / 100) for p in (50, 95, 99)}
    return {**figures, "e2e_p99": percentile(whole, 0.99)}


def _spent(history: History, served: Sequence[Served]) -> Figures:
    delivered = sum(s.in_time for s in served)
    figures: Figures = {}
    if history.served:
        figures["waste"] = (len(history.tried) - delivered) / len(history.served)
    if delivered:
        figures["cost"] = fsum(t.price for t in history.tried) / delivered
    return figures
