"""R5, adaptive breaker: one failure, or one answer slower than mean + 2.5 deviations, and a target is out for good.

The table R5 of the reference systems, and the code it was read from (llmkit, ``circuit_breaker.rs``): z threshold 2.5
over the last 1000 latencies. It is a breaker and no router; its caller is the one of its documentation: check, call,
record the time the whole call took, and on an error or a refusal turn to the other provider, here the next of the list.

Its defects are kept: an answer that is only long looks like an anomaly; failed calls' latencies and the tested one
itself are in the statistics, so the largest z of n values is √(n-1), the first seven cannot alarm and one outlier hides
the next; and Open never becomes HalfOpen unless somebody says so, which nobody does here. So half-open is not modelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from math import fsum, sqrt
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.opponents.host import call, listed, seems_fine
from failover_plugin.simulation.protocol import Reply, SimRequest, Step, WorldView

FAILURE_THRESHOLD_Z_SCORE = 2.5
HISTORY_SIZE = 1000


def _latencies() -> deque[float]:
    return deque(maxlen=HISTORY_SIZE)


@dataclass(slots=True)
class _Breaker:
    target: Target
    is_open: bool = False
    latencies: deque[float] = field(default_factory=_latencies)

    def record(self, latency: float, *, succeeded: bool) -> None:
        self.latencies.append(latency)
        self.is_open = self.is_open or not succeeded or self._is_anomaly(latency)

    def _is_anomaly(self, latency: float) -> bool:
        count = len(self.latencies)
        mean = fsum(self.latencies) / count
        deviation = sqrt(fsum((each - mean) ** 2 for each in self.latencies) / count)
        return deviation > 0.0 and (latency - mean) / deviation > FAILURE_THRESHOLD_Z_SCORE


class AdaptiveBreakers:
    """A breaker in front of each target."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._breakers = [_Breaker(target) for target in listed(targets)]

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """The first that lets it in; after a failure the next."""
        for breaker in self._breakers:
            if breaker.is_open:
                continue
            outcome = yield from call(breaker.target)
            breaker.record(outcome.latency, succeeded=seems_fine(outcome))
            if outcome.first or seems_fine(outcome):
                return outcome.ok
        return False


def make(targets: Sequence[Target], _now: Callable[[], float], _rng: Random, _world: WorldView) -> AdaptiveBreakers:
    """One for one worker."""
    return AdaptiveBreakers(targets)
