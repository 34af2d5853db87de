"""``failover simulate``: from what was typed to the table, and nothing wrong runs before it is found out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from failover_plugin._files import read_mapping
from failover_plugin.config import load_config
from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.policy import Policy
from failover_plugin.simulation.catalogue import find_scenario, load_scenarios
from failover_plugin.simulation.runner import POLICIES, simulate
from failover_plugin.simulation.scenario import Scenario
from failover_plugin.simulation.table import as_json, text
from failover_plugin.simulation.variants import run_variants, variants_json, variants_text

MAX_SEEDS = 1000


def run_command(
    out: TextIO,
    err: TextIO,
    names: Sequence[str],
    *,
    policy_file: str | None = None,
    seeds: int = 5,
    policies: Sequence[str] = POLICIES,
    json: bool = False,
    variants: bool = False,
    processes: int | None = None,
) -> None:
    """Simulate and print. ``names`` empty: all scenarios, with ``variants`` those of the catalogue.

    Raises ``ConfigError``, before anything runs, for a scenario, policy or number that cannot be.
    """
    if not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"--seeds = {seeds}: give a number from 1 to {MAX_SEEDS}.")
    if processes is not None and processes < 1:
        raise ConfigError(f"--processes = {processes}: give a number from 1.")
    targets, policy = _own(policy_file)
    scenarios = [_peopled(scenario, targets) for scenario in _chosen(names, held_out=variants)]
    is_short = len(scenarios) == seeds == 1 and not variants
    workers = processes or (1 if is_short else os.cpu_count() or 1)
    progress = _progress(err) if err.isatty() else None
    if variants:
        gaps = run_variants(scenarios, seeds=seeds, policy=policy, processes=workers, progress=progress)
        out.write(variants_json(gaps) if json else variants_text(gaps))
        return
    results = simulate(scenarios, seeds=seeds, policies=policies, policy=policy, processes=workers, progress=progress)
    out.write(as_json(results) if json else text(results))


def _own(path: str | None) -> tuple[tuple[Target, ...] | None, Policy | None]:
    """The targets and the policy in a ``failover.yaml``, or in a file of a policy alone."""
    if path is None:
        return None, None
    if set(read_mapping(path)) & {"version", "targets", "policy"}:
        return load_config(path)
    try:
        return None, Policy.from_file(Path(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _chosen(names: Sequence[str], *, held_out: bool) -> list[Scenario]:
    if names:
        found = [find_scenario(name) for name in names]
        return [scenario for i, scenario in enumerate(found) if scenario not in found[:i]]
    return [s for s in load_scenarios() if not held_out or s.is_of_the_catalogue]


def _peopled(scenario: Scenario, targets: tuple[Target, ...] | None) -> Scenario:
    return scenario.having(targets=targets) if targets and not scenario.has_targets else scenario


def _progress(err: TextIO) -> Callable[[int, int], None]:
    def told(done: int, of: int) -> None:
        err.write(f"\r{done} of {of} runs" if done < of else "\r\033[K")
        err.flush()

    return told
