"""A request that is over leaves nothing to the garbage collector: what it was given is let go of at once.

What waits for a collection keeps prompts and answers in memory, and has a process of thousands of requests collect all
the time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from weakref import WeakSet

import pytest
from core.scripted import broken, chain

from failover_plugin import Failover, Permit, Target
from failover_plugin.flow import Flow


class Held:
    """What a call was given, and what it answered: as long as it lives, somebody holds on to the request."""

    def __init__(self) -> None:
        alive.add(self)


alive: WeakSet[Held] = WeakSet()


def asked(target: Target, held: Held) -> Held:
    """The first target fails."""
    if target.id == "a":
        raise broken()
    return held


async def run(failover: Failover) -> None:
    held = Held()
    failover.run(lambda target: asked(target, held))


async def arun(failover: Failover) -> None:
    held = Held()

    async def call(target: Target) -> Held:
        return asked(target, held)

    await failover.arun(call)


async def stream(failover: Failover) -> None:
    held = Held()

    def chunks(target: Target) -> Iterator[Held]:
        yield asked(target, held)
        yield held

    list(failover.stream(chunks))


async def astream(failover: Failover) -> None:
    held = Held()

    async def chunks(target: Target) -> AsyncIterator[Held]:
        yield asked(target, held)
        yield held

    async for _ in failover.astream(chunks):
        pass


async def astream_left(failover: Failover) -> None:
    held = Held()

    async def chunks(_: Target) -> AsyncIterator[Held]:
        yield held
        yield held

    reading = failover.astream(chunks)
    await anext(reading)
    await reading.aclose()


async def race(failover: Failover) -> None:
    held = Held()

    async def back_up(_: Permit) -> bool:
        return bool(held)

    permit = failover.acquire()
    assert permit is not None
    async with permit.race(back_up) as race, race.interruptible(5):
        permit.success()


def flows() -> int:
    """How many there are."""
    return sum(isinstance(one, Flow) for one in gc.get_objects())


WAYS: list[Callable[[Failover], Coroutine[None, None, None]]] = [run, arun, stream, astream, astream_left, race]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_to_the_collector(way: Callable[[Failover], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        failover = Failover(chain(2))
        await way(failover)
        await asyncio.sleep(0)
        assert not alive

    gc.collect()
    before = flows()
    gc.disable()
    try:
        asyncio.run(main())
        assert flows() == before
    finally:
        gc.enable()
