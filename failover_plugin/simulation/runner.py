"""Every scenario, policy and seed is a run of its own, so they may go on side by side; the results do not tell.

A run is put together from data wherever it happens to run, and its figures come back in the order of the runs, not of
their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context

from failover_plugin.errors import ConfigError
from failover_plugin.policy import Policy
from failover_plugin.simulation.figures import Figures
from failover_plugin.simulation.fleet import targets_of
from failover_plugin.simulation.metrics import compare, lead, measure
from failover_plugin.simulation.opponents import OPPONENTS
from failover_plugin.simulation.ours import ours
from failover_plugin.simulation.run import Cast, play, routed
from failover_plugin.simulation.scenario import Scenario

OURS = "failover"
ORACLE = "oracle"
INCUMBENT = "with_fallbacks"
POLICIES = (OURS, *OPPONENTS)
"""Ours, the oracle, the incumbents and the five reference systems, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run. ``rules`` are our own policy's; None: the scenario's."""

    scenario: Scenario
    policy: str
    seed: int
    rules: Policy | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's figures: for each policy one set for each seed, in order."""

    scenario: Scenario
    seeds: tuple[int, ...]
    figures: dict[str, tuple[Figures, ...]]


def simulate(
    scenarios: Sequence[Scenario],
    *,
    seeds: int = 5,
    policies: Sequence[str] = POLICIES,
    policy: Policy | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Run every scenario with every policy and seed. Raises ``ConfigError``, before anything runs, if one cannot be.

    ``policy`` is our own, instead of the default with what each scenario changes. More than one of ``processes`` start
    Python anew, which needs an importable ``__main__``. ``progress`` is told how many runs of how many are done.
    """
    seeded = [(scenario, tuple(range(scenario.seed, scenario.seed + seeds))) for scenario in scenarios]
    return run_all(seeded, policies=policies, policy=policy, processes=processes, progress=progress)


def run_all(
    seeded: Sequence[tuple[Scenario, tuple[int, ...]]],
    *,
    policies: Sequence[str] = POLICIES,
    policy: Policy | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    vary: Callable[[Scenario, int], Scenario] = lambda scenario, _: scenario,
) -> list[Result]:
    """As ``simulate``, for given seeds; ``vary`` may change a scenario for each of them."""
    _check([scenario for scenario, _ in seeded], policies, policy)
    cells = [
        Cell(vary(scenario, seed), name, seed, policy)
        for scenario, seeds in seeded
        for name, seed in product(policies, seeds)
    ]
    with closing(_figures(cells, processes)) as running:
        figures: list[Figures] = []
        for found in running:
            figures.append(found)
            if progress:
                progress(len(figures), len(cells))
    rest = iter(figures)
    return [_result(scenario, seeds, policies, rest) for scenario, seeds in seeded]


def cast_of(policy: str, rules: Policy | None = None) -> Cast:
    """The policy of that name."""
    return ours(rules) if policy == OURS else routed(OPPONENTS[policy])


def _check(scenarios: Sequence[Scenario], policies: Sequence[str], policy: Policy | None) -> None:
    if unknown := [name for name in policies if name not in POLICIES]:
        raise ConfigError(f"policies: {unknown[0]!r}: there is no such policy. Known: {', '.join(POLICIES)}.")
    for scenario in scenarios:
        targets_of(scenario)
        if policy is None:
            Policy(**scenario.policy)  # raises what is wrong with it


def _figures(cells: Sequence[Cell], processes: int) -> Generator[Figures]:
    if processes <= 1 or len(cells) == 1:
        yield from map(_run, cells)
        return
    pool = ProcessPoolExecutor(min(processes, len(cells)), mp_context=get_context("spawn"))
    try:
        yield from pool.map(_run, cells)
    finally:
        pool.shutdown(cancel_futures=True)


def _run(cell: Cell) -> Figures:
    return measure(play(cell.scenario, cast_of(cell.policy, cell.rules), cell.seed))


def _result(scenario: Scenario, seeds: tuple[int, ...], policies: Sequence[str], rest: Iterator[Figures]) -> Result:
    figures = {name: tuple(next(rest) for _ in seeds) for name in policies}
    if ORACLE in figures:
        oracle = figures[ORACLE]
        figures = {name: tuple(map(compare, runs, oracle)) for name, runs in figures.items()}
    if INCUMBENT in figures:
        incumbent = figures[INCUMBENT]
        figures = {name: tuple(map(lead, runs, incumbent)) for name, runs in figures.items()}
    return Result(scenario, seeds, figures)
