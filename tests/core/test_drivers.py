"""One policy under six drivers: the same trail through all of them, and what a call knows of its attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from core.played import classes, failover
from core.scripted import (
    blocked,
    broken,
    chain,
    invalid,
    overloaded,
    rate_limited,
    target,
    tier,
    too_long,
    unauthorized,
)

from failover_plugin import Failover, Policy, Request, current_attempt
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, FailoverError, StreamInterrupted
from failover_plugin.health_report import TargetHealth
from failover_plugin.model import ErrorClass, Target, Trail
from failover_plugin.testing import FakeClock, Script

# -- one script, one trail --------------------------------------------------------------------------------------------

WINDOWS = [target("a", context_window=100), target("b", 1, context_window=50), target("c", 2, context_window=200)]

STORIES: Mapping[str, tuple[Sequence[Target], Mapping[str, Sequence[object]]]] = {
    "all is well": (chain(2), {"a": ["hello"], "b": ["hi"]}),
    "a short rate limit": (chain(2), {"a": [rate_limited(2), "hello"], "b": ["hi"]}),
    "a long rate limit": (chain(2), {"a": [rate_limited(60)], "b": ["hi"]}),
    "once broken": (chain(2), {"a": [broken(), "hello"], "b": ["hi"]}),
    "overloaded for good": (chain(2), {"a": [overloaded()], "b": ["hi"]}),
    "a dead key": (chain(2), {"a": [unauthorized()], "b": ["hi"]}),
    "refused everywhere": (chain(3), {i: [ConnectionRefusedError("nobody home")] for i in "abc"}),
    "silence": (chain(2), {"a": [TimeoutError("too slow")], "b": ["hi"]}),
    "a long prompt": (WINDOWS, {"a": [too_long()], "b": ["hi"], "c": ["at length"]}),
    "a wrong request": (chain(2), {"a": [invalid()], "b": ["hi"]}),
    "equals that fail by turns": (tier(4), {i: [broken(), "hello"] for i in "abcd"}),
    "one breaks and one is odd": (tier(3), {"a": [broken()], "b": [RuntimeError("odd")], "c": [broken(), "hello"]}),
}


def run(failover: Failover, script: Script, request: Request | None) -> tuple[str, Trail]:
    result = failover.run(script.call, request)
    return result.value, result.trail


def arun(failover: Failover, script: Script, request: Request | None) -> tuple[str, Trail]:
    async def main() -> tuple[str, Trail]:
        result = await failover.arun(script.acall, request)
        return result.value, result.trail

    return asyncio.run(main())


def stream(failover: Failover, script: Script, request: Request | None) -> tuple[str, Trail]:
    chunks = failover.stream(script.open, request)
    return "".join(chunks), chunks.trail


def astream(failover: Failover, script: Script, request: Request | None) -> tuple[str, Trail]:
    async def main() -> tuple[str, Trail]:
        chunks = failover.astream(script.aopen, request)
        return "".join([chunk async for chunk in chunks]), chunks.trail

    return asyncio.run(main())


def told(driver: Callable[..., tuple[str, Trail]], name: str, *, deadlines: str = "client") -> list[object]:
    """Four requests under one script: answers or errors, trails, waits and the health they leave."""
    targets, plan = STORIES[name]
    clock = FakeClock()
    failover = Failover(targets, Policy(sync_deadlines=deadlines), clock=clock, rng=Random(3))  # type: ignore[arg-type]
    script, record = Script(clock, plan, takes=0.25), []
    for _ in range(4):
        try:
            answer, trail = driver(failover, script, Request(deadline=30.0))
        except Exception as error:  # noqa: BLE001 - whatever it ends with
            answer, trail = repr(error), vars(error)["trail"]
        record.append((answer, trail.as_dict(), str(trail)))
    return [record, script.asked, clock.slept, *map(well, failover.health().targets), failover.health().scopes]


def well(line: TargetHealth) -> TargetHealth:
    """But for what only streams, or only those who can race, measure."""
    return replace(line, usual=None, deviation=None)


@pytest.mark.parametrize("name", STORIES)
def test_one_script_gives_the_same_trail_through_all_of_them(name: str) -> None:
    plain = told(run, name)
    for driver in (arun, stream, astream):
        assert told(driver, name) == plain
    for driver in (run, stream):
        assert told(driver, name, deadlines="thread") == plain


def test_the_stories_are_not_all_the_same() -> None:
    assert len({str(told(run, name)[:3]) for name in STORIES}) == len(STORIES)


# -- what a call knows ------------------------------------------------------------------------------------------------


def test_a_call_knows_its_attempt() -> None:
    seen = []

    def call(asked: Target) -> str:
        attempt = current_attempt()
        seen.append((attempt.number, attempt.target, attempt.timeout))
        if asked.id == "a":
            raise unauthorized()
        return "hi"

    fo = failover(attempt_timeout=50.0)
    result = fo.run(call)
    assert seen == [(1, fo.targets[0], 50.0), (2, fo.targets[1], 50.0)]
    assert (result.value, result.target) == ("hi", fo.targets[1])


async def test_an_async_call_knows_its_attempt_even_after_waiting() -> None:
    async def call(asked: Target) -> int:
        await asyncio.sleep(0)
        return current_attempt().number

    assert (await failover().arun(call)).value == 1


def test_whoever_opens_a_stream_knows_the_attempt() -> None:
    def open_(asked: Target) -> Iterator[str]:
        return iter([current_attempt().target.id])

    assert list(failover().stream(open_)) == ["a"]


def test_a_generator_knows_the_attempt_it_streams() -> None:
    def open_(asked: Target) -> Iterator[str]:
        yield current_attempt().target.id
        yield current_attempt().target.id

    assert list(failover().stream(open_)) == ["a", "a"]


async def test_an_async_generator_knows_the_attempt_it_streams() -> None:
    async def open_(asked: Target) -> AsyncIterator[str]:
        yield current_attempt().target.id
        await asyncio.sleep(0)
        yield current_attempt().target.id

    assert [chunk async for chunk in failover().astream(open_)] == ["a", "a"]


def test_outside_of_a_call_there_is_no_attempt() -> None:
    with pytest.raises(LookupError):
        current_attempt()
    failover().run(lambda _: "hi")
    chunks = failover().stream(lambda _: iter("hi"))
    next(chunks)
    with pytest.raises(LookupError):
        current_attempt()


# -- what an error says -----------------------------------------------------------------------------------------------


def test_an_error_the_caller_gets_as_it_is_carries_the_trail() -> None:
    error = blocked()
    with pytest.raises(type(error)) as raised:
        failover().run(Script(FakeClock(), {"a": [error]}).call)
    assert raised.value is error
    assert classes(vars(error)["trail"]) == ["a content_policy"]


def test_a_future_that_was_cancelled_elsewhere_is_not_the_targets_fault() -> None:
    from concurrent.futures import CancelledError

    fo = failover()
    with pytest.raises(CancelledError):
        fo.run(Script(FakeClock(), {"a": [CancelledError()]}).call)
    assert (fo.health()["a"].failures, fo.health().in_flight) == (0, 0)


def test_every_error_of_ours_has_one_base() -> None:
    for kind in (AllTargetsFailed, DeadlineExceeded, StreamInterrupted):
        assert issubclass(kind, FailoverError)
    assert ErrorClass.TIMEOUT == "timeout"


@pytest.mark.parametrize("driver", [run, arun, stream, astream])
def test_what_the_caller_was_handling_already_says_nothing_of_the_target(
    driver: Callable[..., tuple[str, Trail]],
) -> None:
    fo = failover(*chain(1))
    try:
        raise unauthorized()
    except Exception:  # noqa: BLE001 - whatever it is
        with pytest.raises(AllTargetsFailed) as ended:
            driver(fo, Script(FakeClock(), {"a": [RuntimeError("odd")]}), None)
    assert classes(ended.value.trail) == ["a unknown"]


def test_an_error_that_comes_back_while_it_is_handled_counts() -> None:
    fo, error = failover(*chain(1)), unauthorized()
    try:
        raise error
    except Exception:  # noqa: BLE001 - as above
        with pytest.raises(AllTargetsFailed) as ended:
            run(fo, Script(FakeClock(), {"a": [error]}), None)
    assert classes(ended.value.trail) == ["a auth"]
