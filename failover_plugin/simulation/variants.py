"""What was tuned on some numbers must hold on others: heavier and lighter tails, other rates, seeds and phases.

Judged by how far our policy is behind the oracle in the same world, not by the figure: a variant may be overloaded by
itself. The seeds are used for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from random import Random

from failover_plugin.policy import Policy
from failover_plugin.simulation.parts import Fault
from failover_plugin.simulation.runner import ORACLE, OURS, Result, run_all
from failover_plugin.simulation.scenario import Scenario
from failover_plugin.simulation.table import aligned, dumped, stable
from failover_plugin.simulation.verdict import summary

HELD_OUT = 9000
"""First of the seeds that nothing was tuned on."""

TOLERATED = 3.0
"""Percentage points of the SLO by which the gap to the oracle may grow."""

Vary = Callable[[Scenario, int], Scenario]


def _sigma(value: float) -> Vary:
    return lambda scenario, _: scenario.having(sigma=value)


def _rate(value: float) -> Vary:
    return lambda scenario, _: scenario.having(load=scenario.load.model_copy(update={"rate": value}))


def shifted(scenario: Scenario, seed: int) -> Scenario:
    """All faults later by up to a minute: designs that think in whole minutes else profit by luck."""
    by = Random(f"{seed}:phase").uniform(0.0, 60.0)  # noqa: S311 - not for secrets
    return scenario.having(
        faults=tuple(_later(fault, by) for fault in scenario.faults),
        rotations=tuple(r.model_copy(update={"t": r.t + by}) for r in scenario.rotations),
        load=scenario.load.model_copy(update={"T": scenario.load.T + by}),
    )


def _later(fault: Fault, by: float) -> Fault:
    return fault.model_copy(update={"t0": fault.t0 + by, "t1": None if fault.t1 is None else fault.t1 + by})


VARIANTS: dict[str, Vary] = {
    "sigma 0.3": _sigma(0.3),
    "sigma 0.8": _sigma(0.8),
    "sigma 1.0": _sigma(1.0),
    "1/s": _rate(1.0),
    "40/s": _rate(40.0),
    "seeds": lambda scenario, _: scenario,
    "phase": shifted,
}

Gaps = dict[str, dict[str, float]]
"""For each scenario and variant, points of the SLO behind the oracle; ``base`` is the scenario as it is."""


def run_variants(
    scenarios: Sequence[Scenario],
    *,
    seeds: int = 5,
    policy: Policy | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Gaps:
    """The gap to the oracle in every variant, the median over the seeds. Raises ``ConfigError``."""
    variants: list[tuple[str, Vary, int | None]] = [("base", VARIANTS["seeds"], None)]
    variants += [(name, vary, HELD_OUT) for name, vary in VARIANTS.items()]
    gaps: Gaps = {scenario.name: {} for scenario in scenarios}
    for done, (name, vary, first) in enumerate(variants):
        seeded = [(s, _seeds(s.seed if first is None else first, seeds)) for s in scenarios]
        told = _part(progress, done, len(variants))
        both = (OURS, ORACLE)
        results = run_all(seeded, policies=both, policy=policy, processes=processes, progress=told, vary=vary)
        gaps |= {r.scenario.name: {**gaps[r.scenario.name], name: _gap(r)} for r in results}
    return gaps


def variants_text(gaps: Gaps) -> str:
    """For people: marked where the gap grows too much."""
    names = ["base", *VARIANTS]
    rows = [[name, *(_cell(found, variant) for variant in names)] for name, found in gaps.items()]
    worse = sum(_grows(found, variant) for found in gaps.values() for variant in VARIANTS)
    title = "SLO points behind the oracle, median over the seeds; ✗ where that grows by more than"
    total = f"Variants that collapse: {worse} of {len(gaps) * len(VARIANTS)}."
    return "\n".join([f"{title} {TOLERATED:g}", *aligned([["scenario", *names], *rows]), total]) + "\n"


def variants_json(gaps: Gaps) -> str:
    """For programs."""
    return dumped(
        {"version": 1, "gaps": {s: {v: stable(gap) for v, gap in found.items()} for s, found in gaps.items()}}
    )


def _seeds(first: int, number: int) -> tuple[int, ...]:
    return tuple(range(first, first + number))


def _part(progress: Callable[[int, int], None] | None, done: int, parts: int) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda i, n: progress(done * n + i, parts * n)


def _gap(result: Result) -> float:
    found = summary("slo_gap", result.figures[OURS])
    return inf if found is None else found.median


def _grows(found: dict[str, float], variant: str) -> bool:
    return found[variant] - found["base"] > TOLERATED


def _cell(found: dict[str, float], variant: str) -> str:
    return f"{'✗ ' if _grows(found, variant) else ''}{found[variant] + 0.0:.2f}"
