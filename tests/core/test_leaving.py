"""Whoever leaves early, however, gives the permit back at once and leaves nothing running."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from random import Random
from threading import Thread
from typing import Any

import pytest
from core.played import END, MARKS, Streams, classes, failover, no_task_left, real
from core.scripted import chain, rate_limited, target, tier, unauthorized

from failover_plugin import Failover, Policy
from failover_plugin.errors import AllTargetsFailed, StreamInterrupted
from failover_plugin.model import Target
from failover_plugin.succession import GRACE
from failover_plugin.testing import FakeClock, Script


def test_closing_a_stream_gives_the_permit_back_at_once() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    chunks = fo.stream(streams.open, **MARKS)
    assert next(chunks) == "once"
    assert fo.health().in_flight == 1
    chunks.close()
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, 0, 0)
    assert streams.closed == ["a"]
    assert classes(chunks.trail) == ["a cancelled"]
    assert list(chunks) == []


def test_leaving_the_with_block_closes_the_stream() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    with fo.stream(streams.open, **MARKS) as chunks:
        next(chunks)
    assert fo.health().in_flight == 0
    assert streams.closed == ["a"]
    assert fo.health()["a"].failures == 0


def test_a_listener_who_leaves_after_the_finish_mark_had_the_whole_answer() -> None:
    fo = failover()
    with fo.stream(Streams(a=["once", END, "usage"]).open, **MARKS) as chunks:
        assert [next(chunks), next(chunks)] == ["once", END]
    assert fo.health()["a"].successes == 1


def test_a_stream_that_is_dropped_gives_its_permit_back() -> None:
    fo = failover()
    chunks = fo.stream(Streams(a=["once", "upon"]).open)
    next(chunks)
    del chunks
    gc.collect()
    assert fo.health().in_flight == 0


def test_a_stream_that_is_dropped_while_an_outcome_is_booked_locks_nobody_out() -> None:
    """A garbage collection may close it in any thread at any time; here, when the lock is held for certain."""
    forgotten: list[Any] = []

    class Collecting(Random):
        def uniform(self, a: float, b: float) -> float:
            forgotten.clear()
            return super().uniform(a, b)

    fo = Failover(chain(2), clock=FakeClock(), rng=Collecting(1))
    forgotten.append(fo.stream(Streams(a=["once", "upon"]).open))
    next(forgotten[0])
    script = Script(FakeClock(), {"a": [unauthorized()], "b": ["hi"]})
    thread = Thread(target=lambda: fo.run(script.call), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert fo.health().in_flight == 0


def test_a_stream_that_nobody_reads_asks_nobody() -> None:
    fo, streams = failover(), Streams(a=["once"])
    fo.stream(streams.open).close()
    assert streams.opened == []
    assert fo.health()["a"].attempts == 0


def test_a_source_that_cannot_be_closed_properly_hides_nothing() -> None:
    class Stubborn:
        def __init__(self, asked: Target) -> None:
            self.chunks = iter(["once", ConnectionResetError("gone")])

        def __iter__(self) -> Stubborn:
            return self

        def __next__(self) -> str:
            chunk = next(self.chunks)
            if isinstance(chunk, Exception):
                raise chunk
            return chunk

        def close(self) -> None:
            raise OSError("cannot close")

    fo = failover()
    chunks = fo.stream(Stubborn)
    with pytest.raises(StreamInterrupted):
        list(chunks)
    with fo.stream(Stubborn) as chunks:
        next(chunks)
    assert fo.health().in_flight == 0


@pytest.mark.parametrize("left", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_of_a_call_gets_through_and_is_evidence_for_nothing(left: type[BaseException]) -> None:
    fo, asked = failover(), []

    def call(target_: Target) -> str:
        asked.append(target_.id)
        raise left

    with pytest.raises(left):
        fo.run(call)
    line = fo.health()["a"]
    assert (asked, line.in_flight, line.failures, line.last_error) == (["a"], 0, 0, None)


def test_a_call_that_never_ends_does_not_hold_its_target_for_good() -> None:
    """It was the probe; a client without a timeout, or an event loop that is gone, never tells how it went."""
    clock = FakeClock()
    fo = failover(*chain(1), clock=clock, patience=0.0, last_resort="off")
    for _ in range(3):
        with pytest.raises(AllTargetsFailed):
            fo.run(Script(clock, {"a": [ConnectionResetError("dead")]}).call)
    clock.advance(60)

    def never_ends(_: Target) -> str:
        with pytest.raises(AllTargetsFailed, match="probe is under way"):
            fo.run(lambda _: "hi")
        clock.advance(120 + GRACE)
        assert fo.run(lambda _: "hi").value == "hi"
        return "too late to be believed"

    fo.run(never_ends)
    assert (fo.health()["a"].successes, fo.health().in_flight) == (1, 0)


def test_an_interruption_of_a_stream_gets_through_and_is_evidence_for_nothing() -> None:
    fo, streams = failover(), Streams(a=["once", KeyboardInterrupt()])
    chunks = fo.stream(streams.open, **MARKS)
    with pytest.raises(KeyboardInterrupt):
        list(chunks)
    line = fo.health()["a"]
    assert (line.in_flight, line.failures, streams.closed) == (0, 0, ["a"])


async def test_cancelling_arun_gives_the_permit_back_at_once() -> None:
    fo, begun, asked = failover(), asyncio.Event(), []

    async def call(target_: Target) -> str:
        asked.append(target_.id)
        begun.set()
        await asyncio.Event().wait()
        return "never"

    async with no_task_left():
        task = asyncio.create_task(fo.arun(call))
        await begun.wait()
        assert fo.health().in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
    line = fo.health()["a"]
    assert (asked, line.in_flight, line.failures) == (["a"], 0, 0)


async def test_cancelling_a_pause_asks_nobody_any_more() -> None:
    fo, asked, failed = real(target("a")), [], asyncio.Event()

    async def call(target_: Target) -> str:
        asked.append(target_.id)
        failed.set()
        raise rate_limited(2)

    async with no_task_left():
        task = asyncio.create_task(fo.arun(call))
        await failed.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asked == ["a"]
    assert fo.health().in_flight == 0


async def test_cancelling_astream_midway_gives_the_permit_back_at_once() -> None:
    fo, heard, closed = failover(), asyncio.Event(), []

    async def open_(target_: Target) -> AsyncIterator[str]:
        try:
            yield "once"
            await asyncio.Event().wait()
        finally:
            closed.append((target_.id, fo.health().in_flight))

    async def listen() -> None:
        async for _ in fo.astream(open_):
            heard.set()

    async with no_task_left():
        task = asyncio.create_task(listen())
        await heard.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    line = fo.health()["a"]
    assert [id_ for id_, _ in closed] == ["a"]
    assert (line.in_flight, line.failures) == (0, 0)


class HardToClose:
    """A stream that fails, or has said all it had to, and then takes its time to close."""

    def __init__(self, *chunks: str) -> None:
        self.chunks = iter(chunks)
        self.closing = asyncio.Event()

    def __aiter__(self) -> HardToClose:
        return self

    async def __anext__(self) -> str:
        for chunk in self.chunks:
            return chunk
        raise ConnectionResetError("gone")

    async def aclose(self) -> None:
        self.closing.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(("chunks", "successes"), [((), 0), (("once", END), 1)])
async def test_cancelling_while_a_dead_stream_closes_leaves_no_permit(chunks: Sequence[str], successes: int) -> None:
    fo, source = failover(), HardToClose(*chunks)

    async def listen() -> None:
        async for _ in fo.astream(lambda _: source, **MARKS):
            pass

    async with no_task_left():
        task = asyncio.create_task(listen())
        await source.closing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, successes, 1 - successes)


async def test_closing_an_async_stream_gives_the_permit_back_at_once() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    async with no_task_left(), fo.astream(streams.aopen, **MARKS) as chunks:
        assert await anext(chunks) == "once"
        assert fo.health().in_flight == 1
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, 0, 0)
    assert streams.closed == ["a"]
    assert classes(chunks.trail) == ["a cancelled"]


async def test_an_async_listener_who_leaves_after_the_finish_mark_had_the_whole_answer() -> None:
    fo = failover()
    async with fo.astream(Streams(a=["once", END, "usage"]).aopen, **MARKS) as chunks:
        assert [await anext(chunks), await anext(chunks)] == ["once", END]
    assert fo.health()["a"].successes == 1


async def test_an_async_source_without_aclose_is_a_source_too() -> None:
    class Plain:
        def __init__(self, asked: Target) -> None:
            self.chunks = iter(["once", "upon"])

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> str:
            try:
                return next(self.chunks)
            except StopIteration:
                raise StopAsyncIteration from None

    fo = failover()
    assert [chunk async for chunk in fo.astream(Plain)] == ["once", "upon"]
    async with fo.astream(Plain) as chunks:
        await anext(chunks)
    assert fo.health().in_flight == 0


async def test_leaving_a_hundred_requests_midway_leaves_nothing() -> None:
    fo = failover(*tier(3))

    async def call(_: Target) -> str:
        await asyncio.Event().wait()
        return "never"

    async with no_task_left():
        tasks = [asyncio.create_task(fo.arun(call)) for _ in range(100)]
        await asyncio.sleep(0)
        assert fo.health().in_flight == 100
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert fo.health().in_flight == 0


async def test_a_source_that_does_not_close_delays_nobody_for_long() -> None:
    class Stubborn:
        def __aiter__(self) -> Stubborn:
            return self

        async def __anext__(self) -> str:
            raise ConnectionResetError

        async def aclose(self) -> None:
            await asyncio.sleep(30)

    async def good() -> AsyncIterator[str]:
        yield "hi"

    fo = Failover(chain(2), Policy(same_target_retries=0))
    stream = fo.astream(lambda t: Stubborn() if t.id == "a" else good())
    async with asyncio.timeout(5):
        assert [chunk async for chunk in stream] == ["hi"]
