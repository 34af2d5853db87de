"""A caller may leave at any time: nothing is left behind, and it is evidence for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from failover_langchain import ChatFailover
from failover_plugin import Policy
from failover_plugin.emulator import Emulator, faults

from .conftest import Bench, Stopwatch, anthropic, eventually, openai, said_by


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator whose connections are all of this test's making."""
    with Emulator() as running:
        yield running


def settled(model: ChatFailover) -> bool:
    """No permit is out, and nobody is blamed."""
    return all(target.in_flight == 0 and target.failures == 0 for target in model.failover.health().targets)


async def test_24_cancelling_an_ainvoke(own: Emulator) -> None:
    bench = Bench(own)
    bench.primary.fail(faults.hang())
    model = bench.model()
    task = asyncio.ensure_future(model.ainvoke("hi"))
    await eventually(lambda: bench.primary.open == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert settled(model)
    await eventually(lambda: own.connections == 0)
    assert bench.asked == (1, 0)


@pytest.mark.parametrize("first", [openai, anthropic])
async def test_24_closing_an_astream_midway(own: Emulator, first: type) -> None:
    bench = Bench(own)
    bench.primary.fail(faults.slow_drip(0.2))
    model = ChatFailover([first(bench.primary), first(bench.fallback)])
    chunks = model.astream("hi")
    async for chunk in chunks:
        if chunk.content:
            break
    await chunks.aclose()
    assert settled(model)
    await eventually(lambda: own.connections == 0)
    assert bench.asked == (1, 0)


async def test_24_cancelling_the_reader_of_an_astream(own: Emulator) -> None:
    bench = Bench(own)
    bench.primary.fail(faults.stall())
    model = bench.model()

    async def read() -> None:
        async for _ in model.astream("hi"):
            pass

    task = asyncio.ensure_future(read())
    await eventually(lambda: bench.primary.open == 1)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert settled(model)
    await eventually(lambda: own.connections == 0)


@pytest.mark.parametrize("first", [openai, anthropic])
def test_24_closing_a_stream_midway(own: Emulator, first: type) -> None:
    bench = Bench(own)
    bench.primary.fail(faults.slow_drip(0.2))
    model = ChatFailover([first(bench.primary), first(bench.fallback)])
    chunks = model.stream("hi")
    next(chunk for chunk in chunks if chunk.content)
    chunks.close()  # type: ignore[attr-defined]
    assert settled(model)
    watch = Stopwatch()
    while own.connections:
        assert watch.seconds < 2


async def test_a_blocked_sync_call_ends_with_its_clients_timeout(own: Emulator) -> None:
    bench = Bench(own)
    bench.primary.fail(faults.hang())
    model = bench.model(Policy(attempt_timeout=0.5))
    before = threading.active_count()
    answer = await asyncio.to_thread(model.invoke, "hi")
    assert said_by(answer) == "fallback"
    await eventually(lambda: bench.primary.open == 0)
    assert threading.active_count() <= before + 1  # the executor's own


async def test_a_deadline_ends_it_all(bench: Bench) -> None:
    bench.primary.fail(faults.hang())
    bench.fallback.fail(faults.hang())
    model = bench.model(Policy(deadline=1.0, attempt_timeout=0.6))
    for ask in (model.ainvoke("hi"), asyncio.to_thread(model.invoke, "hi")):
        watch = Stopwatch()
        with pytest.raises(Exception, match=r"(?i)deadline|timed out|did not answer"):
            await ask
        assert watch.seconds < 1.5
