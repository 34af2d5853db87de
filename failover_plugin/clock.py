"""Where time comes from: the only place that reads the clock, so that tests and simulators can bring their own."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Protocol


class Clock(Protocol):
    """Monotonic time and waiting, in seconds."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def sleep(self, seconds: float, woken: threading.Event | None = None) -> None:
        """Wait in this thread, until ``woken`` is set at the longest."""
        ...

    async def asleep(self, seconds: float, woken: asyncio.Event | None = None) -> None:
        """Wait in this task, until ``woken`` is set at the longest."""
        ...


class SystemClock:
    """The machine's own."""

    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float, woken: threading.Event | None = None) -> None:
        """Wait in this thread."""
        if woken is None:
            time.sleep(seconds)
        else:
            woken.wait(seconds)

    async def asleep(self, seconds: float, woken: asyncio.Event | None = None) -> None:
        """Wait in this task."""
        if woken is None:
            await asyncio.sleep(seconds)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await woken.wait()
