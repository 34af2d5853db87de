"""The drivers: one script, one trail, sync or async, plain or streamed; deadlines, cancellation, finish marks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from random import Random
from threading import Thread
from typing import Any

import pytest
from core.scripted import broken, chain, invalid, overloaded, rate_limited, target, tier, too_long, unauthorized

from failover_plugin import Failover, Policy, Request, current_attempt
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, FailoverError, StreamInterrupted
from failover_plugin.flow import GRACE
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


def told(driver: Callable[..., tuple[str, Trail]], name: str) -> list[object]:
    """Four requests under one script: answers or errors, trails, waits and the health they leave."""
    targets, plan = STORIES[name]
    clock = FakeClock()
    failover = Failover(targets, clock=clock, rng=Random(3))
    script, record = Script(clock, plan, takes=0.25), []
    for _ in range(4):
        try:
            answer, trail = driver(failover, script, Request(deadline=30.0))
        except Exception as error:  # noqa: BLE001 - whatever it ends with
            answer, trail = repr(error), vars(error)["trail"]
        record.append((answer, trail.as_dict(), str(trail)))
    return [record, script.asked, clock.slept, failover.health().as_dict()]


@pytest.mark.parametrize("name", STORIES)
def test_one_script_gives_the_same_trail_through_all_four(name: str) -> None:
    plain = told(run, name)
    for driver in (arun, stream, astream):
        assert told(driver, name) == plain


def test_the_stories_are_not_all_the_same() -> None:
    assert len({str(told(run, name)[:3]) for name in STORIES}) == len(STORIES)


# -- what a call knows ------------------------------------------------------------------------------------------------


def failover(*targets: Target, clock: FakeClock | None = None, **policy: Any) -> Failover:
    return Failover(targets or chain(2), Policy(**policy), clock=clock or FakeClock(), rng=Random(1))


def real(*targets: Target, **policy: Any) -> Failover:
    """On the machine's own clock, for deadlines that a loop keeps."""
    return Failover(targets or chain(2), Policy(**policy), rng=Random(1))


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


# -- streams ----------------------------------------------------------------------------------------------------------

END = "<end>"


def finished(chunk: str) -> bool:
    return chunk == END


def content(chunk: str) -> bool:
    return chunk not in {"", END}


MARKS = {"has_content": content, "is_finished": finished}

Plan = Mapping[str, Sequence[object]]


class Streams:
    """Streams that play chunks and raise exceptions, in order; counts how many were opened and closed."""

    def __init__(self, **plan: Sequence[object]) -> None:
        self.plan = plan
        self.opened: list[str] = []
        self.closed: list[str] = []

    def open(self, asked: Target) -> Iterator[str]:
        self.opened.append(asked.id)
        try:
            for chunk in self.plan[asked.id]:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield str(chunk)
        finally:
            self.closed.append(asked.id)

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        with contextlib.closing(self.open(asked)) as chunks:
            for chunk in chunks:
                await asyncio.sleep(0)
                yield chunk


class Played:
    """What a listener got: chunks, then an end or an error."""

    def __init__(self, fo: Failover, streams: Streams, *, marks: bool, asynchronous: bool) -> None:
        self.chunks: list[str] = []
        self.error: BaseException | None = None
        self.fo, self.streams, self.marks = fo, streams, MARKS if marks else {}
        try:
            asyncio.run(self.listen_async()) if asynchronous else self.listen()
        except Exception as error:  # noqa: BLE001 - whatever it ends with
            self.error = error

    def listen(self) -> None:
        source = self.fo.stream(self.streams.open, **self.marks)
        self.record = source
        for chunk in source:
            self.chunks.append(chunk)

    async def listen_async(self) -> None:
        source = self.fo.astream(self.streams.aopen, **self.marks)
        self.record = source
        async for chunk in source:
            self.chunks.append(chunk)


@pytest.fixture(params=["stream", "astream"])
def play(request: pytest.FixtureRequest) -> Callable[..., Played]:
    def play(fo: Failover, streams: Streams, *, marks: bool = True) -> Played:
        return Played(fo, streams, marks=marks, asynchronous=request.param == "astream")

    return play


def classes(trail: Trail) -> list[str]:
    return [a.target if a.diagnosis is None else f"{a.target} {a.diagnosis.error_class}" for a in trail.attempts]


def test_held_back_chunks_are_delivered_once_and_in_order(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", "", "one", "", "two", END]))
    assert heard.chunks == ["", "", "one", "", "two", END]
    assert heard.error is None
    assert heard.record.trail.attempts[0].ok
    assert heard.record.target is not None
    assert heard.record.target.id == "a"


def test_what_a_dead_stream_had_held_back_is_never_delivered(play: Callable[..., Played]) -> None:
    streams = Streams(a=["", "", TimeoutError("too slow")], b=["", "hi", END])
    heard = play(failover(), streams)
    assert heard.chunks == ["", "hi", END]
    assert classes(heard.record.trail) == ["a timeout", "b"]
    assert streams.closed == ["a", "b"]


def test_a_stream_without_content_but_with_its_mark_is_whole(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", END]))
    assert (heard.chunks, heard.error) == (["", END], None)


def test_a_stream_of_nothing_is_whole_where_no_mark_is_due(play: Callable[..., Played]) -> None:
    assert play(failover(), Streams(a=[]), marks=False).error is None


def test_an_end_without_mark_before_content_goes_elsewhere(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", ""], b=["hi", END]))
    assert heard.chunks == ["hi", END]
    assert classes(heard.record.trail) == ["a stream_interrupted", "b"]


def test_an_end_without_mark_after_content_is_an_error_and_never_a_short_text(play: Callable[..., Played]) -> None:
    streams = Streams(a=["on", "ce"], b=["hi", END])
    heard = play(failover(), streams)
    assert heard.chunks == ["on", "ce"]
    assert isinstance(heard.error, StreamInterrupted)
    assert heard.error.trail == heard.record.trail
    assert classes(heard.record.trail) == ["a stream_interrupted"]
    assert streams.opened == ["a"]


def test_a_death_after_content_is_raised_from_its_cause(play: Callable[..., Played]) -> None:
    cause = ConnectionResetError("gone")
    fo = failover()
    heard = play(fo, Streams(a=["once", cause]))
    assert heard.chunks == ["once"]
    assert isinstance(heard.error, StreamInterrupted)
    assert heard.error.__cause__ is cause
    assert fo.health()["a"].failures == 1
    assert fo.health().in_flight == 0


def test_an_error_after_the_finish_mark_does_not_matter(play: Callable[..., Played]) -> None:
    fo = failover()
    heard = play(fo, Streams(a=["once", END, ConnectionResetError("gone")]))
    assert (heard.chunks, heard.error) == (["once", END], None)
    assert (fo.health()["a"].successes, fo.health()["a"].failures) == (1, 0)


def test_an_error_after_the_mark_of_an_empty_answer_does_not_matter(play: Callable[..., Played]) -> None:
    heard = play(failover(), Streams(a=["", END, ConnectionResetError("gone")]))
    assert (heard.chunks, heard.error) == (["", END], None)


def test_what_follows_the_finish_mark_is_delivered(play: Callable[..., Played]) -> None:
    assert play(failover(), Streams(a=["once", END, "usage"])).chunks == ["once", END, "usage"]


def test_nobody_answers_a_stream(play: Callable[..., Played]) -> None:
    first = unauthorized()
    heard = play(failover(), Streams(a=[first], b=["", TimeoutError("too slow")]))
    assert isinstance(heard.error, AllTargetsFailed)
    assert heard.error.__cause__ is first
    assert heard.chunks == []


def test_opening_may_fail_at_once_or_return_any_iterable_iterator() -> None:
    def open_(asked: Target) -> Iterator[str]:
        if asked.id == "a":
            raise unauthorized()
        return iter(["hi", END])

    chunks = failover().stream(open_, **MARKS)
    assert chunks.target is None
    assert list(chunks) == ["hi", END]
    assert classes(chunks.trail) == ["a auth", "b"]


def test_a_sync_stream_whose_content_is_overdue_goes_elsewhere_at_the_next_chunk() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        yield ""
        if asked.id == "a":
            clock.advance(9)
        yield ""
        yield "hi"

    chunks = failover(clock=clock, first_content_timeout=8.0).stream(open_)
    assert list(chunks) == ["", "", "hi"]
    assert classes(chunks.trail) == ["a timeout", "b"]
    assert chunks.trail.attempts[0].diagnosis is not None
    assert "first_content_timeout" in chunks.trail.attempts[0].diagnosis.message


def test_content_that_comes_late_is_still_content() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        clock.advance(9)
        yield "hi"

    assert list(failover(clock=clock, first_content_timeout=8.0).stream(open_)) == ["hi"]


def test_a_sync_stream_that_drips_ends_at_the_requests_deadline() -> None:
    clock = FakeClock()

    def open_(asked: Target) -> Iterator[str]:
        for chunk in ("once", "upon", "a", "time", END, "usage"):
            yield chunk
            clock.advance(1)

    fo = failover(clock=clock)
    heard: list[str] = []
    with pytest.raises(DeadlineExceeded) as ended:
        heard.extend(fo.stream(open_, Request(deadline=2.5), **MARKS))
    assert heard == ["once", "upon", "a"]
    assert "deadline" in str(ended.value.__cause__)
    assert (fo.health()["a"].failures, fo.health().in_flight) == (1, 0)
    assert list(fo.stream(open_, Request(deadline=4.5), **MARKS))[-2:] == [END, "usage"]


def test_what_a_call_was_given_is_let_go_of_after_a_failover() -> None:
    class Prompt:
        pass

    def ask(prompt: Prompt) -> str:
        def call(asked: Target) -> str:
            if asked.id == "a":
                raise ConnectionRefusedError(prompt)
            return "hi"

        return failover().run(call).value

    prompt = Prompt()
    seen = weakref.ref(prompt)
    gc.disable()  # without its help
    try:
        assert ask(prompt) == "hi"
        del prompt
        assert seen() is None
    finally:
        gc.enable()


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


# -- leaving early ----------------------------------------------------------------------------------------------------


def test_closing_a_stream_gives_the_permit_back_at_once() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    chunks = fo.stream(streams.open, **MARKS)
    assert next(chunks) == "once"
    assert fo.health().in_flight == 1
    chunks.close()
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, 0, 0)
    assert streams.closed == ["a"]
    assert classes(chunks.trail) == ["a cancelled"]
    assert list(chunks) == []


def test_leaving_the_with_block_closes_the_stream() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    with fo.stream(streams.open, **MARKS) as chunks:
        next(chunks)
    assert fo.health().in_flight == 0
    assert streams.closed == ["a"]
    assert fo.health()["a"].failures == 0


def test_a_listener_who_leaves_after_the_finish_mark_had_the_whole_answer() -> None:
    fo = failover()
    with fo.stream(Streams(a=["once", END, "usage"]).open, **MARKS) as chunks:
        assert [next(chunks), next(chunks)] == ["once", END]
    assert fo.health()["a"].successes == 1


def test_a_stream_that_is_dropped_gives_its_permit_back() -> None:
    fo = failover()
    chunks = fo.stream(Streams(a=["once", "upon"]).open)
    next(chunks)
    del chunks
    gc.collect()
    assert fo.health().in_flight == 0


def test_a_stream_that_is_dropped_while_an_outcome_is_booked_locks_nobody_out() -> None:
    """A garbage collection may close it in any thread at any time; here, when the lock is held for certain."""
    forgotten: list[Any] = []

    class Collecting(Random):
        def uniform(self, a: float, b: float) -> float:
            forgotten.clear()
            return super().uniform(a, b)

    fo = Failover(chain(2), clock=FakeClock(), rng=Collecting(1))
    forgotten.append(fo.stream(Streams(a=["once", "upon"]).open))
    next(forgotten[0])
    script = Script(FakeClock(), {"a": [unauthorized()], "b": ["hi"]})
    thread = Thread(target=lambda: fo.run(script.call), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert fo.health().in_flight == 0


def test_a_stream_that_nobody_reads_asks_nobody() -> None:
    fo, streams = failover(), Streams(a=["once"])
    fo.stream(streams.open).close()
    assert streams.opened == []
    assert fo.health()["a"].attempts == 0


def test_a_source_that_cannot_be_closed_properly_hides_nothing() -> None:
    class Stubborn:
        def __init__(self, asked: Target) -> None:
            self.chunks = iter(["once", ConnectionResetError("gone")])

        def __iter__(self) -> Stubborn:
            return self

        def __next__(self) -> str:
            chunk = next(self.chunks)
            if isinstance(chunk, Exception):
                raise chunk
            return chunk

        def close(self) -> None:
            raise OSError("cannot close")

    fo = failover()
    chunks = fo.stream(Stubborn)
    with pytest.raises(StreamInterrupted):
        list(chunks)
    with fo.stream(Stubborn) as chunks:
        next(chunks)
    assert fo.health().in_flight == 0


@pytest.mark.parametrize("left", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_of_a_call_gets_through_and_is_evidence_for_nothing(left: type[BaseException]) -> None:
    fo, asked = failover(), []

    def call(target_: Target) -> str:
        asked.append(target_.id)
        raise left

    with pytest.raises(left):
        fo.run(call)
    line = fo.health()["a"]
    assert (asked, line.in_flight, line.failures, line.last_error) == (["a"], 0, 0, None)


def test_a_call_that_never_ends_does_not_hold_its_target_for_good() -> None:
    """It was the probe; a client without a timeout, or an event loop that is gone, never tells how it went."""
    clock = FakeClock()
    fo = failover(*chain(1), clock=clock, patience=0.0)
    for _ in range(3):
        with pytest.raises(AllTargetsFailed):
            fo.run(Script(clock, {"a": [TimeoutError("dead")]}).call)
    clock.advance(60)

    def never_ends(_: Target) -> str:
        with pytest.raises(AllTargetsFailed, match="probe is under way"):
            fo.run(lambda _: "hi")
        clock.advance(120 + GRACE)
        assert fo.run(lambda _: "hi").value == "hi"
        return "too late to be believed"

    fo.run(never_ends)
    assert (fo.health()["a"].successes, fo.health().in_flight) == (1, 0)


def test_an_interruption_of_a_stream_gets_through_and_is_evidence_for_nothing() -> None:
    fo, streams = failover(), Streams(a=["once", KeyboardInterrupt()])
    chunks = fo.stream(streams.open, **MARKS)
    with pytest.raises(KeyboardInterrupt):
        list(chunks)
    line = fo.health()["a"]
    assert (line.in_flight, line.failures, streams.closed) == (0, 0, ["a"])


@contextlib.asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_cancelling_arun_gives_the_permit_back_at_once() -> None:
    fo, begun, asked = failover(), asyncio.Event(), []

    async def call(target_: Target) -> str:
        asked.append(target_.id)
        begun.set()
        await asyncio.Event().wait()
        return "never"

    async with no_task_left():
        task = asyncio.create_task(fo.arun(call))
        await begun.wait()
        assert fo.health().in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
    line = fo.health()["a"]
    assert (asked, line.in_flight, line.failures) == (["a"], 0, 0)


async def test_cancelling_a_pause_asks_nobody_any_more() -> None:
    fo, asked, failed = real(target("a")), [], asyncio.Event()

    async def call(target_: Target) -> str:
        asked.append(target_.id)
        failed.set()
        raise rate_limited(2)

    async with no_task_left():
        task = asyncio.create_task(fo.arun(call))
        await failed.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asked == ["a"]
    assert fo.health().in_flight == 0


async def test_cancelling_astream_midway_gives_the_permit_back_at_once() -> None:
    fo, heard, closed = failover(), asyncio.Event(), []

    async def open_(target_: Target) -> AsyncIterator[str]:
        try:
            yield "once"
            await asyncio.Event().wait()
        finally:
            closed.append((target_.id, fo.health().in_flight))

    async def listen() -> None:
        async for _ in fo.astream(open_):
            heard.set()

    async with no_task_left():
        task = asyncio.create_task(listen())
        await heard.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    line = fo.health()["a"]
    assert [id_ for id_, _ in closed] == ["a"]
    assert (line.in_flight, line.failures) == (0, 0)


class HardToClose:
    """A stream that fails, or has said all it had to, and then takes its time to close."""

    def __init__(self, *chunks: str) -> None:
        self.chunks = iter(chunks)
        self.closing = asyncio.Event()

    def __aiter__(self) -> HardToClose:
        return self

    async def __anext__(self) -> str:
        for chunk in self.chunks:
            return chunk
        raise ConnectionResetError("gone")

    async def aclose(self) -> None:
        self.closing.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(("chunks", "successes"), [((), 0), (("once", END), 1)])
async def test_cancelling_while_a_dead_stream_closes_leaves_no_permit(chunks: Sequence[str], successes: int) -> None:
    fo, source = failover(), HardToClose(*chunks)

    async def listen() -> None:
        async for _ in fo.astream(lambda _: source, **MARKS):
            pass

    async with no_task_left():
        task = asyncio.create_task(listen())
        await source.closing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, successes, 1 - successes)


async def test_closing_an_async_stream_gives_the_permit_back_at_once() -> None:
    fo, streams = failover(), Streams(a=["once", "upon", END])
    async with no_task_left(), fo.astream(streams.aopen, **MARKS) as chunks:
        assert await anext(chunks) == "once"
        assert fo.health().in_flight == 1
    line = fo.health()["a"]
    assert (line.in_flight, line.successes, line.failures) == (0, 0, 0)
    assert streams.closed == ["a"]
    assert classes(chunks.trail) == ["a cancelled"]


async def test_an_async_listener_who_leaves_after_the_finish_mark_had_the_whole_answer() -> None:
    fo = failover()
    async with fo.astream(Streams(a=["once", END, "usage"]).aopen, **MARKS) as chunks:
        assert [await anext(chunks), await anext(chunks)] == ["once", END]
    assert fo.health()["a"].successes == 1


async def test_an_async_source_without_aclose_is_a_source_too() -> None:
    class Plain:
        def __init__(self, asked: Target) -> None:
            self.chunks = iter(["once", "upon"])

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> str:
            try:
                return next(self.chunks)
            except StopIteration:
                raise StopAsyncIteration from None

    fo = failover()
    assert [chunk async for chunk in fo.astream(Plain)] == ["once", "upon"]
    async with fo.astream(Plain) as chunks:
        await anext(chunks)
    assert fo.health().in_flight == 0


async def test_leaving_a_hundred_requests_midway_leaves_nothing() -> None:
    fo = failover(*tier(3))

    async def call(_: Target) -> str:
        await asyncio.Event().wait()
        return "never"

    async with no_task_left():
        tasks = [asyncio.create_task(fo.arun(call)) for _ in range(100)]
        await asyncio.sleep(0)
        assert fo.health().in_flight == 100
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert fo.health().in_flight == 0


# -- deadlines that a loop keeps --------------------------------------------------------------------------------------

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


# -- what an error says -----------------------------------------------------------------------------------------------


def test_an_error_the_caller_gets_as_it_is_carries_the_trail() -> None:
    error = invalid()
    with pytest.raises(type(error)) as raised:
        failover().run(Script(FakeClock(), {"a": [error]}).call)
    assert raised.value is error
    assert classes(vars(error)["trail"]) == ["a invalid_request"]


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


async def test_a_source_that_does_not_close_delays_nobody_for_long() -> None:
    class Stubborn:
        def __aiter__(self) -> Stubborn:
            return self

        async def __anext__(self) -> str:
            raise ConnectionResetError

        async def aclose(self) -> None:
            await asyncio.sleep(30)

    async def good() -> AsyncIterator[str]:
        yield "hi"

    fo = Failover(chain(2), Policy(same_target_retries=0))
    stream = fo.astream(lambda t: Stubborn() if t.id == "a" else good())
    async with asyncio.timeout(5):
        assert [chunk async for chunk in stream] == ["hi"]
