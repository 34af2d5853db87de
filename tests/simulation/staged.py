"""Runs for tests: scenarios in a line, routers that do one simple thing, and what came of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from failover_plugin.simulation.history import History, Tried
from failover_plugin.simulation.protocol import Call, Factory, Outcome, Reply, SimRequest, Step
from failover_plugin.simulation.run import play, routed
from failover_plugin.simulation.scenario import Scenario


class Asking:
    """Asks the named targets in order until one answers, whatever they say; keeps the outcomes."""

    def __init__(
        self, targets: Sequence[Any], names: Sequence[str], timeout: float | None, heard: list[Outcome]
    ) -> None:
        self._targets = [next(t for t in targets if t.id == name) for name in names]
        self._timeout = timeout
        self._heard = heard

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:
        for target in self._targets:
            outcome = yield Call(target, self._timeout)
            assert outcome is not None
            self._heard.append(outcome)
            if outcome.ok:
                return True
        return False


def asking(*names: str, timeout: float | None = None, heard: list[Outcome] | None = None) -> Factory:
    """A router that asks these, in this order."""
    outcomes = [] if heard is None else heard
    return lambda targets, now, rng, world: Asking(targets, names, timeout, outcomes)


def scenario(**fields: Any) -> Scenario:
    """The standard fleet without base errors, for 60 s, unless said otherwise."""
    load = {"T": 60.0, "prompt": 800, "out": 200, **fields.pop("load", {})}
    if "targets" not in fields:
        fields = {"fleet": "std", **fields}
    return Scenario(**{"name": "test", "base_error": 0.0, "load": load, **fields})


def calls(run: History, target: str = "p1") -> list[Tried]:
    """What was tried there."""
    return [t for t in run.tried if t.target == target]


def run(what: Scenario, *names: str, timeout: float | None = None, seed: int = 7) -> History:
    """A run of the router that asks these."""
    return play(what, routed(asking(*names, timeout=timeout)), seed)


def outcomes(what: Scenario, *names: str, timeout: float | None = None) -> list[Outcome]:
    """All that such a router was told."""
    heard: list[Outcome] = []
    play(what, routed(asking(*names, timeout=timeout, heard=heard)), 7)
    return heard
