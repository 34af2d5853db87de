"""LangChain's ``RunnableWithFallbacks``: the list from its top for every request, until a first chunk comes.

As in langchain-core 1.7 (``runnables/fallbacks.py``, ``stream``): no memory, no timeout, no backoff; every exception
before the first chunk leads to the next of the list, also one that is the caller's own; the first chunk commits, even
an empty one, and what breaks afterwards is the caller's. A test plays the same scripts to the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.opponents.host import call, listed, seems_fine
from failover_plugin.simulation.protocol import Reply, SimRequest, Step, WorldView


class WithFallbacks:
    """Remembers nothing, so it is the list and one loop."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = listed(targets)

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """Ask one after the other."""
        for target in self._targets:
            outcome = yield from call(target)
            if outcome.first or seems_fine(outcome):
                return outcome.ok
        return False


def make(targets: Sequence[Target], _now: Callable[[], float], _rng: Random, _world: WorldView) -> WithFallbacks:
    """One for one worker."""
    return WithFallbacks(targets)
