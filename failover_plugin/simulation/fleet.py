"""The fleets of the catalogue, and the targets of a scenario.

**std**: p1 (us), p2 (eu) and q1 (us) in tier 0, f1 in tier 1 at 1.6 times the cost; **keyed**: a1 and a2 on one key,
b1 and b2 on another, f1; **solo**: p1, and f1 at three times the cost. Tier 0 has a window of 16k tokens, f1 one of
200k and takes 0.8 s to first content instead of 0.6-0.66 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from failover_plugin.config import checked_targets
from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.simulation.parts import Multitude, Server
from failover_plugin.simulation.scenario import Scenario

_SMALL, _LARGE = 16_000, 200_000
_TTFT = {"p1": 0.60, "p2": 0.63, "q1": 0.66, "a1": 0.60, "a2": 0.62, "b1": 0.64, "b2": 0.66, "f1": 0.80}


def _target(name: str, region: str = "us", key: str | None = None, **facts: Any) -> Target:
    given: dict[str, Any] = {"cost": 1.0, "context_window": _SMALL, **facts}
    endpoint = f"https://{name}.{region}.example"
    return Target(
        name, provider="openai", model="m", credential=key or f"k-{name}", endpoint=endpoint, region=region, **given
    )


def _fallback(cost: float) -> Target:
    return _target("f1", "eu", tier=1, cost=cost, context_window=_LARGE)


FLEETS = {
    "std": (_target("p1"), _target("p2", "eu"), _target("q1"), _fallback(1.6)),
    "keyed": (
        _target("a1", key="k1"),
        _target("a2", "eu", key="k1"),
        _target("b1", key="k2"),
        _target("b2", "eu", key="k2"),
        _fallback(1.6),
    ),
    "solo": (_target("p1"), _fallback(3.0)),
}


def targets_of(scenario: Scenario) -> tuple[Target, ...]:
    """Whom the policies can ask. Raises ``ConfigError`` if there is nobody, or a fault that strikes nobody."""
    targets = checked_targets(_declared(_members(scenario), scenario.capabilities))
    ids = {t.id for t in targets}
    if strange := sorted(set(scenario.servers) - ids):
        raise ConfigError(f"scenario.servers.{strange[0]}: there is no such target. Known: {_some(ids)}.")
    for i, rotation in enumerate(scenario.rotations):
        if not any(t.credential == rotation.key for t in targets):
            raise ConfigError(f"scenario.rotations.{i}.key = {rotation.key!r}: no target has this credential.")
    if strange := sorted(set(scenario.lacks) - ids):
        raise ConfigError(f"scenario.lacks.{strange[0]}: there is no such target. Known: {_some(ids)}.")
    for i, stall in enumerate(scenario.load.stalls):
        if stall.worker is not None and stall.worker >= scenario.load.workers:
            remedy = f"there are {scenario.load.workers} workers, the first is 0."
            raise ConfigError(f"scenario.load.stalls.{i}.worker = {stall.worker}: {remedy}")
    for i, fault in enumerate(scenario.faults):
        if not any(map(fault.match.fits, targets)):
            said = fault.match.model_dump(exclude_none=True)
            raise ConfigError(f"scenario.faults.{i}.match = {said}: no target fits. Known: {_some(ids)}.")
        if fault.match.worker is not None and fault.match.worker >= scenario.load.workers:
            remedy = f"there are {scenario.load.workers} workers, the first is 0."
            raise ConfigError(f"scenario.faults.{i}.match.worker = {fault.match.worker}: {remedy}")
    return targets


def server_of(scenario: Scenario, target: Target) -> Server:
    """How the target's server answers."""
    server = scenario.servers.get(target.id) or Server(ttft=_TTFT.get(target.id, 0.63) if scenario.fleet else 0.63)
    return server if server.cap or not scenario.cap else server.model_copy(update={"cap": scenario.cap})


def _members(scenario: Scenario) -> Sequence[Target]:
    if scenario.targets is not None:
        return scenario.targets
    if isinstance(scenario.fleet, Multitude):
        regions = scenario.fleet.regions
        return [_target(f"t{i}", f"r{i % regions}") for i in range(scenario.fleet.count)]
    if scenario.fleet is None:
        remedy = "name a fleet (std, keyed, solo), list targets, or give --policy failover.yaml"
        raise ConfigError(f"scenario {scenario.name!r} has no targets: {remedy}.")
    return FLEETS[scenario.fleet]


def _declared(targets: Sequence[Target], capabilities: tuple[str, ...]) -> Sequence[Target]:
    if not capabilities:
        return targets
    return [replace(t, capabilities=t.capabilities | frozenset(capabilities)) for t in targets]


def _some(ids: set[str]) -> str:
    return ", ".join(sorted(ids)[:10])
