"""One run: a scenario, a policy and a seed give a history, always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TypeAlias

from failover_plugin.model import Target
from failover_plugin.simulation.faults import ActiveFault
from failover_plugin.simulation.fleet import server_of, targets_of
from failover_plugin.simulation.history import History, Plight
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.load import Visit, most_output, visits
from failover_plugin.simulation.parts import Fault
from failover_plugin.simulation.protocol import Factory
from failover_plugin.simulation.receipt import Receipt
from failover_plugin.simulation.routed import Errand, RoutedErrand
from failover_plugin.simulation.scenario import Scenario
from failover_plugin.simulation.server import Server
from failover_plugin.simulation.stalls import Stalls
from failover_plugin.simulation.window import PERIOD, Window
from failover_plugin.simulation.world import World


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a policy acts."""

    scenario: Scenario
    targets: tuple[Target, ...]
    kernel: Kernel
    world: World
    history: History
    seed: int
    closing: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """What is done when all is over."""

    def rng(self, purpose: str) -> Random:
        """A source of chance of its own for each purpose, so that one does not disturb the other."""
        return Random(f"{self.seed}:{purpose}")  # noqa: S311 - not for secrets


Errands: TypeAlias = Callable[[Receipt], Errand]
"""What a policy makes of a request."""

Cast: TypeAlias = Callable[[Stage], Errands]
"""A policy, put on a stage."""


def routed(make: Factory) -> Cast:
    """A policy written as routers, one per worker."""

    def cast(stage: Stage) -> Errands:
        workers = range(stage.scenario.load.workers)
        now = _now(stage.kernel)
        routers = [make(stage.targets, now, stage.rng(f"worker {i}"), stage.world) for i in workers]
        return lambda receipt: RoutedErrand(stage.kernel, stage.world, routers[receipt.request.worker], receipt)

    return cast


def play(scenario: Scenario, cast: Cast, seed: int) -> History:
    """Run it to the end of its last request. Raises ``ConfigError`` if the scenario has nobody to ask."""
    stage = _stage(scenario, seed)
    errands = cast(stage)
    arrival = _Arrival(stage, errands)
    for visit in visits(scenario.load, stage.rng("load")):
        stage.kernel.at(stage.world.runs(visit.request.arrived, visit.request.worker), arrival.happens, visit)
    stage.kernel.run()
    for close in stage.closing:
        close()
    return stage.history


@dataclass(frozen=True, slots=True)
class _Arrival:
    stage: Stage
    errands: Errands

    def happens(self, visit: Visit) -> None:
        kernel, request = self.stage.kernel, visit.request
        errand = self.errands(Receipt(request, self.stage.history.served))
        kernel.at(request.deadline, _expire, errand)
        kernel.at(visit.leaves, _leave, errand)
        errand.begin()


def _expire(errand: Errand) -> None:
    errand.end(left=False)


def _leave(errand: Errand) -> None:
    errand.end(left=True)


def _now(kernel: Kernel) -> Callable[[], float]:
    return lambda: kernel.now


def _stage(scenario: Scenario, seed: int) -> Stage:
    targets, kernel = targets_of(scenario), Kernel()
    servers = _servers(scenario, targets, Random(f"{seed}:windows"))  # noqa: S311 - not for secrets
    rng = Random(f"{seed}:world")  # noqa: S311 - not for secrets
    most = most_output(scenario.load) or 0
    stalls = Stalls(scenario.load.stalls, scenario.load.T) if scenario.load.stalls else None
    world = World(
        kernel,
        servers,
        rng,
        base_error=scenario.base_error,
        max_output=most,
        lacks=scenario.lacks,
        stalls=stalls,
    )
    history = History(
        duration=scenario.load.T,
        workers=scenario.load.workers,
        targets=tuple(t.id for t in targets),
        tried=world.tried,
        plights=tuple(_plight(f, targets, min(scenario.load.T, _end(f, scenario))) for f in scenario.faults),
    )
    return Stage(scenario, targets, kernel, world, history, seed)


def _servers(scenario: Scenario, targets: Sequence[Target], rng: Random) -> dict[str, Server]:
    faults = [(fault.match, _active(fault, _end(fault, scenario))) for fault in scenario.faults]
    windows = _windows(scenario, targets, rng)
    servers: dict[str, Server] = {}
    for target in targets:
        facts = server_of(scenario, target)
        servers[target.id] = Server(
            target,
            ttft=facts.ttft,
            tpot=facts.tpot,
            cap=facts.cap or inf,
            sigma=scenario.sigma,
            faults=[fault for match, fault in faults if match.fits(target)],
            window=windows.get(_key(target)),
        )
    return servers


def _windows(scenario: Scenario, targets: Sequence[Target], rng: Random) -> dict[str, Window]:
    """One for each key that has a limit: the scenario's, or what its targets declare."""
    windows: dict[str, Window] = {}
    for target in targets:
        rpm, tpm = scenario.rpm or target.rpm or inf, scenario.tpm or target.tpm or inf
        window = windows.get(_key(target))
        if window is not None:
            window.rpm, window.tpm = min(window.rpm, rpm), min(window.tpm, tpm)
        elif min(rpm, tpm) < inf:
            windows[_key(target)] = Window(rpm, tpm, rng.uniform(0.0, PERIOD))
    return windows


def _key(target: Target) -> str:
    return target.credential or target.id


def _end(fault: Fault, scenario: Scenario) -> float:
    """A fault of a key is over when the key is replaced."""
    ends = [r.t for r in scenario.rotations if fault.match.key and r.key in fault.match.key and r.t > fault.t0]
    return min([inf if fault.t1 is None else fault.t1, *ends])


def _active(fault: Fault, end: float) -> ActiveFault:
    named = fault.retry_after
    return ActiveFault(
        kind=fault.kind,
        start=fault.t0,
        end=end,
        p=fault.p,
        x=fault.x,
        on=fault.on or inf,
        off=fault.off or 0.0,
        ramp=fault.ramp,
        worker=fault.match.worker,
        retry_after=(named, named) if isinstance(named, float | int) else named,
        date_skew=fault.date_skew,
    )


def _plight(fault: Fault, targets: Sequence[Target], end: float) -> Plight:
    struck = frozenset(t.id for t in targets if fault.match.fits(t))
    return Plight(fault.t0, end, struck, fault.kind == "cap", fault.match.worker)
