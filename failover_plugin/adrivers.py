"""Async code's drivers: deadlines are kept here, and a call that is late may get a backup beside it.

The call is awaited in the caller's own task, so a healthy one costs no task of its own: one timer interrupts it, for
its deadline or because its backup has won. Only backups run in tasks; one that has won goes on being read in its
task, since a stream may not change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from math import inf
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from failover_plugin.attempting import Attempting, Result, can_be_awaited, misused
from failover_plugin.clock import Clock
from failover_plugin.drivers import END, handed_out
from failover_plugin.errors import ConfigError, EmptyResponse
from failover_plugin.flow import Flow, GiveUp, Sleep
from failover_plugin.intake import Delivered, Intake, Marks
from failover_plugin.model import Target
from failover_plugin.patience import PatientTimer
from failover_plugin.start import Start

T = TypeVar("T")
C = TypeVar("C")

CLOSING = 1.0
"""Seconds that a call or stream we are done with may take to close."""


class Limit:
    """``asyncio.timeout``, but of seconds in which the loop runs and the attempt has begun; ``left`` are those to a
    deadline, never put off.

    One that is longer than a timer that runs already (``first``) sets none of its own until that one tells it to
    ``arm``: nearly every call is over before, and a timer costs as much as all the rest of a limit.
    """

    __slots__ = ("_first", "_inner", "_latest", "_left", "_loop", "_seconds", "_start", "_timer")

    def __init__(
        self, seconds: float, left: float = inf, start: Start | None = None, first: PatientTimer | None = None
    ) -> None:
        self._seconds = seconds
        self._left = left
        self._start = start
        self._first = first
        self._latest: float | None = None
        """The deadline on the loop's clock, while it is kept; None before, after, and without a limit."""
        self._inner = asyncio.Timeout(None)
        self._loop = asyncio.get_running_loop()
        self._timer: PatientTimer | None = None

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        if self._seconds <= 0:
            self.end()
        elif self._seconds < inf:
            now = self._loop.time()
            self._latest = now + self._left
            if self._first is None or (sooner := self._first.due - now) >= self._seconds:
                self.arm()
            elif sooner > 0:
                self._seconds -= sooner
        return self

    def arm(self) -> None:
        """Keep time from here on, if there is still something to limit."""
        if self._timer is None and self._latest is not None:
            now = self._loop.time()
            self._timer = PatientTimer(self._loop, now, self._seconds, self.end, latest=self._latest, start=self._start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._latest = self._first = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # it holds us: nothing is to be left to the garbage collector
        await self._inner.__aexit__(kind, error, trace)

    def end(self) -> None:
        """Now."""
        with suppress(RuntimeError):  # it has ended by itself in this very moment
            self._inner.reschedule(self._loop.time())

    def expired(self) -> bool:
        """Whether it has interrupted what it was to limit."""
        return self._inner.expired()


class Race:
    """The attempt under way and, if it is late, its backup, in one task and one event loop.

    ``back_up`` prepares a backup, at once, and returns what runs it.
    """

    def __init__(
        self, flow: Flow, clock: Clock, back_up: Callable[[Race, Start], Callable[[], Awaitable[None]]]
    ) -> None:
        self.flow = flow
        self.clock = clock
        self.task: asyncio.Task[None] | None = None
        self.won = False
        """Whether the backup has."""
        self.limit: Limit | None = None
        self._back_up = back_up
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._start: Start | None = None
        self._backup: Start | None = None
        self._timer: PatientTimer | None = None
        flow.on_wake = self._ring

    async def next(self) -> Start:
        """The next attempt, after any wait. Raises what ends the request."""
        step = self.flow.next(self.clock.monotonic())
        if isinstance(step, Sleep):
            step = await waited(self.flow, self.clock, step)
        if isinstance(step, GiveUp):
            raise step.error
        return step

    def begin(self, start: Start) -> None:
        """This attempt is under way."""
        self._start, self.won = start, False
        if start.soft_timeout < inf:
            now = self._loop.time()
            self._timer = PatientTimer(
                self._loop, now, start.soft_timeout, lambda: self._overdue(start), latest=now + start.left, start=start
            )

    def interruptible(self, seconds: float, left: float = inf) -> Limit:
        """A time limit that also ends when the backup has won. ``left`` are the seconds of the caller's deadline."""
        self.limit = limit = Limit(0.0 if self.won else seconds, left, self._start, self._timer)
        return limit

    async def backup_ended(self) -> None:
        """The attempt has failed: wait for its backup, if there still is one."""
        self.settled()
        if self.task is not None:
            await asyncio.wait([self.task])
            self.task = None

    def settled(self) -> None:
        """The attempt is over or committed: no backup any more."""
        self._start = self.limit = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def over(self) -> None:
        """The request goes on without this race, or not at all. Neither holds the other any more."""
        self.settled()
        self.flow.on_wake = None

    def win(self) -> None:
        """The backup has."""
        self.won = True
        if self.limit is not None:
            self.limit.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.close()
        finally:
            self.over()

    async def close(self) -> None:
        """End the backup, if there still is one."""
        self.settled()
        if (task := self.task) is not None and (backup := self._backup) is not None:
            self.task = None
            task.cancel()
            try:
                await asyncio.wait([task], timeout=CLOSING)
            finally:
                self.flow.abandoned(backup, self.clock.monotonic())  # before its first step it could not say so itself

    def _overdue(self, start: Start) -> None:
        timer, self._timer = self._timer, None
        if self.limit is not None:
            self.limit.arm()
        if timer is not None and not timer.over:
            self._begin_backup(self.flow.overdue(start, self.clock.monotonic()))

    def _ring(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._rung)

    def _rung(self) -> None:
        if self._start is not None and self.task is None:
            self._begin_backup(self.flow.evacuate(self._start, self.clock.monotonic()))

    def _begin_backup(self, start: Start | None) -> None:
        if start is not None:
            self._backup = start
            self.task = self._loop.create_task(
                _swallowing(self._back_up(self, start)),
                context=self._context.copy(),  # the request's own: whoever wakes us may be another one
            )


async def waited(flow: Flow, clock: Clock, step: Start | Sleep | GiveUp) -> Start | GiveUp:
    """What is to be done when the waiting, in this task, is over."""
    while isinstance(step, Sleep):
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        wake = partial(_wake, loop, woken)
        flow.wait(wake)
        try:
            await clock.asleep(step.seconds, woken)
        finally:
            flow.stop_waiting(wake)
            if flow.on_wake:
                flow.stop_waiting(flow.on_wake)
        step = flow.next(clock.monotonic())
    return step


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    """From any thread."""
    with suppress(RuntimeError):  # the loop is gone
        loop.call_soon_threadsafe(woken.set)


async def arun(flow: Flow, call: Callable[[Target], Awaitable[T]], clock: Clock) -> Result[T]:
    """Drive a plain call in this task."""
    answers: list[Result[T]] = []

    def back_up(race: Race, start: Start) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            await _attempt(flow, call, clock, start, Limit(start.timeout, start.left, start), answers)
            if answers:
                race.win()

        return work

    race = Race(flow, clock, back_up)
    try:
        while True:
            start = await race.next()
            race.begin(start)
            await _attempt(flow, call, clock, start, race.interruptible(start.timeout, start.left), answers)
            race.settled()
            if not answers:
                await race.backup_ended()
            if answers:
                return answers[0]
    finally:
        if race.task is not None:
            await race.close()
        race.over()


async def _attempt(
    flow: Flow,
    call: Callable[[Target], Awaitable[T]],
    clock: Clock,
    start: Start,
    limit: Limit,
    answers: list[Result[T]],
) -> None:
    """Make one call and report it; its answer goes to ``answers``. Interrupted by the winner of its race it says
    nothing.
    """
    target = start.target
    misuse: ConfigError | None = None
    try:
        with Attempting(start):
            async with limit:
                pending = call(target)
                if not can_be_awaited(pending):
                    misuse = misused("arun", pending)
                    raise misuse
                value = await pending
    except Exception as error:
        if error is misuse:
            flow.abandoned(start, clock.monotonic())
            raise
        late = TimeoutError(f"{target.id} did not answer within {start.timeout:g} s (attempt_timeout).")
        flow.failed(start, late if limit.expired() else error, clock.monotonic())
    except BaseException:
        flow.abandoned(start, clock.monotonic())
        raise
    else:
        if start.ended is None:
            flow.succeeded(start, clock.monotonic())
            answers.append(Result(value, target, flow))


class _Relay(Generic[C]):
    """A backup of a stream: read in a task of its own, delivered through a queue once it has won."""

    def __init__(
        self,
        flow: Flow,
        open_: Callable[[Target], AsyncIterator[C]],
        clock: Clock,
        marks: Marks[C],
        start: Start,
        delivered: Delivered[C],
    ) -> None:
        self._open = open_
        self._clock = clock
        self._start = start
        self._queue: asyncio.Queue[C] = asyncio.Queue(maxsize=1)
        self.intake = Intake(flow, start, marks, delivered)

    async def read(self, race: Race) -> None:
        """Read to the end."""
        intake, clock, source = self.intake, self._clock, None
        try:
            with Attempting(self._start):
                source = aiter(self._open(self._start.target))
            while (chunk := await _next(source, self._start, intake, clock, None)) is not END:
                ready = intake.accept(chunk, clock.monotonic())
                if ready and not race.won:
                    race.win()
                for one in ready:
                    await self._queue.put(one)
            intake.ended(clock.monotonic())
            race.win()
        except Exception as error:  # noqa: BLE001 - the flow judges it
            intake.broke(error, clock.monotonic())
        except BaseException:
            intake.left(clock.monotonic())
            raise
        finally:
            await _aclose(source)
            with suppress(asyncio.QueueFull):
                self._queue.put_nowait(END)

    async def chunks(self, task: asyncio.Task[None]) -> AsyncGenerator[C, None]:
        """What has come, and comes."""
        while not (task.done() and self._queue.empty()):
            getting = asyncio.ensure_future(self._queue.get())
            try:
                await asyncio.wait([getting, task], return_when=asyncio.FIRST_COMPLETED)
                if getting.done() and (chunk := getting.result()) is not END:
                    yield chunk
            finally:
                getting.cancel()


async def astream(  # noqa: C901 - the steps of stream(), and those of a race
    flow: Flow, open_: Callable[[Target], AsyncIterator[C]], clock: Clock, marks: Marks[C]
) -> AsyncGenerator[C, None]:
    """Drive a stream in this task."""
    relays: list[_Relay[C]] = []
    delivered = Delivered(marks)

    def back_up(race: Race, start: Start) -> Callable[[], Awaitable[None]]:
        relay = _Relay(flow, open_, clock, marks, start, delivered)
        relays.append(relay)
        return lambda: relay.read(race)

    race = Race(flow, clock, back_up)
    try:
        while True:
            try:
                start = await race.next()
            except EmptyResponse as empty:
                for ready in handed_out(empty):
                    yield ready
                return
            race.begin(start)
            relays.clear()
            intake = Intake(flow, start, marks, delivered)
            source: AsyncIterator[C] | None = None
            try:
                with Attempting(start):
                    source = aiter(open_(start.target))
                while (chunk := await _next(source, start, intake, clock, race)) is not END:
                    for ready in intake.accept(chunk, clock.monotonic()):
                        await race.close()
                        yield ready
                intake.ended(clock.monotonic())
            except Exception as error:  # noqa: BLE001 - the flow judges it
                intake.broke(error, clock.monotonic())
                await _aclose(source)
            except BaseException:
                intake.left(clock.monotonic())
                await _aclose(source)
                raise
            race.settled()
            if race.task is not None and relays and not intake.good:
                async for ready in relays[0].chunks(race.task):
                    yield ready
                race.task, intake = None, relays[0].intake
            if intake.good:
                for ready in intake.rest():
                    yield ready
                return
    finally:
        if race.task is not None:
            await race.close()
        race.over()


async def _next(source: AsyncIterator[C], start: Start, intake: Intake[C], clock: Clock, race: Race | None) -> C:
    now = clock.monotonic()
    intake.cadence.asked(now)
    seconds = intake.patience(now)
    left = start.deadline - now
    limit = race.interruptible(seconds, left) if race and not intake.committed else Limit(seconds, left, start)
    try:
        with Attempting(start):
            async with limit:
                return await anext(source, END)
    except TimeoutError:
        if limit.expired():
            raise intake.overdue(clock.monotonic()) from None
        raise


async def _swallowing(work: Callable[[], Awaitable[None]]) -> None:
    """A backup that is cancelled has been told so by us."""
    with suppress(asyncio.CancelledError):
        await work()


async def _aclose(source: Any) -> None:
    with suppress(Exception):  # it has failed or is not wanted any more: nothing that its end raises is news
        if aclose := getattr(source, "aclose", None):
            async with asyncio.timeout(CLOSING):
                await aclose()
