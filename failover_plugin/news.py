"""What is to be told once the lock is released: events to listeners, and room to requests that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from failover_plugin.events import Event, Listeners

T = TypeVar("T")


class News:
    """Collected under the lock of a ``FleetHealth``, told after it; true if there is any."""

    __slots__ = ("_calls", "_events", "_listeners", "waiting")

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._events: deque[Event] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self.waiting: dict[Callable[[], None], None] = {}
        """Requests that wait until somebody can be asked, first come first."""

    def __bool__(self) -> bool:
        return bool(self._calls or self._events)

    @property
    def wanted(self) -> bool:
        """Whether anybody listens: else no event need be built."""
        return bool(self._listeners)

    def add(self, event: Event) -> None:
        """Tell listeners this."""
        self._events.append(event)

    def call(self, wake: Callable[[], None]) -> None:
        """Wake this one up."""
        self._calls.append(wake)

    def room(self, places: int) -> None:
        """So many of those who wait may ask again."""
        for wake in list(self.waiting)[:places]:
            del self.waiting[wake]
            self._calls.append(wake)

    def tell(self) -> None:
        """Not under the lock. Several threads may share the work, so each takes what is left."""
        while (wake := _next(self._calls)) is not None:
            wake()
        while (event := _next(self._events)) is not None:
            self._listeners.emit(event)

    def forget(self) -> None:
        """In a forked child: what the parent has to tell, and who waits there, is not ours."""
        self._calls.clear()
        self._events.clear()
        self.waiting.clear()


def _next(queue: deque[T]) -> T | None:
    try:
        return queue.popleft()
    except IndexError:
        return None
