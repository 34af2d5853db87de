"""Streams: held back until their first content, whole only with their finish mark."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from core.played import END, MARKS, Played, Streams, classes, failover
from core.scripted import target, unauthorized

from failover_plugin import Request
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, StreamInterrupted
from failover_plugin.lease import Lease
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock


def test_held_back_chunks_are_delivered_once_and_in_order(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", "", "one", "", "two", END]))
    assert heard.chunks == ["", "", "one", "", "two", END]
    assert heard.error is None
    assert heard.record.trail.attempts[0].ok
    assert heard.record.target is not None
    assert heard.record.target.id == "a"


def test_what_a_dead_stream_had_held_back_is_never_delivered(play: Callable[..., Played]) -> None:
    streams = Streams(a=["", "", TimeoutError("too slow")], b=["", "hi", END])
    heard = play(failover(), streams)
    assert heard.chunks == ["", "hi", END]
    assert classes(heard.record.trail) == ["a timeout", "b"]
    assert streams.closed == ["a", "b"]


def test_a_stream_without_content_but_with_its_mark_is_whole(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", END]))
    assert (heard.chunks, heard.error) == (["", END], None)


def test_a_stream_of_nothing_is_whole_where_no_mark_is_due(play: Callable[..., Played]) -> None:
    assert play(failover(), Streams(a=[]), marks=False).error is None


def test_an_end_without_mark_before_content_goes_elsewhere(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", ""], b=["hi", END]))
    assert heard.chunks == ["hi", END]
    assert classes(heard.record.trail) == ["a stream_interrupted", "b"]


def test_an_end_without_mark_after_content_is_an_error_and_never_a_short_text(play: Callable[..., Played]) -> None:
    streams = Streams(a=["on", "ce"], b=["hi", END])
    heard = play(failover(), streams)
    assert heard.chunks == ["on", "ce"]
    assert isinstance(heard.error, StreamInterrupted)
    assert heard.error.trail == heard.record.trail
    assert classes(heard.record.trail) == ["a stream_interrupted"]
    assert streams.opened == ["a"]


def test_a_death_after_content_is_raised_from_its_cause(play: Callable[..., Played]) -> None:
    cause = ConnectionResetError("gone")
    fo = failover()
    heard = play(fo, Streams(a=["once", cause]))
    assert heard.chunks == ["once"]
    assert isinstance(heard.error, StreamInterrupted)
    assert heard.error.__cause__ is cause
    assert fo.health()["a"].failures == 1
    assert fo.health().in_flight == 0


def test_an_error_after_the_finish_mark_does_not_matter(play: Callable[..., Played]) -> None:
    fo = failover()
    heard = play(fo, Streams(a=["once", END, ConnectionResetError("gone")]))
    assert (heard.chunks, heard.error) == (["once", END], None)
    assert (fo.health()["a"].successes, fo.health()["a"].failures) == (1, 0)


def test_an_error_after_the_mark_of_an_empty_answer_does_not_matter(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", END, ConnectionResetError("gone")]))
    assert (heard.chunks, heard.error) == (["", END], None)


def test_what_follows_the_finish_mark_is_delivered(play: Callable[..., Played]) -> None:
    assert play(failover(), Streams(a=["once", END, "usage"])).chunks == ["once", END, "usage"]


def test_nobody_answers_a_stream(play: Callable[..., Played]) -> None:
    first = unauthorized()
    heard = play(failover(), Streams(a=[first], b=["", TimeoutError("too slow")]))
    assert isinstance(heard.error, AllTargetsFailed)
    assert heard.error.__cause__ is first
    assert heard.chunks == []


def test_opening_may_fail_at_once_or_return_any_iterable_iterator() -> None:
    def open_(asked: Target) -> Iterator[str]:
        if asked.id == "a":
            raise unauthorized()
        return iter(["hi", END])

    chunks = failover().stream(open_, **MARKS)
    assert chunks.target is None
    assert list(chunks) == ["hi", END]
    assert classes(chunks.trail) == ["a auth", "b"]


def test_a_sync_stream_whose_content_is_overdue_goes_elsewhere_at_the_next_chunk() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        yield ""
        if asked.id == "a":
            clock.advance(9)
        yield ""
        yield "hi"

    chunks = failover(clock=clock, first_content_timeout=8.0).stream(open_)
    assert list(chunks) == ["", "", "hi"]
    assert classes(chunks.trail) == ["a timeout", "b"]
    assert chunks.trail.attempts[0].diagnosis is not None
    assert "first_content_timeout" in chunks.trail.attempts[0].diagnosis.message


def test_content_that_comes_late_is_still_content() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        clock.advance(9)
        yield "hi"

    assert list(failover(clock=clock, first_content_timeout=8.0).stream(open_)) == ["hi"]


EVERY = 0.02


class Evenly:
    """Streams that write a chunk every so many seconds of a fake clock, to a listener who takes some for itself."""

    def __init__(self, chunks: int, *, listener: float = 0.0, **policy: Any) -> None:
        self.clock = FakeClock()
        self.fo = failover(target("a"), clock=self.clock, **policy)
        self.chunks, self.listener = chunks, listener
        self.marks: dict[str, Any] = MARKS
        self.error: Exception | None = None

    def open(self, _: Target) -> Iterator[str]:
        self.clock.advance(0.7)
        for _ in range(self.chunks):
            yield "word "
            self.clock.advance(EVERY)
        yield END
        if self.error is not None:
            raise self.error

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        with contextlib.closing(self.open(asked)) as chunks:
            for chunk in chunks:
                yield chunk

    def listen(self) -> None:
        for _ in self.fo.stream(self.open, **self.marks):
            self.clock.advance(self.listener)

    async def alisten(self) -> None:
        async for _ in self.fo.astream(self.aopen, **self.marks):
            self.clock.advance(self.listener)

    def heard(self, how: str) -> list[float]:
        told, health = list[float](), self.fo._fleet.health
        before = health.paced

        def paced(lease: Lease, seconds: float, now: float) -> None:
            told.append(seconds)
            before(lease, seconds, now)

        health.paced = paced  # type: ignore[method-assign]
        asyncio.run(self.alisten()) if how == "async" else self.listen()
        return told


@pytest.mark.parametrize("how", ["sync", "async", "thread"])
class TestThePaceOfAStream:
    """Whoever drives it, the core is told once how long its chunks take: the target's time, not the listener's."""

    def evenly(self, how: str, chunks: int, listener: float = 0.0) -> list[float]:
        policy = {"sync_deadlines": "thread"} if how == "thread" else {}
        return Evenly(chunks, listener=listener, **policy).heard(how)

    def test_is_told_once(self, how: str) -> None:
        assert self.evenly(how, 100) == [pytest.approx(EVERY)]

    def test_is_told_at_the_end_of_a_short_one(self, how: str) -> None:
        assert self.evenly(how, 8) == [pytest.approx(EVERY)]  # seven words and the finish mark

    def test_is_not_told_by_a_word_or_two(self, how: str) -> None:
        assert self.evenly(how, 3) == []


@pytest.mark.parametrize("how", ["sync", "async", "thread"])
def test_what_content_is_nobody_asks_after_the_first(how: str) -> None:
    """Whoever tells content apart need not be able to read what follows it, such as a last chunk with the usage."""
    asked = list[str]()

    def first_only(chunk: str) -> bool:
        asked.append(chunk)
        assert chunk == "word "
        return True

    world = Evenly(8, **({"sync_deadlines": "thread"} if how == "thread" else {}))
    world.marks = {"has_content": first_only, "is_finished": lambda chunk: chunk == END}
    assert len(world.heard(how)) == 1
    assert asked == ["word "]


@pytest.mark.parametrize("how", ["sync", "async", "thread"])
def test_a_slow_listener_tells_nothing_of_the_pace(how: str) -> None:
    policy = {"sync_deadlines": "thread"} if how == "thread" else {}
    assert Evenly(100, listener=0.5, **policy).heard(how) == []


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_short_stream_that_breaks_after_its_finish_mark_tells_it_too(how: str) -> None:
    world = Evenly(8)
    world.error = ConnectionError("closed")
    assert world.heard(how) == [pytest.approx(EVERY, rel=0.2)]


def test_a_sync_stream_that_drips_ends_at_the_requests_deadline() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        for chunk in ("once", "upon", "a", "time", END, "usage"):
            yield chunk
            clock.advance(1)

    fo = failover(clock=clock)
    heard: list[str] = []
    with pytest.raises(DeadlineExceeded) as ended:
        heard.extend(fo.stream(open_, Request(deadline=2.5), **MARKS))
    assert heard == ["once", "upon", "a"]
    assert "deadline" in str(ended.value.__cause__)
    assert (fo.health()["a"].failures, fo.health().in_flight) == (1, 0)
    assert list(fo.stream(open_, Request(deadline=4.5), **MARKS))[-2:] == [END, "usage"]


def test_what_a_call_was_given_is_let_go_of_after_a_failover() -> None:
    class Prompt:
        pass

    def ask(prompt: Prompt) -> str:
        def call(asked: Target) -> str:
            if asked.id == "a":
                raise ConnectionRefusedError(prompt)
            return "hi"

        return failover().run(call).value

    prompt = Prompt()
    seen = weakref.ref(prompt)
    gc.disable()  # without its help
    try:
        assert ask(prompt) == "hi"
        del prompt
        assert seen() is None
    finally:
        gc.enable()
