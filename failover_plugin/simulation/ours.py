"""The policy itself, as it is shipped: the real ``Failover`` and ``Flow`` of each worker, driven in virtual time.

What it tells its listener is what is counted: openings, alerts, and calls it still believes in when all is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp
from random import Random

from failover_plugin.events import BreakerOpened, Event, KeyBlocked
from failover_plugin.failover import Failover
from failover_plugin.model import Scope, Target
from failover_plugin.policy import Policy
from failover_plugin.simulation.errand import OurErrand
from failover_plugin.simulation.history import History, Opening
from failover_plugin.simulation.load import most_output
from failover_plugin.simulation.parts import Rotation
from failover_plugin.simulation.receipt import Receipt
from failover_plugin.simulation.routed import Errand
from failover_plugin.simulation.run import Cast, Errands, Stage


def ours(policy: Policy | None = None) -> Cast:
    """Our own policy, as every worker has it; None: the default with what the scenario changes."""

    def cast(stage: Stage) -> Errands:
        rules = policy or Policy(**stage.scenario.policy)
        workers = [_worker(stage, rules, number) for number in range(stage.scenario.load.workers)]
        for rotation in stage.scenario.rotations:
            stage.kernel.at(rotation.t, _rotate, (workers, rotation))
        stage.closing.append(lambda: _count_leaks(stage.history, workers))
        most, noise = most_output(stage.scenario.load), _noise(stage.scenario.scatter, stage.rng("pace"))

        def begin(receipt: Receipt) -> Errand:
            return OurErrand(stage.kernel, stage.world, workers[receipt.request.worker], receipt, most, noise)

        return begin

    return cast


def _noise(sigma: float, rng: Random) -> Callable[[], float]:
    return lambda: exp(sigma * rng.gauss(0.0, 1.0))


def _worker(stage: Stage, policy: Policy, number: int) -> Failover:
    history = stage.history
    history.openings = openings = [] if history.openings is None else history.openings

    def note(event: Event) -> None:
        if isinstance(event, BreakerOpened) and event.scope is Scope.TARGET:
            openings.extend(Opening(event.at, target, number, event.until_in) for target in event.targets)
        elif isinstance(event, KeyBlocked):
            history.blocked.append((event.at, event.key))

    rng = stage.rng(f"worker {number}")
    return Failover(stage.targets, policy, clock=stage.kernel, rng=rng, on_event=note)


def _rotate(what: tuple[Sequence[Failover], Rotation]) -> None:
    workers, rotation = what
    for worker in workers:
        worker.replace_targets([_rotated(target, rotation) for target in worker.targets])


def _rotated(target: Target, rotation: Rotation) -> Target:
    return replace(target, credential=rotation.to) if target.credential == rotation.key else target


def _count_leaks(history: History, workers: Sequence[Failover]) -> None:
    history.leaked = sum(worker.health().in_flight for worker in workers)
