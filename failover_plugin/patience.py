"""Time limits in an event loop that this process's own standing still does not use up.

Where a loop stands still (another task blocks it, a garbage collection, a suspended laptop, a frozen container), what a
provider sent meanwhile lies unread when the loop goes on, and every timer is due. A timer that fires late is therefore
put off: first what came is read. It is put off twice at most, and never beyond ``latest``, the caller's own deadline.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf

LATE = 0.1
"""Seconds by which a timer must be late for its loop to have stood still."""
PUT_OFF = 2
"""Times that a limit is put off."""


class PatientTimer:
    """Calls ``ring`` in ``seconds`` on the loop's clock, in which the loop runs."""

    __slots__ = ("_due", "_handle", "_latest", "_left", "_loop", "_ring", "_seconds")

    def __init__(
        self, loop: AbstractEventLoop, seconds: float, ring: Callable[[], object], *, latest: float = inf
    ) -> None:
        """``latest`` is on the loop's clock."""
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._latest = latest
        self._left = PUT_OFF
        self._due = loop.time() + seconds
        self._handle: TimerHandle = loop.call_at(self._due, self._fire)

    def cancel(self) -> None:
        """It is not needed any more."""
        self._handle.cancel()

    def _fire(self) -> None:
        now = self._loop.time()
        late = now - self._due
        if late <= LATE or not self._left or now >= self._latest:
            self._ring()
            return
        self._left -= 1
        self._due = min(now + max(late, min(self._seconds, 1.0)), self._latest)
        self._handle = self._loop.call_at(self._due, self._fire)
