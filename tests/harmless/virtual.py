"""Time that passes only when nobody has anything to do: an hour of a provider's trouble in a second, and no luck in it.

The event loop jumps to its next timer instead of waiting for it, and sync code that sleeps just moves the clock. So
nothing here can be late by itself: lateness is what a script says (``Disturbance``), as a jump in mid-callback.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from failover_plugin.clock import SystemClock


class VirtualClock:
    """Seconds; begins long after 0, as the machine's does."""

    def __init__(self) -> None:
        self.now = 10_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, woken: object = None) -> None:
        del woken  # nobody else is there to wake a virtual sleeper
        self.now += seconds


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self._clock.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """At once: a thread takes real time, in which virtual time would go on."""
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it raises
            future.set_exception(error)
        return future


@contextmanager
def virtual_time() -> Iterator[VirtualClock]:
    """The core's and LangChain's clocks show virtual time meanwhile."""
    from langchain_core import rate_limiters

    clock = VirtualClock()
    before = {name: SystemClock.__dict__[name] for name in ("monotonic", "sleep")}, rate_limiters.time
    SystemClock.monotonic = staticmethod(clock.monotonic)  # type: ignore[method-assign]
    SystemClock.sleep = lambda _, seconds, woken=None: clock.sleep(seconds, woken)  # type: ignore[method-assign]
    rate_limiters.time = clock  # type: ignore[attr-defined, assignment]
    try:
        yield clock
    finally:
        SystemClock.monotonic, SystemClock.sleep = before[0]["monotonic"], before[0]["sleep"]  # type: ignore[method-assign]
        rate_limiters.time = before[1]  # type: ignore[attr-defined]


def run(clock: VirtualClock, main: Any) -> Any:
    """``asyncio.run`` in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)
