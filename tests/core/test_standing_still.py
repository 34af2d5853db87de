"""Time in which this process does not run counts for nobody: in an event loop, in its thread pool and in threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from core.played import END, MARKS
from core.scripted import chain

from failover_plugin import Failover, Policy, current_attempt
from failover_plugin.clock import SystemClock
from failover_plugin.errors import DeadlineExceeded
from failover_plugin.model import Target
from failover_plugin.policy import LatencyPolicy


def soft(seconds: float) -> LatencyPolicy:
    return LatencyPolicy(soft_min=seconds, soft_unknown=seconds, soft_max=seconds)


class Healthy:
    """Targets that answer in so many seconds, however they are asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[str] = []

    def call(self, target: Target) -> str:
        self.asked.append(target.id)
        time.sleep(self.seconds)
        return "hi"

    def open(self, target: Target) -> Iterator[str]:
        yield self.call(target)
        yield END

    async def acall(self, target: Target) -> str:
        self.asked.append(target.id)
        await asyncio.sleep(self.seconds)
        return "hi"

    async def athread(self, target: Target) -> str:
        return await asyncio.to_thread(self.call, target)

    async def aopen(self, target: Target) -> AsyncIterator[str]:
        yield await self.acall(target)
        yield END


def untouched(failover: Failover) -> bool:
    return all(line.state == "closed" and line.failures == 0 for line in failover.health().targets)


async def read(failover: Failover, healthy: Healthy) -> None:
    assert [chunk async for chunk in failover.astream(healthy.aopen, **MARKS)]


async def test_the_loop_stands_still_with_streams_in_flight_and_their_target_is_not_called_slow() -> None:
    failover, healthy = Failover(chain(2), Policy(latency=soft(0.3)), rng=Random(1)), Healthy(0.02)
    for _ in range(3):
        await asyncio.gather(*(read(failover, healthy) for _ in range(20)))
    asking = asyncio.gather(*(read(failover, healthy) for _ in range(40)))
    await asyncio.sleep(0.01)
    time.sleep(1.0)
    await asking
    await read(failover, healthy)
    assert set(healthy.asked) == {"a"}
    assert untouched(failover)


async def test_the_loop_stands_still_between_the_looks_of_a_limit_and_the_call_gets_its_time() -> None:
    failover, healthy = Failover(chain(2), Policy(latency=soft(1.2), attempt_timeout=1.2), rng=Random(1)), Healthy(0.6)

    async def ask() -> str:
        time.sleep(1.0)  # before the request leaves, but after its time has begun
        return await healthy.acall(Target("a", provider="p", model="m"))

    assert (await failover.arun(lambda _: ask())).value == "hi"
    assert healthy.asked == ["a"]
    assert untouched(failover)


async def test_the_thread_pool_is_full_and_a_call_that_waits_for_a_thread_is_not_late() -> None:
    failover, healthy = Failover(chain(2), Policy(latency=soft(0.3), attempt_timeout=0.5), rng=Random(1)), Healthy(0.05)
    # The loop is the tests' own, and so is its pool: theirs is put back.
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(4) as later:
        loop.set_default_executor(pool)
        full = [loop.run_in_executor(None, time.sleep, 1.5) for _ in range(2)]
        answers = await asyncio.gather(*(failover.arun(healthy.athread) for _ in range(4)))
        await asyncio.gather(*full)
        loop.set_default_executor(later)
    loop.set_default_executor(ThreadPoolExecutor(32))
    assert [answer.value for answer in answers] == ["hi"] * 4
    assert healthy.asked == ["a"] * 4, "no backup was paid for"
    assert untouched(failover)


class Frozen(SystemClock):
    """A machine that slept for 30 s, in the middle of a call."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.monotonic = lambda: time.monotonic() + self.slept  # type: ignore[method-assign, assignment]

    def sleep_soon(self) -> None:
        threading.Timer(0.1, lambda: setattr(self, "slept", 30.0)).start()


@pytest.mark.parametrize("streaming", [False, True])
def test_the_machine_sleeps_while_threads_wait_for_a_healthy_target_and_it_is_not_late(*, streaming: bool) -> None:
    clock, healthy = Frozen(), Healthy(0.8)
    policy = Policy(latency=soft(0.6), attempt_timeout=0.7, first_content_timeout=5, sync_deadlines="thread")
    failover = Failover(chain(2), policy, clock=clock, rng=Random(1))
    clock.sleep_soon()
    if streaming:
        assert [*failover.stream(healthy.open, **MARKS)] == ["hi", END]
    else:
        assert failover.run(healthy.call).value == "hi"
    assert healthy.asked == ["a"]
    assert untouched(failover)


@pytest.mark.parametrize("sync_deadlines", ["client", "thread"])
def test_an_attempt_is_held_and_only_the_deadline_goes_on(sync_deadlines: str) -> None:
    policy = Policy(latency=soft(0.1), attempt_timeout=0.2, deadline=0.6, sync_deadlines=sync_deadlines)  # type: ignore[arg-type]
    failover, healthy = Failover(chain(2), policy, rng=Random(1)), Healthy(0.0)

    def held(target: Target) -> str:
        attempt = current_attempt()
        attempt.hold()
        time.sleep(0.4)
        attempt.let_go(time.monotonic())
        assert 0.05 < attempt.timeout < 0.21
        return healthy.call(target)

    result = failover.run(held)
    assert healthy.asked == ["a"]
    assert result.trail.attempts[0].started == pytest.approx(0.4, abs=0.1)
    assert result.trail.attempts[0].duration < 0.1


async def test_an_attempt_is_held_beyond_the_deadline_and_ends_there() -> None:
    failover = Failover(chain(2), Policy(deadline=0.3), rng=Random(1))

    async def held(_: Target) -> str:
        current_attempt().hold()
        await asyncio.sleep(5)
        return "too late"

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await failover.arun(held)
    assert time.monotonic() - began < 1
    assert all(line.state == "closed" for line in failover.health().targets)
