"""The scenarios that come with the package, found by name or number, and those in a user's own files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from failover_plugin._files import mapping, read_mapping
from failover_plugin.errors import ConfigError
from failover_plugin.policy import Policy
from failover_plugin.simulation.fleet import targets_of
from failover_plugin.simulation.scenario import Scenario


@cache
def load_scenarios() -> tuple[Scenario, ...]:
    """All that come with the package: those of the catalogue by number, then the further ones."""
    folder = files("failover_plugin.simulation") / "scenarios"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return tuple(_parsed(f.read_text("utf-8"), f.name) for f in found)


def find_scenario(name: str) -> Scenario:
    """By name or number (``outage``, ``2``), or read from a file. Raises ``ConfigError``."""
    for scenario in load_scenarios():
        if name.lower() in (scenario.name, (scenario.number or "").lower()):
            return scenario
    if name.endswith((".yaml", ".yml", ".json")) or Path(name).exists():
        return read_scenario(name)
    known = ", ".join(s.name for s in load_scenarios())
    raise ConfigError(f"scenario = {name!r}: there is none of that name or number, and no such file. Known: {known}.")


def read_scenario(path: str | Path) -> Scenario:
    """A user's own. Raises ``ConfigError`` for anything that does not fit."""
    return _checked(read_mapping(path), str(path), Path(path).stem)


def _parsed(text: str, where: str) -> Scenario:
    import yaml

    return _checked(mapping(where, yaml.safe_load(text)), where, where)


def _checked(data: dict[str, Any], where: str, name: str) -> Scenario:
    try:
        scenario = Scenario(**{"name": name, **data})
        Policy(**scenario.policy)
        if scenario.has_targets:
            targets_of(scenario)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return scenario
