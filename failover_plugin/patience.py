"""Time limits in an event loop that this process's own standing still does not use up.

Where a loop stands still (another task blocks it, a garbage collection, a suspended laptop, a frozen container), what a
provider sent meanwhile lies unread when the loop goes on, and every timer is due. A timer that fires late is therefore
put off: first what came is read. It is put off twice at most, and never beyond ``latest``, the caller's own deadline.

Nor is a time used up in which an attempt is held: it has not begun.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf

from failover_plugin.start import Start

LATE = 0.1
"""Seconds by which a timer must be late for its loop to have stood still."""
PUT_OFF = 2
"""Times that a limit is put off."""


class PatientTimer:
    """Calls ``ring`` in ``seconds`` on the loop's clock, in which the loop runs, and in which ``start`` has begun."""

    __slots__ = ("_began", "_due", "_handle", "_latest", "_left", "_loop", "_ring", "_seconds", "_start")

    def __init__(
        self,
        loop: AbstractEventLoop,
        seconds: float,
        ring: Callable[[], object],
        *,
        latest: float = inf,
        start: Start | None = None,
    ) -> None:
        """``latest`` is on the loop's clock."""
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._latest = latest
        self._left = PUT_OFF
        self._start = start
        self._began = start.began if start else 0.0
        self._due = loop.time() + seconds
        self._handle: TimerHandle = loop.call_at(self._due, self._fire)

    def cancel(self) -> None:
        """It is not needed any more."""
        self._handle.cancel()

    def _fire(self) -> None:
        now = self._loop.time()
        if self._start is not None and self._start.began != self._began and now < self._latest:
            self._wait_until(self._due + self._held(self._start.began, now))
            return
        late = now - self._due
        if late <= LATE or not self._left or now >= self._latest:
            self._ring()
            return
        self._left -= 1
        self._wait_until(now + max(late, min(self._seconds, 1.0)))

    def _held(self, began: float, now: float) -> float:
        """Seconds by which the attempt began later than was known; while it is held, as if it began now."""
        later = began - self._began if began < inf else now + self._seconds - self._due
        self._began += later
        return later

    def _wait_until(self, due: float) -> None:
        self._due = min(due, self._latest)
        self._handle = self._loop.call_at(self._due, self._fire)
