"""A process that stands still: it reads nothing, its timers do not fire, and whoever asks it waits.

What the servers sent meanwhile is read first when it goes on, in the order in which it came. So it is for every policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from failover_plugin.patience import LATE, PUT_OFF
from failover_plugin.simulation.call import Listener, SimCall
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.parts import Stall


class Stalls:
    """When which worker stands still, in seconds of a run of so many."""

    def __init__(self, stalls: Sequence[Stall], duration: float) -> None:
        self._spans = [(start, end, stall.worker) for stall in stalls for start, end in _spans(stall, duration)]

    def over(self, now: float, worker: int) -> float:
        """When this worker goes on: now, unless it stands still."""
        return max((end for start, end in self._of(worker) if start <= now < end), default=now)

    def lost(self, since: float, until: float, worker: int) -> float:
        """Seconds between these for which this worker stood still."""
        return sum(max(0.0, min(end, until) - max(start, since)) for start, end in self._of(worker))

    def _of(self, worker: int) -> Iterator[tuple[float, float]]:
        return ((start, end) for start, end, whose in self._spans if whose is None or whose == worker)


def _spans(stall: Stall, duration: float) -> Iterator[tuple[float, float]]:
    start = stall.t
    while start < duration:
        yield start, start + stall.seconds
        if stall.every is None:
            return
        start += stall.every


class Late:
    """Tells a policy how its call goes, once its process runs; nothing of a call that it has left."""

    __slots__ = ("_kernel", "_listener", "_stalls", "_worker")

    def __init__(self, kernel: Kernel, stalls: Stalls, worker: int, listener: Listener) -> None:
        self._kernel, self._stalls, self._worker, self._listener = kernel, stalls, worker, listener

    def first_content(self, call: SimCall) -> None:
        """The first content has come."""
        self._tell(self._listener.first_content, call)

    def fell_silent(self, call: SimCall) -> None:
        """The last content has come, and the connection stays open."""
        self._tell(self._listener.fell_silent, call)

    def ended(self, call: SimCall) -> None:
        """It is over."""
        self._tell(self._listener.ended, call)

    def _tell(self, tell: Callable[[SimCall], None], call: SimCall) -> None:
        now = self._kernel.now
        goes_on = self._stalls.over(now, self._worker)
        if goes_on == now:
            tell(call)
        else:
            self._kernel.at(goes_on, _told, (tell, call))


def _told(what: tuple[Callable[[SimCall], None], SimCall]) -> None:
    tell, call = what
    if not call.is_left:
        tell(call)


class PatientTimer:
    """One of ours in such a process: put off as ``failover_plugin.patience`` does it."""

    __slots__ = ("_kernel", "_left", "_ring", "_seconds", "_since", "_stalls", "_worker")

    def __init__(
        self, kernel: Kernel, stalls: Stalls, worker: int, seconds: float, ring: Callable[[None], None]
    ) -> None:
        self._kernel, self._stalls, self._worker = kernel, stalls, worker
        self._seconds, self._ring = seconds, ring
        self._since, self._left = kernel.now, PUT_OFF
        kernel.at(kernel.now + seconds, self._fire)

    def _fire(self, _: None) -> None:
        goes_on = self._stalls.over(self._kernel.now, self._worker)
        lost = self._stalls.lost(self._since, goes_on, self._worker)
        if self._left and lost > LATE:
            self._left -= 1
            self._since = goes_on
            self._kernel.at(goes_on + max(lost, min(self._seconds, 1.0)), self._fire)
        elif goes_on > self._kernel.now:
            self._kernel.at(goes_on, self._fire)
        else:
            self._ring(None)
