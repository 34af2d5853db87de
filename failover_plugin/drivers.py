"""The only code that knows sync from async: each driver does what the flow says and reports what happened.

Deadlines: async code is held to all of them here. Sync code cannot be interrupted, so a call reads its timeout from
``current_attempt()`` and hands it to its client, which really ends the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from failover_plugin.clock import Clock
from failover_plugin.flow import Flow, GiveUp, Sleep, Start
from failover_plugin.intake import Intake
from failover_plugin.model import Target, Trail

T = TypeVar("T")
C = TypeVar("C")

CLOSING = 1.0
"""Seconds that a stream we are done with may take to close."""

_attempt: ContextVar[Start] = ContextVar("failover_attempt")


def current_attempt() -> Start:
    """The attempt being made, inside a ``call`` or ``open_``: its number, target and timeouts (seconds).

    Raises ``LookupError`` outside of one.
    """
    return _attempt.get()


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """An answer, who gave it, and how the request went."""

    value: T
    target: Target
    trail: Trail


@contextmanager
def _attempting(start: Start) -> Generator[None]:
    token = _attempt.set(start)
    try:
        yield
    finally:
        _attempt.reset(token)


def run(flow: Flow, call: Callable[[Target], T], clock: Clock) -> Result[T]:
    """Drive a plain call in this thread."""
    while True:
        match flow.next(clock.monotonic()):
            case GiveUp(error):
                raise error
            case Sleep(seconds):
                clock.sleep(seconds)
            case Start(target=target) as start:
                try:
                    with _attempting(start):
                        value = call(target)
                except Exception as error:  # noqa: BLE001 - the flow judges it
                    flow.failed(error, clock.monotonic())
                except BaseException:
                    flow.abandoned(clock.monotonic())
                    raise
                else:
                    flow.succeeded(clock.monotonic())
                    return Result(value, target, flow.trail)


async def arun(flow: Flow, call: Callable[[Target], Awaitable[T]], clock: Clock) -> Result[T]:
    """Drive a plain call in this task."""
    while True:
        match flow.next(clock.monotonic()):
            case GiveUp(error):
                raise error
            case Sleep(seconds):
                await clock.asleep(seconds)
            case Start(target=target) as start:
                limit = asyncio.timeout(start.timeout)
                try:
                    with _attempting(start):
                        async with limit:
                            value = await call(target)
                except Exception as error:  # noqa: BLE001 - the flow judges it
                    late = TimeoutError(f"{target.id} did not answer within {start.timeout:g} s (attempt_timeout).")
                    flow.failed(late if limit.expired() else error, clock.monotonic())
                except BaseException:
                    flow.abandoned(clock.monotonic())
                    raise
                else:
                    flow.succeeded(clock.monotonic())
                    return Result(value, target, flow.trail)


@dataclass(frozen=True, slots=True)
class Marks(Generic[C]):
    """How to read a stream's chunks: which carry content, and which, if any, carries the provider's finish mark."""

    has_content: Callable[[C], bool]
    is_finished: Callable[[C], bool] | None = None


def stream(
    flow: Flow, open_: Callable[[Target], Iterator[C]], clock: Clock, marks: Marks[C]
) -> Generator[C, None, None]:
    """Drive a stream in this thread."""
    while True:
        match flow.next(clock.monotonic()):
            case GiveUp(error):
                raise error
            case Sleep(seconds):
                clock.sleep(seconds)
            case Start(target=target) as start:
                intake = Intake(flow, start, clock.monotonic(), marks.has_content, marks.is_finished)
                source: Iterator[C] | None = None
                try:
                    with _attempting(start):
                        source = iter(open_(target))
                    for chunk in _each(source, start):
                        yield from intake.accept(chunk, clock.monotonic())
                    intake.ended(clock.monotonic())
                except Exception as error:  # noqa: BLE001 - the flow judges it
                    intake.broke(error, clock.monotonic())
                    _close(source)
                except BaseException:
                    intake.left(clock.monotonic())
                    _close(source)
                    raise
                if intake.good:
                    yield from intake.rest()
                    return


async def astream(  # noqa: C901 - the same steps as stream(), and `yield from` does not exist here
    flow: Flow, open_: Callable[[Target], AsyncIterator[C]], clock: Clock, marks: Marks[C]
) -> AsyncGenerator[C, None]:
    """Drive a stream in this task."""
    while True:
        match flow.next(clock.monotonic()):
            case GiveUp(error):
                raise error
            case Sleep(seconds):
                await clock.asleep(seconds)
            case Start(target=target) as start:
                intake = Intake(flow, start, clock.monotonic(), marks.has_content, marks.is_finished)
                source: AsyncIterator[C] | None = None
                try:
                    with _attempting(start):
                        source = aiter(open_(target))
                    while (chunk := await _next(source, start, intake, clock)) is not _END:
                        for ready in intake.accept(chunk, clock.monotonic()):
                            yield ready
                    intake.ended(clock.monotonic())
                except Exception as error:  # noqa: BLE001 - the flow judges it
                    intake.broke(error, clock.monotonic())
                    await _aclose(source)
                except BaseException:
                    intake.left(clock.monotonic())
                    await _aclose(source)
                    raise
                if intake.good:
                    for ready in intake.rest():
                        yield ready
                    return


_END: Any = object()


def _each(source: Iterator[C], start: Start) -> Iterator[C]:
    """The chunks, each made inside the attempt: a generator's body runs only when it is asked for one."""
    while True:
        with _attempting(start):
            chunk = next(source, _END)
        if chunk is _END:
            return
        yield chunk


async def _next(source: AsyncIterator[C], start: Start, intake: Intake[C], clock: Clock) -> C:
    limit = asyncio.timeout(intake.patience(clock.monotonic()))
    try:
        with _attempting(start):
            async with limit:
                return await anext(source, _END)
    except TimeoutError:
        if limit.expired():
            raise intake.overdue(clock.monotonic()) from None
        raise


def _close(source: Any) -> None:
    with suppress(Exception):  # it has failed or is not wanted any more: nothing that its end raises is news
        if close := getattr(source, "close", None):
            close()


async def _aclose(source: Any) -> None:
    with suppress(Exception):  # as above
        if aclose := getattr(source, "aclose", None):
            async with asyncio.timeout(CLOSING):
                await aclose()
