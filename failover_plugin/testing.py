"""What helps users test their own policies. Fixtures come with ``pytest_plugins = ["failover_plugin.testing"]``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import pytest

from failover_plugin.emulator import Emulator
from failover_plugin.model import Target


class FakeClock:
    """Time that passes only when told to, or when somebody waits for it. In seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The time it is said to be."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def sleep(self, seconds: float, woken: threading.Event | None = None) -> None:  # noqa: ARG002 - a Clock
        """Pass the time at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    async def asleep(self, seconds: float, woken: asyncio.Event | None = None) -> None:  # noqa: ARG002 - a Clock
        """Pass the time at once."""
        self.sleep(seconds)


class Script:
    """Targets that do as written: for each target id the outcomes of its calls, in order, the last one for ever after.

    An outcome that is an exception is raised, any other is the answer. ``takes`` is how many seconds of the clock each
    call takes. The same script serves ``run``, ``arun``, ``stream`` and ``astream``.
    """

    def __init__(self, clock: FakeClock, plan: Mapping[str, Sequence[object]], *, takes: float = 0.0) -> None:
        self.asked: list[str] = []
        self._clock = clock
        self._left = {target: list(outcomes) for target, outcomes in plan.items()}
        self._takes = takes

    def call(self, target: Target) -> str:
        """For ``run``."""
        self.asked.append(target.id)
        outcomes = self._left[target.id]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        self._clock.advance(self._takes)
        if isinstance(outcome, BaseException):
            raise outcome
        return str(outcome)

    async def acall(self, target: Target) -> str:
        """For ``arun``."""
        return self.call(target)

    def open(self, target: Target) -> Iterator[str]:
        """For ``stream``: an empty first chunk, then the answer."""
        yield ""
        yield self.call(target)

    async def aopen(self, target: Target) -> AsyncIterator[str]:
        """For ``astream``: likewise."""
        yield ""
        yield self.call(target)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A running provider emulator on loopback, without any site yet."""
    with Emulator() as running:
        yield running
