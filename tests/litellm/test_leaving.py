"""A caller who leaves takes everything along: the permit, the task and the connection."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

MESSAGES = [{"role": "user", "content": "Say hello."}]


async def _until(condition: Any, seconds: float = 2.0) -> bool:
    """Whether it comes true in time."""
    due = time.monotonic() + seconds
    while not condition() and time.monotonic() < due:
        await asyncio.sleep(0.01)
    return bool(condition())


def _ours() -> set[asyncio.Task[Any]]:
    """Running tasks but LiteLLM's logging worker, which lives as long as the loop."""
    return {t for t in asyncio.all_tasks() if "logging_worker" not in repr(t) and "LoggingWorker" not in repr(t)}


@pytest.mark.parametrize("how", ["plain", "stream"])
async def test_row_24_cancelled_before_the_answer(bench: Any, how: str) -> None:
    bench.route()
    bench.primary.fail(faults.hang())
    before = _ours()
    call = asyncio.create_task(bench.router.acompletion(model="chat", messages=MESSAGES, stream=how == "stream"))
    assert await _until(lambda: bench.primary.open)
    assert bench.in_flight == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert bench.in_flight == 0
    assert await _until(lambda: not bench.primary.open)
    assert await _until(lambda: _ours() <= before)
    assert bench.health().failures == 0
    assert not bench.backup.requests


async def test_row_24_an_asynchronous_stream_closed_midway(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.stall())
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True)
    assert (await anext(stream)).choices
    assert bench.in_flight == 1
    await stream.aclose()
    assert bench.in_flight == 0
    assert await _until(lambda: not bench.primary.open)
    assert bench.health().failures == 0


async def test_row_24_an_asynchronous_stream_closed_unread(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.stall())
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True)
    await stream.aclose()
    del stream  # LiteLLM 1.109 holds on to what it wraps until then
    gc.collect()
    assert await _until(lambda: bench.in_flight == 0)
    assert await _until(lambda: not bench.primary.open)


async def test_row_24_cancelled_while_reading(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.stall())
    reading = asyncio.create_task(bench.ask("acompletion-stream"))
    assert await _until(lambda: bench.in_flight == 1)
    await asyncio.sleep(0.2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert bench.in_flight == 0
    assert await _until(lambda: not bench.primary.open)


@pytest.mark.parametrize("read", [0, 1])
async def test_row_24_a_synchronous_stream_closed_midway(bench: Any, read: int) -> None:
    bench.route(policy=Policy(idle_timeout=5))
    bench.primary.fail(faults.stall())

    def midway() -> None:
        stream = bench.router.completion(model="chat", messages=MESSAGES, stream=True)
        for _ in range(read):
            next(stream)
        assert bench.in_flight == 1
        stream.close()

    await asyncio.to_thread(midway)
    gc.collect()
    await bench.ask("acompletion", mock_response="The next one.")  # LiteLLM does not tell us of one closed unread
    assert bench.in_flight == 0
    assert await _until(lambda: not bench.primary.open)
    assert bench.health().failures == 0


async def test_row_24_a_synchronous_stream_left_behind(bench: Any) -> None:
    bench.route(policy=Policy(idle_timeout=5))
    bench.primary.fail(faults.stall())

    def leave() -> None:
        for _ in bench.router.completion(model="chat", messages=MESSAGES, stream=True):
            break

    await asyncio.to_thread(leave)
    assert await _until(lambda: gc.collect() >= 0 and bench.in_flight == 0)
    assert await _until(lambda: not bench.primary.open)


async def test_whoever_leaves_after_the_finish_mark_had_the_whole_answer(bench: Any) -> None:
    bench.route()
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True)
    async for chunk in stream:
        if chunk.choices[0].finish_reason:
            break
    await stream.aclose()
    assert bench.health().successes == 1


async def test_a_slow_read_between_chunks_is_not_held_against_the_target(bench: Any) -> None:
    """The idle limit counts the provider's silence, not the caller's thinking."""
    bench.route(policy=Policy(idle_timeout=0.3))
    text = ""
    async for chunk in await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True):
        text += chunk.choices[0].delta.content or ""
        await asyncio.sleep(0.2)
    assert text == "Hello from the primary, all of it."
    assert bench.health().successes == 1


async def test_streams_that_are_dropped_unread_give_their_permits_back_at_the_next_choice(bench: Any) -> None:
    bench.route()
    question = {"model": "chat", "messages": MESSAGES, "stream": True}
    await bench.router.acompletion(**question)
    await asyncio.to_thread(bench.router.completion, **question)
    await asyncio.sleep(0.1)
    gc.collect()
    assert await bench.ask("acompletion")
    assert bench.in_flight == 0


async def _remains(bench: Any) -> bool:
    """Whether a stream is still there after it has been read to its end, be that good or bad."""
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True)
    with contextlib.suppress(Exception):
        async for _ in stream:
            pass
    seen = weakref.ref(stream)
    del stream
    await asyncio.sleep(0.1)
    gc.collect()
    return seen() is not None


async def test_a_stream_that_broke_off_is_not_kept(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.cut())
    assert not await _remains(bench)


async def test_a_stream_that_took_a_failover_is_not_kept(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.invalid_api_key())
    assert not await _remains(bench)
