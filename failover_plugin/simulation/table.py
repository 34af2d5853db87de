"""The table of the catalogue, to read and to feed to a program: a figure shown rounded is judged in full.

``median…worst`` over the seeds where they differ. JSON has sorted names, rounded numbers and null for what never came,
so that the same seeds give the same bytes everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf
from typing import Any

from failover_plugin.simulation.figures import METRICS, Figures
from failover_plugin.simulation.parts import Goal
from failover_plugin.simulation.runner import OURS, Result
from failover_plugin.simulation.verdict import is_met, summary, value_for

_ALWAYS = ("ok", "slo", "ttft_p50", "ttft_p95", "ttft_p99", "e2e_p99", "waste")
_MAYBE = ("sick", "ttd", "requests_to_detect", "ttr_first", "ttr_share", "ttr_fleet", "cost_ratio")

DECIMALS = 6


def text(results: Sequence[Result]) -> str:
    """For people."""
    blocks = [_block(result) for result in results]
    goals = [is_met(goal, r.figures[OURS]) for r in results if OURS in r.figures for goal in r.scenario.goals]
    total = [f"Goals met by {OURS}: {sum(goals)} of {len(goals)}."] if goals else []
    return "\n\n".join([*blocks, *total]) + "\n"


def as_json(results: Sequence[Result]) -> str:
    """For programs."""
    return dumped({"version": 1, "scenarios": [_as_dict(result) for result in results]})


def dumped(data: object) -> str:
    """Stable JSON."""
    return json.dumps(data, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def stable(value: float | None) -> float | None:
    """Rounded; null for never."""
    return None if value is None or value == inf else round(value, DECIMALS) + 0.0


# -- text -------------------------------------------------------------------------------------------------------------


def _block(result: Result) -> str:
    scenario = result.scenario
    head = " ".join(part for part in (scenario.number, scenario.name) if part)
    metrics = _columns(result)
    header = ["policy", *(METRICS[m].title for m in metrics), *(["goals"] if scenario.goals else [])]
    rows = [[name, *(_cell(m, runs) for m in metrics), *_marks(scenario.goals, runs)] for name, runs in _rows(result)]
    lines = [f"{head}: {scenario.about}" if scenario.about else head, *aligned([header, *rows])]
    return "\n".join([*lines, *_goals(result)])


def _rows(result: Result) -> list[tuple[str, tuple[Figures, ...]]]:
    return list(result.figures.items())


def _columns(result: Result) -> list[str]:
    known = {m for runs in result.figures.values() for figures in runs for m in figures}
    asked = [goal.metric for goal in result.scenario.goals]
    return list(dict.fromkeys([*_ALWAYS, *(m for m in (*_MAYBE, *asked) if m in known)]))


def _cell(metric: str, runs: Sequence[Figures]) -> str:
    found = summary(metric, runs)
    if found is None:
        return "-"
    middle, worst = shown(metric, found.median), shown(metric, found.worst)
    return middle if middle == worst else f"{middle}…{worst}"


def shown(metric: str, value: float) -> str:
    """A figure with as many digits as it deserves."""
    return "never" if value == inf else f"{value + 0.0:.{METRICS[metric].digits}f}"


def _marks(goals: Sequence[Goal], runs: Sequence[Figures]) -> list[str]:
    return ["".join(_mark(goal, runs) for goal in goals)] if goals else []


def _mark(goal: Goal, runs: Sequence[Figures]) -> str:
    if value_for(goal, runs) is None:
        return "·"
    return "✓" if is_met(goal, runs) else "✗"


def _goals(result: Result) -> list[str]:
    runs = result.figures.get(OURS)
    if not result.scenario.goals or runs is None:
        return []
    return ["  goals: " + "; ".join(_goal(goal, runs) for goal in result.scenario.goals)]


def _goal(goal: Goal, runs: Sequence[Figures]) -> str:
    value = value_for(goal, runs)
    bound = f"≤ {goal.max:g}" if goal.max is not None else f"≥ {goal.min:g}"
    over = "" if goal.over == "median" else f" ({goal.over})"
    stands = "not known" if value is None else shown(goal.metric, value)
    mark = "✓ met" if is_met(goal, runs) else "✗ missed"
    return f"{METRICS[goal.metric].title} {bound}{over}: {stands} {mark}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


# -- JSON -------------------------------------------------------------------------------------------------------------


def _as_dict(result: Result) -> dict[str, Any]:
    scenario = result.scenario
    return {
        "name": scenario.name,
        "number": scenario.number,
        "about": scenario.about,
        "seeds": list(result.seeds),
        "policies": {name: _policy(runs) for name, runs in result.figures.items()},
        "goals": [_judged(goal, result.figures[OURS]) for goal in scenario.goals] if OURS in result.figures else [],
    }


def _policy(runs: Sequence[Figures]) -> dict[str, Any]:
    return {metric: _figure(metric, runs) for metric in METRICS if any(metric in figures for figures in runs)}


def _figure(metric: str, runs: Sequence[Figures]) -> dict[str, Any]:
    found = summary(metric, runs)
    assert found is not None  # noqa: S101 - for the type checker: asked only of what is there
    seeds = [stable(figures.get(metric)) for figures in runs]
    return {"median": stable(found.median), "worst": stable(found.worst), "seeds": seeds}


def _judged(goal: Goal, runs: Sequence[Figures]) -> dict[str, Any]:
    return {**goal.model_dump(exclude_none=True), "value": stable(value_for(goal, runs)), "met": is_met(goal, runs)}
