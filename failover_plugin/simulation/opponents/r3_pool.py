"""R3, pool: the next node in turn, and a node that failed once sits out a fixed time.

The table R3 of the reference systems, and the code it was read from (zeph, ``gonka/endpoints.rs`` and
``gonka/provider.rs``): all targets form one pool, tiers mean nothing to it; at most min(nodes, 3) calls for a request;
a node sits out 30 s after an error, 60 s after a timeout; a 400 goes up at once and costs nobody anything; once the
response has begun, a stream is the caller's and nothing is booked.

Its defects are kept: one failure is enough; Retry-After, a dead key and a blip are all 30 s; a shorter cooldown
overwrites a longer one; with all nodes out, everybody gets the one whose time is up first. That its cursor also moves
over the nodes it skips makes no share uneven, as the table fears: a whole turn of it still meets each node once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from random import Random

from failover_plugin.model import ErrorClass, Target
from failover_plugin.simulation.opponents.host import CALLERS_FAULT, call, listed, was_opened
from failover_plugin.simulation.protocol import Reply, SimRequest, Step, WorldView

MAX_CALLS = 3
AFTER_ERROR = 30.0
AFTER_TIMEOUT = 60.0


class Pool:
    """The nodes, a cursor, and until when each sits out."""

    def __init__(self, targets: Sequence[Target], now: Callable[[], float]) -> None:
        self._targets = listed(targets)
        self._until = [0.0] * len(self._targets)
        self._cursor = 0
        self._now = now

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """Ask the next node, and the next."""
        for _ in range(min(len(self._targets), MAX_CALLS)):
            index = self._next()
            outcome = yield from call(self._targets[index])
            if was_opened(outcome) or outcome.error_class in CALLERS_FAULT:
                return outcome.ok
            seconds = AFTER_TIMEOUT if outcome.error_class is ErrorClass.TIMEOUT else AFTER_ERROR
            self._until[index] = self._now() + seconds
        return False

    def _next(self) -> int:
        for _ in self._targets:
            index = self._cursor % len(self._targets)
            self._cursor += 1
            if self._until[index] <= self._now():
                return index
        return self._until.index(min(self._until))


def make(targets: Sequence[Target], now: Callable[[], float], _rng: Random, _world: WorldView) -> Pool:
    """One for one worker."""
    return Pool(targets, now)
