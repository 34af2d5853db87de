"""Time limits in an event loop that this process's own standing still does not use up.

Where a loop stands still (another task blocks it, a garbage collection, a suspended laptop, a frozen container), what a
provider sent meanwhile lies unread when the loop goes on, and every timer is due. So a limit looks at the clock several
times on its way: by as much as that is late it comes later, and where it would be over, it is put off so that what came
is read first. It is put off twice at most, and never comes after ``latest``, the caller's own deadline.

Nor is a time used up in which an attempt is held: it has not begun. And where a limit ends while the loop's pool has no
thread to spare, the call may still be waiting for one: it gets its time again.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable
from math import inf

from failover_plugin.start import Start

LATE = 0.1
"""Seconds by which a timer must be late for its loop to have stood still."""
PUT_OFF = 2
"""Times that a limit is put off."""
READING = 1.0
"""Seconds for which it is put off at the most."""
STEP = 0.5
"""Seconds between two looks at the clock, at the least: no quick call sees any."""
LOOKS = 8
"""Looks at the clock on the way to a limit, at the most."""
NO_THREAD = 30.0
"""Seconds that a limit waits for a thread of the loop's pool at the most."""


class PatientTimer:
    """Calls ``ring`` in ``seconds`` on the loop's clock, in which the loop runs, and in which ``start`` has begun."""

    __slots__ = (
        "_began",
        "_handle",
        "_latest",
        "_left",
        "_loop",
        "_next",
        "_ring",
        "_seconds",
        "_start",
        "_thread",
        "due",
    )

    def __init__(
        self,
        loop: AbstractEventLoop,
        now: float,
        seconds: float,
        ring: Callable[[], object],
        *,
        latest: float = inf,
        start: Start | None = None,
    ) -> None:
        """``now`` and ``latest`` are on the loop's clock."""
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._latest = latest
        self._left = PUT_OFF
        self._start = start
        self._began = start.began if start else 0.0
        self._thread: Future[None] | None = None
        self.due = now + seconds
        """When it will ring, by what is known now."""
        self._wait(now, self.due)

    @property
    def over(self) -> bool:
        """Whether it is later than ``latest``."""
        return self._loop.time() >= self._latest

    def cancel(self) -> None:
        """It is not needed any more."""
        self._handle.cancel()
        if self._thread is not None:
            self._thread.cancel()

    def _wait(self, now: float, due: float) -> None:
        self.due = due = min(due, self._latest)
        self._next = min(due, now + max(STEP, self._seconds / LOOKS))
        self._handle: TimerHandle = self._loop.call_at(self._next, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        late = now - self._next
        if now >= self._latest:
            self._ring()
        elif self._start is not None and self._start.began != self._began:
            self._wait(now, self.due + self._held(self._start.began, now))
        elif late > LATE and (due := self._after_standing_still(late, now)) > now:
            self._wait(now, due)
        elif now < self.due:
            self._wait(now, self.due)
        elif self._left:
            self._ask_for_a_thread(now)
        else:
            self._ring()

    def _after_standing_still(self, late: float, now: float) -> float:
        """When the limit is due, this loop having been late: there is time left to read what came meanwhile."""
        due, reading = self.due + late, now + min(self._seconds, READING)
        if due >= reading or not self._left:
            return due
        self._left -= 1
        return reading

    def _held(self, began: float, now: float) -> float:
        """Seconds by which the attempt began later than was known; while it is held, as if it began now."""
        later = began - self._began if began < inf else now + self._seconds - self.due
        self._began += later
        return later

    def _ask_for_a_thread(self, now: float) -> None:
        def told(thread: Future[None]) -> None:
            if thread.cancelled():
                return
            self._handle.cancel()
            then = self._loop.time()
            if then - now <= LATE or then >= self._latest:
                self._ring()
            else:
                self._left -= 1
                self._wait(then, then + self._seconds)

        def none_came() -> None:
            self.cancel()
            self._ring()

        try:
            self._thread = self._loop.run_in_executor(None, _nothing)
        except RuntimeError:  # the pool is shut down, or cannot start a thread
            self._ring()
            return
        self._handle = self._loop.call_at(min(now + NO_THREAD, self._latest), none_came)
        self._thread.add_done_callback(told)


def _nothing() -> None:
    """What a thread does to show that there is one."""
