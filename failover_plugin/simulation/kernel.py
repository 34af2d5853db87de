"""Time jumps from event to event, and events of the same moment happen in the order in which they were planned.

One heap, no threads, no sleeping. An event that is no longer wanted is not searched for: whoever receives it looks
whether it still concerns them, which is cheaper than a heap that can forget.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any


class Kernel:
    """The clock of a run, in seconds from its start, and what is planned."""

    __slots__ = ("_planned", "_serial", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._serial = 0

    def at(self, time: float, callback: Callable[[Any], None], argument: Any = None) -> None:
        """Plan ``callback(argument)``; a time that is past means now, one that never comes plans nothing."""
        if time < inf:
            self._serial += 1
            heappush(self._planned, (max(time, self.now), self._serial, callback, argument))

    def run(self, until: float = inf) -> None:
        """Let everything happen up to and at ``until``."""
        planned = self._planned
        while planned and planned[0][0] <= until:
            self.now, _, callback, argument = heappop(planned)
            callback(argument)

    # -- as the core's clock ------------------------------------------------------------------------------------------

    def monotonic(self) -> float:
        """The time it is."""
        return self.now

    def sleep(self, seconds: float, woken: object = None) -> None:  # noqa: ARG002 - the clock's protocol
        """Nobody sleeps in virtual time."""
        raise RuntimeError(f"A simulated policy tried to sleep {seconds:g} s: it must plan instead.")

    async def asleep(self, seconds: float, woken: object = None) -> None:
        """Nobody sleeps in virtual time."""
        self.sleep(seconds, woken)
