"""R4, error classes: the primary for every request, and the fallbacks in turn if its error is one of the triggers.

The table R4 of the reference systems, and the code it was read from (llmkit, ``failover.rs``, ``complete_stream``):
triggers RateLimit and ServerError (status 500 and up), no retries of the primary, all fallbacks.

Its defects are kept: no memory; timeouts, network errors, dead keys and prompts too long for the primary go up at once,
the triggers being what they are by default; they are not applied to the fallbacks' errors; no backoff, no Retry-After;
a stream is failed over only until its response begins.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from random import Random

from failover_plugin.model import ErrorClass, Target
from failover_plugin.simulation.opponents.host import call, listed, was_opened
from failover_plugin.simulation.protocol import Outcome, Reply, SimRequest, Step, WorldView

TRIGGERS = frozenset(
    {ErrorClass.RATE_LIMIT, ErrorClass.QUOTA_EXHAUSTED, ErrorClass.SERVER_ERROR, ErrorClass.OVERLOADED}
)
"""RateLimit is every 429, ServerError every status from 500 on: an overloaded 529 is one of them."""


class ErrorClasses:
    """A primary and its fallbacks."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = listed(targets)

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """The primary, and after a trigger all the others."""
        primary = self._targets[0]
        for target in self._targets:
            outcome = yield from call(target)
            if was_opened(outcome) or (target is primary and not _triggers(outcome)):
                return outcome.ok
        return False


def _triggers(outcome: Outcome) -> bool:
    return outcome.error_class in TRIGGERS


def make(targets: Sequence[Target], _now: Callable[[], float], _rng: Random, _world: WorldView) -> ErrorClasses:
    """One for one worker."""
    return ErrorClasses(targets)
