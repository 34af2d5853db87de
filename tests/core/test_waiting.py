"""Waiting for a place, or for who is due back: in order, with patience, never past the deadline."""

from __future__ import annotations

import asyncio
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from core.played import no_task_left, real
from core.scripted import Story, World, chain, overloaded, rate_limited, target, tier

from failover_plugin import Failover, Policy, Request
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded
from failover_plugin.flow import Sleep
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock


def world(*targets: Target, **policy: Any) -> World:
    return World(targets, Policy(**({"strategy": "sequential"} | policy)))


def narrow() -> Target:
    """It takes one call at a time."""
    return target("a", max_parallel=1)


def waits(story: Story) -> float:
    step = story.next()
    assert isinstance(step, Sleep), step
    return step.seconds


# -- for a full target ------------------------------------------------------------------------------------------------


def test_a_full_target_sends_requests_elsewhere_first() -> None:
    fleet = world(narrow(), target("b", 1))
    fleet.request().asks("a")
    story = fleet.request().asks("b")
    assert "1 calls under way, no more at once" in str(story.flow.trail)


def test_with_nobody_else_a_request_waits_for_a_place_and_gets_it() -> None:
    fleet = world(narrow())
    first, second = fleet.request().asks("a"), fleet.request()
    assert 0 < waits(second) <= 1.0
    fleet.clock.advance(0.5)
    first.succeeds()
    second.asks("a").succeeds()
    assert fleet.in_flight == 0


def test_patience_ends_and_the_request_fails_fast() -> None:
    fleet = world(narrow(), patience=2.5)
    fleet.request().asks("a")
    story, began = fleet.request(), fleet.clock.now
    while isinstance(step := story.next(), Sleep):
        fleet.clock.advance(step.seconds)
    assert isinstance(step.error, AllTargetsFailed)  # type: ignore[union-attr]
    assert fleet.clock.now - began == pytest.approx(2.5)
    assert "1 calls under way" in str(step.error)  # type: ignore[union-attr]


def test_who_wakes_after_the_deadline_asks_nobody_any_more() -> None:
    """The machine was asleep, or the loop blocked: the place is free, and the caller has gone."""
    fleet = world(narrow())
    first, story = fleet.request().asks("a"), fleet.request(Request(deadline=5.0))
    waits(story)
    first.succeeds(after=6.0)
    assert isinstance(story.gives_up(), DeadlineExceeded)
    assert fleet.line("a").attempts == 1


def test_without_patience_nobody_waits() -> None:
    fleet = world(narrow(), patience=0.0)
    fleet.request().asks("a")
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed)


def test_nobody_waits_for_a_place_beyond_the_deadline() -> None:
    fleet = world(narrow())
    fleet.request().asks("a")
    assert isinstance(fleet.request(Request(deadline=0.3)).gives_up(), AllTargetsFailed)


def test_a_deadline_that_passes_while_waiting_says_so() -> None:
    fleet = world(narrow())
    fleet.request().asks("a")
    story = fleet.request(Request(deadline=3.0))
    waits(story)
    fleet.clock.advance(3.0)
    assert isinstance(story.gives_up(), DeadlineExceeded)


def test_a_request_that_fails_fast_says_when_to_come_back() -> None:
    fleet = world(*chain(2))
    fleet.wear_out("a", "rate_limit", after=60)
    fleet.wear_out("b", "rate_limit", after=20)
    error = fleet.request().gives_up()
    assert isinstance(error, AllTargetsFailed)
    assert error.retry_after == pytest.approx(21, abs=1.1)


def test_places_are_given_in_the_order_of_coming() -> None:
    fleet = world(narrow())
    first, woken = fleet.request().asks("a"), list[int]()
    stories = []
    for number in range(3):
        story = fleet.request()
        story.flow.on_wake = lambda number=number: woken.append(number)
        waits(story)
        stories.append(story)
    first.succeeds()
    assert woken[0] == 0
    stories[0].asks("a")


def test_a_limit_that_only_latency_suggests_gives_way_to_patience() -> None:
    fleet = world(*tier(1))
    standing = fleet.fleet.health.roster.by_id["a"]
    stories = [fleet.request().asks("a") for _ in range(4)]
    limit = fleet.fleet.health.trouble.capacity.limit(standing)
    limit.shrink(4, fleet.clock.now)
    fleet.fleet.health.review(standing, fleet.clock.now)
    story, waited = fleet.request(), 0.0
    while isinstance(step := story.next(), Sleep):
        waited += step.seconds
        fleet.clock.advance(step.seconds)
    assert waited == pytest.approx(2.5)
    assert fleet.line("a").in_flight == len(stories) + 1


def test_a_limit_that_the_server_asked_for_does_not_give_way() -> None:
    fleet = world(*tier(1), same_target_retries=0)
    stories = [fleet.request().asks("a") for _ in range(4)]
    stories[0].speaks()
    stories[1].fails(overloaded())
    story = fleet.request()
    for _ in range(4):
        step = story.next()
        if isinstance(step, Sleep):
            fleet.clock.advance(step.seconds)
    assert fleet.line("a").in_flight == 3


# -- for who is due back ----------------------------------------------------------------------------------------------


def test_a_request_woken_in_its_pause_waits_for_the_rest_of_it() -> None:
    fleet = world(*chain(1))
    story = fleet.request().asks("a").fails(rate_limited(2))
    pause = waits(story)
    fleet.clock.advance(0.5)
    assert waits(story) == pytest.approx(pause - 0.5)
    fleet.clock.advance(pause - 0.5)
    story.asks("a")


def test_a_pause_after_an_overload_is_not_cut_short_either() -> None:
    fleet = world(*chain(1))
    story = fleet.request().asks("a").fails(overloaded())
    pause = waits(story)
    fleet.clock.advance(pause / 2)
    assert waits(story) == pytest.approx(pause / 2)


def test_a_request_woken_in_its_pause_goes_to_a_sibling_that_is_back() -> None:
    fleet = world(*tier(2))
    fleet.failover.disable("b")
    story = fleet.request().asks("a").fails(rate_limited(2))
    waits(story)
    fleet.failover.enable("b")
    story.asks("b")


def test_a_target_that_is_enabled_again_wakes_who_waits() -> None:
    fleet = world(target("a", enabled=False), target("b", 1))
    fleet.wear_out("b", "rate_limit", after=1)
    story, woken = fleet.request(), list[bool]()
    story.flow.on_wake = lambda: woken.append(True)
    waits(story)
    fleet.failover.enable("a")
    assert woken == [True]
    story.asks("a")


def test_replaced_targets_wake_who_waits() -> None:
    fleet = world(*chain(1))
    fleet.wear_out("a", "rate_limit", after=1)
    story, woken = fleet.request(), list[bool]()
    story.flow.on_wake = lambda: woken.append(True)
    waits(story)
    fleet.failover.replace_targets([target("c")])
    assert woken
    story.asks("c")


# -- through the drivers ----------------------------------------------------------------------------------------------


def test_sync_code_is_woken_by_a_place_long_before_it_would_look_again() -> None:
    fo = Failover([narrow()], Policy(patience=30), rng=Random(1))
    begun, go, answers = Event(), Event(), list[str]()

    def hold(_: Target) -> str:
        begun.set()
        go.wait(10)
        return "first"

    holder = Thread(target=lambda: answers.append(fo.run(hold).value))
    holder.start()
    begun.wait(10)
    waiter = Thread(target=lambda: answers.append(fo.run(lambda _: "second").value))
    waiter.start()
    while not fo._fleet.health.news.waiting:
        pass
    go.set()
    holder.join(10)
    waiter.join(10)
    assert sorted(answers) == ["first", "second"]
    assert not fo._fleet.health.news.waiting


@pytest.mark.parametrize("sync_deadlines", ["client", "thread"])
def test_who_gave_up_waiting_does_not_stand_in_line_any_more(sync_deadlines: str) -> None:
    class Impatient(FakeClock):
        def sleep(self, seconds: float, woken: Event | None = None) -> None:
            raise KeyboardInterrupt

    fo = Failover([narrow()], Policy(sync_deadlines=sync_deadlines), clock=Impatient())  # type: ignore[arg-type]
    assert fo.acquire() is not None
    with pytest.raises(KeyboardInterrupt):
        fo.run(lambda _: "hi")
    assert not fo._fleet.health.news.waiting
    assert fo.health().in_flight == 1


async def test_tasks_that_wait_are_served_one_after_the_other() -> None:
    fo, order = Failover([narrow()], Policy(patience=30), rng=Random(1)), list[int]()
    gates = [asyncio.Event() for _ in range(4)]

    async def request(number: int) -> None:
        async def call(_: Target) -> str:
            order.append(number)
            await gates[number].wait()
            return "hi"

        await fo.arun(call)

    async with no_task_left(), asyncio.timeout(10):
        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(request(number)))
            await asyncio.sleep(0)
        for number in range(4):
            while len(order) <= number:
                await asyncio.sleep(0)
            gates[number].set()
        await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]
    assert not fo._fleet.health.news.waiting


async def test_cancelling_a_task_that_waits_frees_its_place_in_line() -> None:
    fo = Failover([narrow()], Policy(patience=30), rng=Random(1))
    permit = fo.acquire()
    assert permit is not None
    async with no_task_left(), asyncio.timeout(10):
        waiting = asyncio.create_task(fo.arun(lambda _: asyncio.sleep(0, "never")))
        while not fo._fleet.health.news.waiting:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert not fo._fleet.health.news.waiting
    permit.success()
    assert fo.health().in_flight == 0


async def test_a_place_that_becomes_free_in_another_thread_wakes_a_task() -> None:
    fo = Failover([narrow()], Policy(patience=30), rng=Random(1))
    permit = fo.acquire()
    assert permit is not None
    async with asyncio.timeout(10):
        waiting = asyncio.create_task(fo.arun(lambda _: asyncio.sleep(0, "hi")))
        while not fo._fleet.health.news.waiting:
            await asyncio.sleep(0)
        await asyncio.to_thread(permit.success)
        assert (await waiting).value == "hi"


async def test_a_deadline_passes_while_a_task_waits() -> None:
    fo = real(narrow(), patience=30)
    assert fo.acquire() is not None
    with pytest.raises((AllTargetsFailed, DeadlineExceeded)):
        await fo.arun(lambda _: asyncio.sleep(0, "never"), Request(deadline=0.05))
    assert not fo._fleet.health.news.waiting


def test_without_patience_a_target_is_tried_again_at_once() -> None:
    world(*chain(2), patience=0.0).request().asks("a").fails(overloaded()).asks("a")
