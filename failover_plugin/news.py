"""What is to be told once the lock is released: events to listeners, and room to requests that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from failover_plugin.events import Event, Listeners

T = TypeVar("T")


class News:
    """Collected under the lock of a ``FleetHealth``, told after it; true if there is any."""

    __slots__ = ("_listeners", "calls", "events", "waiting", "wanted")

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self.wanted = bool(listeners)
        """Whether anybody listens: else no event need be built."""
        self.events: deque[Event] = deque()
        self.calls: deque[Callable[[], None]] = deque()
        self.waiting: dict[Callable[[], None], None] = {}
        """Requests that wait until somebody can be asked, first come first."""

    def __bool__(self) -> bool:
        return bool(self.calls or self.events)

    def add(self, event: Event) -> None:
        """Tell listeners this."""
        self.events.append(event)

    def tell_now(self, event: Event) -> None:
        """Tell listeners this at once, in the thread of the request that it is about; not under the lock."""
        self._listeners.emit(event)

    def call(self, wake: Callable[[], None]) -> None:
        """Wake this one up."""
        self.calls.append(wake)

    def room(self, places: int) -> None:
        """So many of those who wait may ask again."""
        for wake in list(self.waiting)[:places]:
            del self.waiting[wake]
            self.calls.append(wake)

    def tell(self) -> None:
        """Not under the lock. Several threads may share the work, so each takes what is left."""
        while self.calls and (wake := _next(self.calls)) is not None:
            wake()
        while self.events and (event := _next(self.events)) is not None:
            self._listeners.emit(event)

    def forget(self) -> None:
        """In a forked child: what the parent has to tell, and who waits there, is not ours."""
        self.calls.clear()
        self.events.clear()
        self.waiting.clear()


def _next(queue: deque[T]) -> T | None:
    try:
        return queue.popleft()
    except IndexError:
        return None
