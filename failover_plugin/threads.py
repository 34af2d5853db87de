"""Sync code watched from outside: each call in a thread of its own, left alone when its time is over.

The last resort for clients that know no timeout, and the price of backups in sync code. A thread cannot be ended: a
call that is left alone runs on until its client ends it, and nobody hears what it says then. A healthy call costs a
thread's start; see the benchmark.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Iterator
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from failover_plugin.attempting import Attempting, Result, is_answer, misused
from failover_plugin.clock import Clock
from failover_plugin.drivers import END, close, each, handed_out, next_start
from failover_plugin.errors import EmptyResponse
from failover_plugin.flow import Flow
from failover_plugin.intake import Delivered, Intake, Marks
from failover_plugin.model import Target
from failover_plugin.patience import LATE, PUT_OFF, READING, STEP
from failover_plugin.start import Start

T = TypeVar("T")
C = TypeVar("C")

_ALARM: Any = object()


class _Line(Generic[C]):
    """One attempt in its thread; what it says goes to the request's queue, piece by piece if it is asked to wait."""

    def __init__(self, start: Start, said: SimpleQueue[tuple[_Line[C], Any]]) -> None:
        self.start = start
        self.intake: Intake[C] | None = None
        self.late = False
        """Whether its soft deadline has passed."""
        self.grace = 0.0
        """Seconds by which its limits are put off, since this process stood still."""
        self.put_off = 0
        """How often they were."""
        self.asked: float | None = None
        """Since when somebody waits for its next chunk, on the clock."""
        self._said = said
        self._go_on = Event()
        self._left = False

    def begin(self, work: Callable[[_Line[C]], None]) -> None:
        """Do this in a thread, inside the attempt."""
        context = contextvars.copy_context()
        Thread(target=context.run, args=(self._guarded, work), daemon=True, name="failover-attempt").start()

    def soft_limit(self, now: float) -> float:
        """When a backup may be worth its price, on the clock: while the attempt is held, as if it began now."""
        return inf if self.late else min(self.start.began, now) + self.start.soft_timeout + self.grace

    def limit(self, now: float) -> float:
        """When its answer or next chunk is overdue, on the clock. To be asked while somebody waits for it."""
        if self.intake is None:
            due = self.start.due
        else:
            if self.asked is None:
                self.asked = now
                self.intake.cadence.asked(now)
            due = self.intake.due(self.asked)
        return min(due + self.grace, self.start.deadline)

    def say(self, word: Any) -> None:
        """From the thread: tell the request, and go on."""
        self._said.put((self, word))

    def say_and_wait(self, word: Any) -> bool:
        """From the thread: tell the request, and go on when it has taken it; says whether it is still wanted."""
        self.say(word)
        self._go_on.wait()
        self._go_on.clear()  # only now: whoever leaves while a word is being made must be heard
        return not self._left

    def taken(self) -> None:
        """From the request: go on."""
        self.asked = None
        if self.intake is not None and self.intake.committed:
            self.grace = 0.0
        self._go_on.set()

    def leave(self) -> None:
        """From the request: nobody listens any more."""
        self._left = True
        self._go_on.set()

    def _guarded(self, work: Callable[[_Line[C]], None]) -> None:
        try:
            with Attempting(self.start):
                work(self)
        except BaseException as error:  # noqa: BLE001 - the flow judges it, in the caller's thread
            self.say(_Raised(error))


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Lines(Generic[C]):
    """The attempts of one request that are under way."""

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        work: Callable[[_Line[C]], None],
        intake: Callable[[Start], Intake[C]] | None = None,
    ) -> None:
        self.flow = flow
        self.clock = clock
        self._work = work
        self._intake = intake
        self._said: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        self.live: list[_Line[C]] = []
        flow.on_wake = lambda: self._said.put((None, _ALARM))

    def begin(self, start: Start) -> _Line[C]:
        """Start an attempt."""
        line = _Line[C](start, self._said)
        self.live.append(line)
        if self._intake is not None:
            line.intake = self._intake(start)  # first: it tells the call what was delivered so far
        line.begin(self._work)
        return line

    def hear(self) -> tuple[_Line[C], Any] | None:
        """What one of them says next; None when one is ``overdue``."""
        now = self.clock.monotonic()
        while True:
            due = min(min(line.limit(now), line.soft_limit(now)) for line in self.live)
            seconds = min(max(due - now, 0.0), STEP)
            try:
                line, word = self._said.get(timeout=seconds) if seconds else self._said.get_nowait()
            except Empty:
                then = self.clock.monotonic()
                if not self._stood_still(then - now - seconds, then):
                    self._back_up(then)
                    if self.overdue(then):
                        return None
                now = then  # not read again: a moment between two waits is one of standing still as well
                continue
            if word is _ALARM:
                self._evacuate()
            elif line in self.live:
                return line, word
            now = self.clock.monotonic()

    def overdue(self, now: float) -> list[_Line[C]]:
        """Those whose time is over."""
        return [line for line in self.live if line.limit(now) <= now]

    def _stood_still(self, seconds: float, now: float) -> bool:
        """Whether this process stood still for so long, and who is late may be so for that: what came meanwhile is read
        first.
        """
        if seconds <= LATE:
            return False
        for line in self.live:
            line.grace += seconds
            if line.put_off < PUT_OFF and min(line.limit(now), line.soft_limit(now)) < now + READING:
                line.put_off += 1
                line.grace += READING
        return True

    def _back_up(self, now: float) -> None:
        """Tell the soft deadlines that have passed."""
        for line in [line for line in self.live if line.soft_limit(now) <= now]:
            line.late = True
            self._maybe(self.flow.overdue(line.start, now))

    def _evacuate(self) -> None:
        for line in self.live[:1]:
            self._maybe(self.flow.evacuate(line.start, self.clock.monotonic()))

    def _maybe(self, start: Start | None) -> None:
        if start is not None:
            self.begin(start)

    def drop(self, line: _Line[C]) -> None:
        """It is over, or is left alone."""
        line.leave()
        self.live.remove(line)

    def keep_only(self, winner: _Line[C]) -> None:
        """Leave the others alone; the flow has settled them."""
        for line in self.live:
            if line is not winner:
                line.leave()
        self.live = [winner]

    def abandon(self) -> None:
        """The caller leaves."""
        for line in self.live:
            if line.intake is not None:
                line.intake.left(self.clock.monotonic())
            else:
                self.flow.abandoned(line.start, self.clock.monotonic())
            line.leave()
        self.live.clear()


def run(flow: Flow, call: Callable[[Target], T], clock: Clock) -> Result[T]:
    """Drive a plain call whose attempts run in threads."""
    lines = _Lines[T](flow, clock, lambda line: line.say(call(line.start.target)))
    try:
        while True:
            lines.begin(next_start(flow, clock))
            while lines.live:
                heard = lines.hear()
                now = clock.monotonic()
                if heard is None:
                    for late in lines.overdue(now):
                        flow.failed(late.start, _late(late.start), now)
                        lines.drop(late)
                elif isinstance(heard[1], _Raised):
                    _failed(flow, heard[0].start, heard[1].error, now)
                    lines.drop(heard[0])
                else:
                    line, value = heard
                    if not is_answer(value, call):
                        raise misused("run", value)
                    flow.succeeded(line.start, now)
                    lines.keep_only(line)
                    return Result(value, line.start.target, flow)
    finally:
        lines.abandon()


def stream(
    flow: Flow, open_: Callable[[Target], Iterator[C]], clock: Clock, marks: Marks[C]
) -> Generator[C, None, None]:
    """Drive a stream whose attempts are read in threads, a chunk ahead of its listener at most."""

    def read(line: _Line[C]) -> None:
        source = iter(open_(line.start.target))
        try:
            for chunk in each(source, line.start):
                if not line.say_and_wait(chunk):
                    return
            line.say(END)
        finally:
            close(source)

    delivered = Delivered(marks)
    lines = _Lines[C](flow, clock, read, lambda start: Intake(flow, start, marks, delivered))
    try:
        while True:
            try:
                lines.begin(next_start(flow, clock))
            except EmptyResponse as empty:
                yield from handed_out(empty)
                return
            while lines.live:
                ready, over = _one_step(lines, clock)
                yield from ready
                if over:
                    return
    finally:
        lines.abandon()


def _one_step(lines: _Lines[C], clock: Clock) -> tuple[list[C], bool]:
    """What may be delivered after the next word, and whether that was the end of the answer."""

    def intake_of(line: _Line[C]) -> Intake[C]:
        assert line.intake is not None  # noqa: S101 - for the type checker: a stream's lines have one
        return line.intake

    heard = lines.hear()
    now = clock.monotonic()
    if heard is None:
        late = lines.overdue(now)
        for line in late:
            intake_of(line).broke(intake_of(line).overdue(now), now)
            lines.drop(line)
        return _whole([intake_of(line) for line in late])
    line, word = heard
    intake = intake_of(line)
    try:
        ready = _taken_in(intake, word, now)
    except Exception as error:  # noqa: BLE001 - the flow judges it
        intake.broke(error, now)
        lines.drop(line)
        return _whole([intake])
    if intake.committed or word is END:
        lines.keep_only(line)
    if word is END:
        lines.drop(line)
        return intake.rest(), True
    line.taken()
    return ready, False


def _whole(ended: list[Intake[C]]) -> tuple[list[C], bool]:
    """What those that have ended leave to be delivered, and whether one of them was the answer."""
    good = [intake for intake in ended if intake.good]
    return [chunk for intake in good for chunk in intake.rest()], bool(good)


def _taken_in(intake: Intake[C], word: Any, now: float) -> list[C]:
    if isinstance(word, _Raised):
        raise word.error
    if word is END:
        intake.ended(now)
        return []
    return intake.accept(word, now)


def _failed(flow: Flow, start: Start, error: BaseException, now: float) -> None:
    if not isinstance(error, Exception):
        flow.abandoned(start, now)
        raise error
    flow.failed(start, error, now)


def _late(start: Start) -> TimeoutError:
    return TimeoutError(f"{start.target.id} did not answer within {start.timeout:g} s (attempt_timeout).")
