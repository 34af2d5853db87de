"""Time limits in an event loop that this process's own standing still does not use up.

Where a loop stands still (another task blocks it, a garbage collection, a suspended laptop, a frozen container) or has
more to do than it can (a thousand requests begin at once), what a provider sent lies unread, and every timer is due. A
timer whose loop has stood still since it was set is therefore put off by as long: first what came is read. It is put
off twice at most, and never beyond ``latest``, the caller's own deadline.

Nor is a time used up in which an attempt is held: it has not begun.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections import deque
from collections.abc import Callable
from math import inf
from threading import local
from weakref import ref

from failover_plugin.start import Start

LATE = 0.1
"""Seconds for which a loop must have stood still for a timer to be put off."""
BEAT = 0.1
"""Seconds between two beats of a pulse."""
HITCH = 0.05
"""Seconds by which a beat may be late in a loop that is merely at work."""
BEATS = 100
"""Beats for which a pulse goes on after somebody wanted it."""
KNOWN = 1000
"""Late beats that are remembered."""
PUT_OFF = 2
"""Times that a limit is put off."""


class Pulse:
    """A loop's pulse: a beat that comes late tells for how many seconds the loop has stood still."""

    __slots__ = ("_late", "_left", "loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = ref(loop)
        self._left = 0
        self._late: deque[tuple[float, float]] = deque(maxlen=KNOWN)
        """When, on the loop's clock, and by how much."""

    def lost(self, since: float) -> float:
        """Seconds lost since then."""
        return sum(min(late, at - since) for at, late in self._late if at > since)

    def keep(self, loop: AbstractEventLoop) -> None:
        """Beat for some time from now on."""
        beats, self._left = self._left, BEATS
        if not beats:
            self._next(loop)

    def _next(self, loop: AbstractEventLoop) -> None:
        due = loop.time() + BEAT
        loop.call_at(due, self._beat, loop, due)

    def _beat(self, loop: AbstractEventLoop, due: float) -> None:
        now = loop.time()
        if now - due > HITCH:
            self._late.append((now, now - due))
        self._left -= 1
        if self._left:
            self._next(loop)


class _Here(local):
    pulse: Pulse | None = None


_here = _Here()


def pulse(loop: AbstractEventLoop) -> Pulse:
    """That of the loop that runs in this thread."""
    found = _here.pulse
    if found is None or found.loop() is not loop:
        found = _here.pulse = Pulse(loop)
    return found


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
        late = max(now - self._due, pulse(self._loop).lost(self._due - self._seconds))
        if late <= LATE or not self._left or now >= self._latest:
            self._ring()
            return
        self._left -= 1
        self._seconds = max(late, min(self._seconds, 1.0))
        self._wait_until(now + self._seconds)

    def _held(self, began: float, now: float) -> float:
        """Seconds by which the attempt began later than was known; while it is held, as if it began now."""
        later = began - self._began if began < inf else now + self._seconds - self._due
        self._began += later
        return later

    def _wait_until(self, due: float) -> None:
        self._due = min(due, self._latest)
        self._handle = self._loop.call_at(self._due, self._fire)
