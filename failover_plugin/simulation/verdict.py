"""What several seeds say together: the median, and the worst, which no mean may hide; and whether a goal is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, inf
from statistics import median

from failover_plugin.simulation.figures import METRICS, Figures
from failover_plugin.simulation.parts import Goal


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over the seeds."""

    median: float
    mean: float
    worst: float


def summary(metric: str, runs: Sequence[Figures]) -> Summary | None:
    """None where the figure has no meaning."""
    values = [figures[metric] for figures in runs if metric in figures]
    if not values:
        return None
    worst = min(values) if METRICS[metric].high_is_good else max(values)
    mean = inf if inf in values else fsum(values) / len(values)
    return Summary(median(values), mean, worst)


def value_for(goal: Goal, runs: Sequence[Figures]) -> float | None:
    """What the goal is held against; None where the figure has no meaning."""
    found = summary(goal.metric, runs)
    return None if found is None else float(getattr(found, goal.over))


def is_met(goal: Goal, runs: Sequence[Figures]) -> bool:
    """Whether the runs reach it; a figure that is not there reaches nothing."""
    value = value_for(goal, runs)
    if value is None:
        return False
    return value <= goal.max if goal.max is not None else goal.min is not None and value >= goal.min
