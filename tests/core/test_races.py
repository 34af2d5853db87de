"""Races of a late call and its backup in real event loops: whoever wins, nothing of the loser is left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from threading import Thread
from typing import Any

import pytest
from core.played import END, MARKS, classes, no_task_left
from core.scripted import broken, chain, target, unauthorized

from failover_plugin import Failover, Policy, Request, current_attempt
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, StreamInterrupted
from failover_plugin.model import Target
from failover_plugin.policy import LatencyPolicy

SOON = LatencyPolicy(soft_min=0.005, soft_unknown=0.005)

Part = Callable[["Stage"], Awaitable[str]]


class Stage:
    """Targets that play a part each, in view of what the others have begun and ended."""

    def __init__(self, *targets: Target, **parts: Part) -> None:
        self.parts = parts
        self.failover = Failover(
            targets or chain(len(parts)),
            Policy(strategy="sequential", latency=SOON, same_target_retries=0),
            rng=Random(1),
        )
        self.begun = {name: asyncio.Event() for name in parts}
        self.ended = {name: asyncio.Event() for name in parts}
        self.cancelled: list[str] = []
        self.open: list[str] = []
        self.record: Any = None

    async def call(self, asked: Target) -> str:
        self.begun[asked.id].set()
        try:
            return await self.parts[asked.id](self)
        except asyncio.CancelledError:
            self.cancelled.append(asked.id)
            raise
        finally:
            self.ended[asked.id].set()

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        self.open.append(asked.id)
        try:
            yield ""
            yield await self.call(asked)
            yield END
        finally:
            self.open.remove(asked.id)

    async def ask(self, kind: str, request: Request | None = None) -> str:
        if kind == "astream":
            self.record = self.failover.astream(self.aopen, request, **MARKS)
            return "".join([chunk async for chunk in self.record if chunk != END])
        for _ in range(10):  # how long a plain call usually takes has to be known
            await self.failover.arun(lambda _: asyncio.sleep(0, "hi"))
        self.record = await self.failover.arun(self.call, request)
        return str(self.record.value)

    @property
    def trail(self) -> list[str]:
        return classes(self.record.trail)

    def is_left(self) -> bool:
        assert self.failover.health().in_flight == 0
        assert not self.open
        assert not self.failover._fleet.health.leases.open
        assert not self.failover._fleet.health.news.waiting
        return True


async def hangs(_: Stage) -> str:
    await asyncio.Event().wait()
    return "never"


def says(word: str, *, once: str = "") -> Part:
    """Answers, if need be only ``once`` another one has begun, or "ended b"."""

    async def part(stage: Stage) -> str:
        await until(stage, once)
        return word

    return part


def fails(error: Callable[[], BaseException] = unauthorized, *, once: str = "") -> Part:
    async def part(stage: Stage) -> str:
        await until(stage, once)
        raise error()

    return part


async def until(stage: Stage, once: str) -> None:
    if once:
        what, name = once.split()
        await (stage.begun if what == "begun" else stage.ended)[name].wait()
        await asyncio.sleep(0.002)


BOTH = pytest.mark.parametrize("kind", ["arun", "astream"])


# -- who wins ---------------------------------------------------------------------------------------------------------


@BOTH
async def test_the_backup_wins_and_the_late_call_is_ended(kind: str) -> None:
    stage = Stage(a=hangs, b=says("hi"))
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "hi"
    assert stage.trail == ["a timeout", "b"]
    assert stage.cancelled == ["a"]
    assert stage.is_left()
    a, b = stage.failover.health()["a"], stage.failover.health()["b"]
    assert (a.failures, b.successes, b.backups) == (1, 1, 1)


@BOTH
async def test_the_late_call_wins_and_the_backup_is_ended(kind: str) -> None:
    stage = Stage(a=says("hello", once="begun b"), b=hangs)
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "hello"
    assert stage.trail == ["b cancelled", "a"]
    assert stage.cancelled == ["b"]
    assert stage.is_left()
    assert (stage.failover.health()["a"].failures, stage.failover.health()["b"].failures) == (0, 0)


@BOTH
async def test_the_late_call_fails_while_the_backup_runs(kind: str) -> None:
    stage = Stage(a=fails(once="begun b"), b=says("hi", once="ended a"))
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "hi"
    assert stage.trail == ["a auth", "b"]
    assert stage.is_left()


@BOTH
async def test_the_backup_fails_while_the_late_call_runs(kind: str) -> None:
    stage = Stage(a=says("hello", once="ended b"), b=fails())
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "hello"
    assert stage.trail == ["b auth", "a"]
    assert stage.is_left()


@BOTH
async def test_both_fail_and_a_third_answers(kind: str) -> None:
    stage = Stage(a=fails(once="begun b"), b=fails(broken, once="ended a"), c=says("at last"))
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "at last"
    assert stage.trail == ["a auth", "b server_error", "c"]
    assert stage.is_left()


@BOTH
async def test_both_fail_and_nobody_is_left(kind: str) -> None:
    stage = Stage(a=fails(once="ended b"), b=fails(broken))
    async with no_task_left(), asyncio.timeout(10):
        with pytest.raises(AllTargetsFailed) as ended:
            await stage.ask(kind)
    assert classes(ended.value.trail) == ["b server_error", "a auth"]
    assert stage.is_left()


@BOTH
async def test_the_next_attempt_may_be_late_in_its_turn(kind: str) -> None:
    stage = Stage(a=fails(once="begun b"), b=fails(once="ended a"), c=hangs, d=says("at last"))
    async with no_task_left(), asyncio.timeout(10):
        if kind == "arun":  # c is known, too
            for _ in range(10):
                permit = stage.failover.acquire(among=["c"])
                assert permit is not None
                permit.flow.on_wake = lambda: None
                permit.success()
        assert await stage.ask(kind) == "at last"
    assert stage.trail == ["a auth", "b auth", "c timeout", "d"]
    assert stage.is_left()


@BOTH
async def test_the_deadline_ends_both(kind: str) -> None:
    stage = Stage(a=hangs, b=hangs)
    async with no_task_left(), asyncio.timeout(10):
        with pytest.raises(DeadlineExceeded):
            await stage.ask(kind, Request(deadline=0.06))
    assert sorted(stage.cancelled) == ["a", "b"]
    assert stage.is_left()


@BOTH
async def test_an_answer_in_the_very_moment_in_which_the_backup_wins_is_one_answer(kind: str) -> None:
    go = asyncio.Event()

    async def waits(stage: Stage) -> str:
        await go.wait()
        return "one"

    async def sets_off(stage: Stage) -> str:
        go.set()
        return "one"

    stage = Stage(a=waits, b=sets_off)
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask(kind) == "one"
    assert stage.is_left()
    assert sum(t.attempts for t in stage.failover.health().targets) == (12 if kind == "arun" else 2)


async def test_a_loser_that_answers_its_cancellation_with_an_answer_is_not_heard() -> None:
    async def obstinate(stage: Stage) -> str:
        try:
            return await hangs(stage)
        except asyncio.CancelledError:
            return "too late"

    stage = Stage(a=obstinate, b=says("hi"))
    async with no_task_left(), asyncio.timeout(10):
        assert await stage.ask("arun") == "hi"
    assert stage.trail == ["a timeout", "b"]
    assert stage.is_left()


async def test_a_backup_knows_its_own_attempt() -> None:
    async def tells(_: Stage) -> str:
        return f"{current_attempt().number} {current_attempt().target.id}"

    assert await Stage(a=hangs, b=tells).ask("arun") == "2 b"
    assert await Stage(a=hangs, b=tells).ask("astream") == "2 b"


# -- a stream after its backup has won --------------------------------------------------------------------------------


class Talk(Stage):
    """Where ``a`` hangs, and ``b`` streams words, and what else it is given."""

    def __init__(self, *chunks: object) -> None:
        super().__init__(a=hangs, b=hangs)
        self.chunks = chunks

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        self.open.append(asked.id)
        try:
            yield ""
            if asked.id == "a":
                await hangs(self)
            for chunk in self.chunks:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield str(chunk)
                await asyncio.sleep(0)
        finally:
            self.open.remove(asked.id)

    def listen(self) -> Any:
        self.record = self.failover.astream(self.aopen, **MARKS)
        return self.record


@pytest.mark.parametrize("pause", [0.0, 0.002])
async def test_all_that_the_backup_says_arrives_in_order_and_once(pause: float) -> None:
    words = [f"{n} " for n in range(40)]
    talk, heard = Talk(*words, END, "usage"), list[str]()
    async with no_task_left(), asyncio.timeout(10):
        async for chunk in talk.listen():
            await asyncio.sleep(pause)
            heard.append(chunk)
    assert heard == ["", *words, END, "usage"]
    assert talk.is_left()


async def test_the_backup_dies_after_its_first_content() -> None:
    talk = Talk("once", ConnectionResetError("gone"))
    async with no_task_left(), asyncio.timeout(10):
        chunks = talk.listen()
        assert [await anext(chunks), await anext(chunks)] == ["", "once"]
        with pytest.raises(StreamInterrupted):
            await anext(chunks)
    assert talk.trail == ["a timeout", "b stream_interrupted"]
    assert talk.is_left()


async def test_the_backup_ends_without_its_mark() -> None:
    talk = Talk("once")
    async with no_task_left(), asyncio.timeout(10):
        with pytest.raises(StreamInterrupted):
            [chunk async for chunk in talk.listen()]
    assert talk.is_left()


async def test_a_backup_without_content_but_with_its_mark_is_an_answer() -> None:
    talk = Talk(END)
    async with no_task_left(), asyncio.timeout(10):
        assert [chunk async for chunk in talk.listen()] == ["", END]
    assert talk.trail[-1] == "b"
    assert talk.is_left()


async def test_a_listener_who_leaves_the_backup_leaves_nothing() -> None:
    talk = Talk(*"many words")
    async with no_task_left(), asyncio.timeout(10):
        async with talk.listen() as chunks:
            assert [await anext(chunks), await anext(chunks)] == ["", "m"]
            assert talk.failover.health().in_flight == 1
        assert talk.is_left()
    assert talk.trail == ["a timeout", "b cancelled"]
    assert talk.failover.health()["b"].failures == 0


async def test_a_listener_who_leaves_the_late_call_after_all_leaves_nothing() -> None:
    stage = Stage(a=says("hello", once="begun b"), b=hangs)
    async with no_task_left(), asyncio.timeout(10):
        async with stage.failover.astream(stage.aopen, **MARKS) as chunks:
            assert [await anext(chunks), await anext(chunks)] == ["", "hello"]
        assert stage.is_left()


async def test_a_stream_that_is_dropped_leaves_nothing_in_the_end() -> None:
    talk = Talk(*"many words")
    async with no_task_left(), asyncio.timeout(10):
        chunks = talk.listen()
        talk.record = None
        assert [await anext(chunks), await anext(chunks)] == ["", "m"]
        del chunks
        gc.collect()
        while talk.failover.health().in_flight or talk.open:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
    assert talk.is_left()


# -- who leaves -------------------------------------------------------------------------------------------------------


@BOTH
async def test_the_caller_is_cancelled_in_the_middle_of_a_race(kind: str) -> None:
    stage = Stage(a=hangs, b=hangs)
    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(stage.ask(kind))
        await stage.begun["b"].wait()
        assert stage.failover.health().in_flight == 2
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert sorted(stage.cancelled) == ["a", "b"]
    assert stage.is_left()
    for line in stage.failover.health().targets:
        assert (line.failures, line.health) == (0, "healthy")


@BOTH
async def test_the_caller_is_cancelled_when_only_the_backup_is_left(kind: str) -> None:
    stage = Stage(a=fails(once="begun b"), b=hangs)
    async with no_task_left(), asyncio.timeout(10):
        asking = asyncio.create_task(stage.ask(kind))
        await stage.ended["a"].wait()
        await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert stage.cancelled == ["b"]
    assert stage.is_left()


@BOTH
async def test_fifty_races_at_once_leave_nothing(kind: str) -> None:
    stage = Stage(a=hangs, b=says("hi"))
    async with no_task_left(), asyncio.timeout(20):
        await stage.ask(kind)
        stage.failover.reset()
        asked = stage.failover.arun(stage.call) if kind == "arun" else None
        if asked is not None:
            await asked
        asking = [asyncio.create_task(stage.ask("astream")) for _ in range(50)]
        await asyncio.sleep(0.002)
        for task in asking[::3]:
            task.cancel()
        answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {a for a in answers if isinstance(a, str)} == {"hi"}
    assert stage.is_left()


def test_two_event_loops_race_on_one_failover() -> None:
    answers: list[str] = []
    failover = Failover(chain(2), Policy(strategy="sequential", latency=SOON), rng=Random(1))

    async def race() -> None:
        stage = Stage(a=hangs, b=says("hi"))
        stage.failover = failover
        async with no_task_left(), asyncio.timeout(20):
            answers.extend(await asyncio.gather(*(stage.ask("astream") for _ in range(10))))

    threads = [Thread(target=lambda: asyncio.run(race())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == ["hi"] * 20
    assert failover.health().in_flight == 0
    lines = failover.health().targets
    assert sum(line.successes for line in lines) == 20


async def test_backups_that_are_off_are_off() -> None:
    fo = Failover([target("a"), target("b", 1)], Policy(latency=SOON, backups="off", first_content_timeout=0.05))
    begun = []

    async def open_(asked: Target) -> AsyncIterator[str]:
        begun.append(fo.health().in_flight)
        if asked.id == "a":
            await asyncio.Event().wait()
        yield "hi"

    async with no_task_left(), asyncio.timeout(10):
        assert [chunk async for chunk in fo.astream(open_)] == ["hi"]
    assert begun == [1, 1]
