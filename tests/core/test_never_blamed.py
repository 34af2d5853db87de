"""Never worse than none: nobody is blamed for what he did not do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from core.played import END, MARKS
from core.scripted import World, broken, chain, tier

from failover_plugin import Failover, Policy
from failover_plugin.errors import AllTargetsFailed
from failover_plugin.model import Target
from failover_plugin.patience import PatientTimer
from failover_plugin.policy import LatencyPolicy
from failover_plugin.testing import FakeClock, Script

SOON = LatencyPolicy(soft_min=0.15, soft_unknown=0.15, soft_max=0.15)


def closed(failover: Failover) -> bool:
    return all(t.state == "closed" and t.failures == 0 for t in failover.health().targets)


async def block(seconds: float) -> None:
    """Another task stands in everybody's way."""
    await asyncio.sleep(0.02)
    time.sleep(seconds)


class Counting:
    """Healthy targets that answer in 50 ms."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(self, _: Target) -> str:
        self.calls += 1
        await asyncio.sleep(0.05)
        return "hi"

    async def open(self, asked: Target) -> AsyncIterator[str]:
        yield await self.call(asked)
        yield END


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_loop_that_stands_still_makes_nobody_late(*, streaming: bool) -> None:
    failover = Failover(tier(2), Policy(latency=SOON, attempt_timeout=0.4, first_content_timeout=0.4), rng=Random(1))
    healthy = Counting()

    async def ask() -> None:
        if streaming:
            assert [chunk async for chunk in failover.astream(healthy.open, **MARKS)]
        else:
            assert (await failover.arun(healthy.call)).value == "hi"

    await asyncio.gather(block(1.0), *(ask() for _ in range(50)))
    assert healthy.calls == 50, "no backup was paid for"
    assert closed(failover)


async def test_a_limit_is_put_off_twice_at_most_and_never_beyond_the_deadline() -> None:
    loop, rung = asyncio.get_running_loop(), list[str]()
    PatientTimer(loop, loop.time(), 0.05, lambda: rung.append("limit"))
    PatientTimer(loop, loop.time(), 0.05, lambda: rung.append("deadline"), latest=loop.time() + 0.05)
    told = []
    for stands_still in (0.4, 0.8, 0.8):
        time.sleep(stands_still)
        await asyncio.sleep(0.01)
        told.append("+".join(rung))
    assert told == ["deadline", "deadline", "deadline+limit"]


@pytest.mark.parametrize("failures", [0, 1])
def test_a_model_that_thinks_for_long_is_well_again_as_soon_as_it_speaks_unless_it_has_failed(failures: int) -> None:
    """Nobody knew how long it takes: its silence was a guess."""
    fleet = World(chain(2), Policy(strategy="sequential", backups="off", same_target_retries=0))
    known = fleet.request(streaming=True).asks("a")
    known.speaks()
    known.succeeds()
    fleet.clock.advance(1)
    stories = [fleet.request(streaming=True).asks("a") for _ in range(6 + failures)]
    for story in stories[6:]:
        story.fails(broken())
    fleet.clock.advance(6)
    for story in stories[:6]:
        story.backs_up()
    assert fleet.line("a").state == "open"
    stories[0].speaks()
    assert fleet.line("a").state == ("open" if failures else "closed")


@pytest.mark.parametrize("error", [TypeError("unexpected keyword argument 'foo'"), KeyError("x"), ValueError("no")])
def test_six_calls_with_the_callers_own_bug_open_nothing(error: Exception) -> None:
    clock = FakeClock()
    failover = Failover(chain(2), clock=clock, rng=Random(1))
    for _ in range(6):
        with pytest.raises((AllTargetsFailed, type(error))):
            failover.run(Script(clock, {"a": [error], "b": [error]}).call)
    assert all(t.state == "closed" for t in failover.health().targets)


def test_another_client_may_take_what_this_one_does_not() -> None:
    clock = FakeClock()
    failover = Failover(chain(2), clock=clock, rng=Random(1))
    script = Script(clock, {"a": [TypeError("unexpected keyword argument 'foo'")], "b": ["hi"]})
    assert failover.run(script.call).value == "hi"


def test_a_limit_of_the_clients_that_nobody_could_keep_opens_nothing() -> None:
    fleet = World(chain(1), Policy(same_target_retries=0))
    for _ in range(12):
        fleet.request().asks("a").fails(TimeoutError("read timeout=0.05"), after=0.05).gives_up()
    assert fleet.line("a").state == "closed"


def test_a_limit_shorter_than_any_healthy_answer_opens_nothing() -> None:
    fleet = World(chain(1), Policy(same_target_retries=0))
    for _ in range(5):
        fleet.request().asks("a").succeeds(after=2.0)
    for _ in range(12):
        fleet.request().asks("a").fails(TimeoutError("read timeout=1"), after=1.0).gives_up()
    assert fleet.line("a").state == "closed"


def test_a_connection_of_a_dead_loop_is_tried_again_at_once_at_the_same_target() -> None:
    """As where each request has an ``asyncio.run`` of its own, over one cached client."""
    fleet = World(chain(2), Policy(strategy="sequential"))
    for _ in range(10):
        gone = RuntimeError("Event loop is closed")
        fleet.request().asks("a").fails(gone).asks("a").succeeds()
    assert fleet.line("a").state == "closed"


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(24, "Too many open files"), RuntimeError("can't start new thread")]
)
def test_what_this_process_lacks_opens_nothing(error: Any) -> None:
    fleet = World(chain(2), Policy(strategy="sequential", same_target_retries=0))
    for _ in range(12):
        story = fleet.request().asks("a").fails(error).asks("b").fails(error)
        story.gives_up()
    assert fleet.line("a").state == fleet.line("b").state == "closed"
