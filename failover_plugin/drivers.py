"""Sync code's drivers: each does what the flow says and reports what happened. No policy, and one call at a time.

Sync code cannot be interrupted, so a call reads its timeout from ``current_attempt()`` and hands it to its client,
which really ends the call. Where that cannot be done, ``threads`` watches it from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from failover_plugin.attempting import Attempting, Result, attempt, is_answer, misused
from failover_plugin.clock import Clock
from failover_plugin.errors import EmptyResponse
from failover_plugin.flow import Flow, GiveUp, Sleep
from failover_plugin.intake import Delivered, Intake, Marks
from failover_plugin.model import Target
from failover_plugin.start import Start

T = TypeVar("T")
C = TypeVar("C")


def next_start(flow: Flow, clock: Clock) -> Start:
    """The next attempt, after any wait. Raises what ends the request: ``EmptyResponse`` if its answer is to be handed
    out as it is.
    """
    step = flow.next(clock.monotonic())
    if isinstance(step, Sleep):
        step = waited(flow, clock, step)
    if isinstance(step, GiveUp):
        raise step.error
    return step


def waited(flow: Flow, clock: Clock, step: Start | Sleep | GiveUp) -> Start | GiveUp:
    """What is to be done when the waiting, in this thread, is over."""
    while isinstance(step, Sleep):
        woken = threading.Event()
        flow.wait(woken.set)
        try:
            clock.sleep(step.seconds, woken)
        finally:
            flow.stop_waiting(woken.set)
            if flow.on_wake:
                flow.stop_waiting(flow.on_wake)
        step = flow.next(clock.monotonic())
    return step


def run(flow: Flow, call: Callable[[Target], T], clock: Clock) -> Result[T]:
    """Drive a plain call in this thread."""
    while True:
        start = next_start(flow, clock)
        outer = attempt.set(start)
        try:
            value = call(start.target)
        except Exception as error:  # noqa: BLE001 - the flow judges it
            flow.failed(start, error, clock.monotonic())
        except BaseException:
            flow.abandoned(start, clock.monotonic())
            raise
        else:
            if not is_answer(value, call):
                flow.abandoned(start, clock.monotonic())
                raise misused("run", value)
            flow.succeeded(start, clock.monotonic())
            return Result(value, start.target, flow)
        finally:
            attempt.reset(outer)


def stream(
    flow: Flow, open_: Callable[[Target], Iterator[C]], clock: Clock, marks: Marks[C]
) -> Generator[C, None, None]:
    """Drive a stream in this thread."""
    delivered = Delivered(marks)
    while True:
        try:
            start = next_start(flow, clock)
        except EmptyResponse as empty:
            yield from handed_out(empty)
            return
        intake = Intake(flow, start, marks, delivered)
        source: Iterator[C] | None = None
        try:
            with Attempting(start):
                source = iter(open_(start.target))
            for chunk in each(source, start):
                yield from intake.accept(chunk, clock.monotonic())
                if not intake.cadence.over:
                    intake.cadence.asked(clock.monotonic())
            intake.ended(clock.monotonic())
        except Exception as error:  # noqa: BLE001 - the flow judges it
            intake.broke(error, clock.monotonic())
            close(source)
        except BaseException:
            intake.left(clock.monotonic())
            close(source)
            raise
        if intake.good:
            yield from intake.rest()
            return


def handed_out(empty: EmptyResponse) -> Any:
    """The answer of a target that said nothing, as it is. Raises the error if there is none."""
    if empty.answer is None:
        raise empty
    return empty.answer


END: Any = object()
"""What comes after the last chunk."""


def each(source: Iterator[C], start: Start) -> Iterator[C]:
    """The chunks, each made inside the attempt: a generator's body runs only when it is asked for one."""
    while True:
        with Attempting(start):
            chunk = next(source, END)
        if chunk is END:
            return
        yield chunk


def close(source: Any) -> None:
    """Close a stream that has failed or is not wanted any more: nothing that its end raises is news."""
    with suppress(Exception):
        if shut := getattr(source, "close", None):
            shut()
