"""R1, endpoints: everybody uses the current one, and three failures in a row move everybody to the next.

The table R1 of the reference systems, and the client it was read from (api_xai, ``client.rs`` and ``failover.rs``):
``max_failures`` 3, ``retry_after`` 60 s, ``auto_rotate`` on. Its defects are kept. One call per request: the client
hands the error up and ignores that it rotated, so rotation helps the next request only. Success and failure are booked
on whatever is current when they come, so a late failure punishes the new endpoint. Degraded is used like Healthy. The
cooldown is looked at only while rotating, so nobody ever goes back of themselves, and everybody goes back together.

Two liberties: a stream's success is booked when it ends, not when it opens, and its 30 s limit on the whole request is
one on silence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.opponents.host import call, listed, was_opened
from failover_plugin.simulation.protocol import Reply, SimRequest, Step, WorldView

MAX_FAILURES = 3
RETRY_AFTER = 60.0
TIMEOUT = 30.0
"""Seconds: the default of its environment."""


@dataclass(slots=True)
class _Endpoint:
    target: Target
    failures: int = 0
    failed_at: float = 0.0

    @property
    def is_unhealthy(self) -> bool:
        """Healthy and Degraded are told apart in the report only."""
        return self.failures >= MAX_FAILURES


class Endpoints:
    """The endpoints and the index of the current one."""

    def __init__(self, targets: Sequence[Target], now: Callable[[], float]) -> None:
        self._endpoints = [_Endpoint(target) for target in listed(targets)]
        self._current = 0
        self._now = now

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """One call to the current endpoint."""
        outcome = yield from call(self._endpoints[self._current].target, TIMEOUT)
        self._book(succeeded=was_opened(outcome))
        return outcome.ok

    def _book(self, *, succeeded: bool) -> None:
        endpoint = self._endpoints[self._current]
        if succeeded:
            endpoint.failures = 0
            return
        endpoint.failures += 1
        endpoint.failed_at = self._now()
        if endpoint.is_unhealthy:
            self._rotate()

    def _rotate(self) -> None:
        count = len(self._endpoints)
        following = [(self._current + step) % count for step in range(1, count + 1)]
        self._current = next((index for index in following if self._is_usable(self._endpoints[index])), following[0])

    def _is_usable(self, endpoint: _Endpoint) -> bool:
        if endpoint.is_unhealthy and self._now() - endpoint.failed_at >= RETRY_AFTER:
            endpoint.failures = 0
        return not endpoint.is_unhealthy


def make(targets: Sequence[Target], now: Callable[[], float], _rng: Random, _world: WorldView) -> Endpoints:
    """One for one worker."""
    return Endpoints(targets, now)
