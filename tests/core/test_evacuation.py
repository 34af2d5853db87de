"""A target fails while calls are silent there: they go elsewhere at once, whoever found out, and from wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from random import Random
from typing import Any

import pytest
from core.played import classes, no_task_left
from core.scripted import Story, World, broken, chain, target, unauthorized

from failover_plugin import Failover, Policy
from failover_plugin.errors import AllTargetsFailed
from failover_plugin.model import Target
from failover_plugin.policy import BudgetPolicy


class Silent:
    """A fleet with requests under way at a target that says nothing."""

    def __init__(self, *targets: Target, count: int = 2, streaming: bool = True, **policy: Any) -> None:
        self.world = World(targets or chain(2), Policy(**({"strategy": "sequential"} | policy)))
        self.woken: list[int] = []
        self.stories = [self.request(i, streaming=streaming) for i in range(count)]

    def request(self, number: int, *, streaming: bool) -> Story:
        story = self.world.request(streaming=streaming)
        story.flow.on_wake = lambda: self.woken.append(number)
        return story.asks("a")

    def fall(self) -> None:
        self.world.wear_out("a", "server_error", times=3)


@pytest.mark.parametrize("streaming", [True, False])
def test_all_silent_calls_are_told_and_go_elsewhere_free_of_charge(*, streaming: bool) -> None:
    told = Silent(streaming=streaming, budget=BudgetPolicy(backup_capacity=0))
    told.fall()
    assert told.woken == [0, 1]
    for story in told.stories:
        first, backup = story.call, story.evacuates()
        assert backup is not None
        assert backup.target.id == "b"
        assert story.flow.live == [first, backup]
        story.succeeds(backup)
    assert told.world.in_flight == 0
    assert told.world.line("b").successes == 2
    assert told.world.line("a").failures == 3  # that they were silent is not held against it twice


def test_who_has_content_is_left_where_it_is() -> None:
    told = Silent()
    told.stories[0].speaks()
    told.fall()
    assert told.woken == [1]
    assert told.stories[0].evacuates() is None


def test_who_has_been_told_once_is_not_told_again() -> None:
    told = Silent(count=1)
    told.fall()
    told.world.failover.half_open("a")
    told.world.wear_out("a", "server_error")
    assert told.woken == [0]


def test_who_has_ended_is_not_told() -> None:
    told = Silent(count=3)
    told.stories[0].fails(TimeoutError())
    told.stories[1].leaves()
    told.fall()
    assert told.woken == [2]


def test_a_call_whose_key_turns_out_dead_elsewhere_goes_elsewhere() -> None:
    told = Silent(target("a", credential="k"), target("c", 1, credential="k"), target("b", 2), count=1)
    told.world.wear_out("c", "auth")
    assert told.woken == [0]
    backup = told.stories[0].evacuates()
    assert backup is not None
    assert backup.target.id == "b"


def test_a_call_is_not_moved_without_cause() -> None:
    told = Silent(target("a", max_parallel=1), target("b", 1), count=1)
    assert told.world.fleet.health.roster.by_id["a"].full
    assert told.stories[0].evacuates() is None


def test_a_test_of_recovery_is_not_moved_by_the_failure_that_came_before_it() -> None:
    told = Silent(count=0)
    told.fall()
    told.world.clock.advance(3.0)
    assert told.request(7, streaming=True).evacuates() is None


def test_a_host_that_cannot_race_is_not_told() -> None:
    told = Silent(count=0)
    told.world.request().asks("a")
    told.fall()
    assert told.woken == []


def test_with_nowhere_to_go_it_stays_and_may_still_answer() -> None:
    told = Silent(*chain(1), count=1)
    told.fall()
    story = told.stories[0]
    assert story.evacuates() is None
    story.speaks(after=1.0)
    story.succeeds()
    assert told.world.line("a").successes == 1
    assert told.world.line("a").state == "open"  # what began before it opened cannot close it


# -- in a loop --------------------------------------------------------------------------------------------------------


class Trap:
    """``a`` says nothing, or fails if told to; ``b`` answers."""

    def __init__(self) -> None:
        self.failover = Failover(
            chain(2), Policy(strategy="sequential", breaker={"threshold": 1}, same_target_retries=0), rng=Random(1)
        )
        self.waiting = asyncio.Event()
        self.left: list[str] = []

    async def call(self, asked: Target) -> str:
        if asked.id == "b":
            return "hi"
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.append(asked.id)
        return "never"

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        yield ""
        yield await self.call(asked)

    async def ask(self, kind: str) -> Any:
        if kind == "arun":
            result = await self.failover.arun(self.call)
            return result.value, classes(result.trail)
        chunks = self.failover.astream(self.aopen)
        said = "".join([chunk async for chunk in chunks])
        return said, classes(chunks.trail)

    def fall(self) -> None:
        def call(asked: Target) -> str:
            if asked.id == "a":
                raise broken()
            return "hi"

        self.failover.run(call)


@pytest.mark.parametrize("kind", ["arun", "astream"])
@pytest.mark.parametrize("found_in", ["this thread", "another thread"])
async def test_a_silent_call_moves_when_somebody_else_finds_out(kind: str, found_in: str) -> None:
    trap = Trap()
    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(trap.ask(kind))
        await trap.waiting.wait()
        if found_in == "this thread":
            trap.fall()
        else:
            await asyncio.to_thread(trap.fall)
        said, seen = await asking
    assert (said, seen) == ("hi", ["a cancelled", "b"])
    assert trap.left == ["a"]
    assert trap.failover.health().in_flight == 0


@pytest.mark.parametrize("kind", ["arun", "astream"])
async def test_the_caller_leaves_in_the_moment_in_which_its_backup_begins(kind: str) -> None:
    trap = Trap()
    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(trap.ask(kind))
        await trap.waiting.wait()
        trap.fall()
        asking.cancel()  # the backup's task is made, and cancelled before its first step
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert trap.failover.health().in_flight == 0
    assert trap.failover.health()["b"].attempts == 2  # the one that found out, and the backup


@pytest.mark.parametrize("kind", ["arun", "astream"])
async def test_a_call_fails_by_itself_in_the_moment_in_which_its_backup_begins(kind: str) -> None:
    trap, gone = Trap(), asyncio.Event()

    async def call(asked: Target) -> str:
        if asked.id == "b":
            return "hi"
        trap.waiting.set()
        await gone.wait()
        raise ConnectionResetError("gone")

    trap.call = call  # type: ignore[method-assign]
    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(trap.ask(kind))
        await trap.waiting.wait()
        trap.fall()
        gone.set()  # as when a server goes, and all its calls fail one after the other
        said, seen = await asking
    assert (said, seen) == ("hi", ["a network", "b"])
    assert trap.failover.health().in_flight == 0
    assert trap.failover.health()["b"].attempts == 2


USER: ContextVar[str] = ContextVar("user", default="nobody")


async def test_a_backup_runs_on_behalf_of_its_own_request_whoever_set_it_off() -> None:
    trap, seen = Trap(), []

    async def call(asked: Target) -> str:
        seen.append((asked.id, USER.get()))
        return await trap.call(asked)

    async def ask() -> str:
        USER.set("Ann")
        return (await trap.failover.arun(call)).value

    async def find_out() -> None:
        USER.set("Bob")
        trap.fall()

    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(ask())
        await trap.waiting.wait()
        await asyncio.create_task(find_out())
        assert await asking == "hi"
    assert seen == [("a", "Ann"), ("b", "Ann")]


async def test_a_loop_that_is_gone_is_not_told() -> None:
    trap = Trap()

    def in_a_loop_of_its_own() -> None:
        loop = asyncio.new_event_loop()
        trap.waiting = asyncio.Event()
        asking = loop.create_task(trap.ask("arun"))
        loop.run_until_complete(trap.waiting.wait())
        trap.forgotten = loop, asking  # type: ignore[attr-defined]
        loop.stop()
        loop.run_forever()

    await asyncio.to_thread(in_a_loop_of_its_own)
    loop, asking = trap.forgotten  # type: ignore[attr-defined]
    ring = next(iter(trap.failover._fleet.health.roster.by_id["a"].silent.values()))
    asking.cancel()
    await asyncio.to_thread(lambda: loop.run_until_complete(asyncio.wait([asking])))
    loop.close()
    ring()


async def test_dead_keys_everywhere_leave_nothing_to_move_to() -> None:
    fo = Failover([target("a", credential="k")], Policy(same_target_retries=0), rng=Random(1))
    begun, go = asyncio.Event(), asyncio.Event()

    async def hang(_: Target) -> str:
        begun.set()
        await go.wait()
        raise unauthorized()

    async def fail(_: Target) -> str:
        raise unauthorized()

    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(fo.arun(hang))
        await begun.wait()
        with pytest.raises(AllTargetsFailed):
            await fo.arun(fail)
        go.set()
        with pytest.raises(AllTargetsFailed):
            await asking
    assert fo.health().in_flight == 0
