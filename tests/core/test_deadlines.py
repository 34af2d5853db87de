"""Deadlines that a loop keeps, on the machine's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from core.played import END, MARKS, classes, failover, no_task_left, real

from failover_plugin import Request
from failover_plugin.errors import DeadlineExceeded, StreamInterrupted
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock

SHORT = 0.03


async def hang() -> str:
    await asyncio.Event().wait()
    return "never"


async def test_an_attempt_that_takes_too_long_is_ended_and_another_target_asked() -> None:
    async def call(asked: Target) -> str:
        return await hang() if asked.id == "a" else "hi"

    fo = real(attempt_timeout=SHORT)
    async with no_task_left():
        result = await fo.arun(call)
    assert (result.value, classes(result.trail)) == ("hi", ["a timeout", "b"])
    assert result.trail.attempts[0].diagnosis is not None
    assert "attempt_timeout" in result.trail.attempts[0].diagnosis.message


async def test_a_timeout_that_the_client_raises_itself_keeps_its_own_words() -> None:
    async def call(asked: Target) -> str:
        if asked.id == "a":
            raise TimeoutError("the client's own")
        return "hi"

    result = await real().arun(call)
    assert result.trail.attempts[0].diagnosis is not None
    assert result.trail.attempts[0].diagnosis.message == "the client's own"


async def test_the_requests_deadline_ends_it_all() -> None:
    with pytest.raises(DeadlineExceeded) as ended:
        await real().arun(lambda _: hang(), Request(deadline=SHORT))
    assert classes(ended.value.trail) == ["a timeout"]
    assert isinstance(ended.value, TimeoutError)


async def test_a_stream_without_content_in_time_is_opened_elsewhere() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        yield ""
        if asked.id == "a":
            await hang()
        yield "hi"

    fo = real(first_content_timeout=SHORT)
    async with no_task_left():
        chunks = fo.astream(open_)
        assert [chunk async for chunk in chunks] == ["", "hi"]
    assert classes(chunks.trail) == ["a timeout", "b"]
    assert chunks.trail.attempts[0].diagnosis is not None
    assert "first_content_timeout" in chunks.trail.attempts[0].diagnosis.message


async def test_keep_alives_do_not_put_the_first_content_off() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        while asked.id == "a":
            yield ""
            await asyncio.sleep(SHORT / 10)
        yield "hi"

    chunks = real(first_content_timeout=SHORT).astream(open_)
    assert [chunk async for chunk in chunks] == ["hi"]
    assert classes(chunks.trail) == ["a timeout", "b"]


async def test_a_stream_that_falls_silent_after_content_is_interrupted() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        yield "once"
        await hang()

    fo = real(idle_timeout=SHORT)
    async with no_task_left():
        chunks = fo.astream(open_)
        assert await anext(chunks) == "once"
        with pytest.raises(StreamInterrupted) as ended:
            await anext(chunks)
    assert isinstance(ended.value.__cause__, TimeoutError)
    assert "idle_timeout" in str(ended.value.__cause__)
    assert fo.health().in_flight == 0


async def test_a_slow_listener_is_not_the_targets_silence() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        for word in ("once", "upon", "a", "time"):
            await asyncio.sleep(0.001)
            yield word

    heard = []
    async for chunk in real(idle_timeout=SHORT, first_content_timeout=SHORT).astream(open_):
        await asyncio.sleep(SHORT * 1.5)
        heard.append(chunk)
    assert heard == ["once", "upon", "a", "time"]


async def test_a_timeout_inside_a_stream_keeps_its_own_words() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        if asked.id == "a":
            raise TimeoutError("the client's own")
        yield "hi"

    chunks = real().astream(open_)
    assert [chunk async for chunk in chunks] == ["hi"]
    assert chunks.trail.attempts[0].diagnosis is not None
    assert chunks.trail.attempts[0].diagnosis.message == "the client's own"


async def test_a_stream_that_stays_open_after_its_finish_mark_is_over_soon() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        yield "once"
        yield END
        await hang()

    clock, heard = FakeClock(), []
    fo = failover(clock=clock)
    async for chunk in fo.astream(open_, Request(deadline=1.0), **MARKS):
        clock.advance(0.97 if chunk == END else 0.0)
        heard.append(chunk)
    assert heard == ["once", END]
    assert fo.health()["a"].successes == 1
