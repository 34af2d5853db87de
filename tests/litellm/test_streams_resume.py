"""``stream_failover="resume"``: a chat stream that dies goes on elsewhere as one text, or ends in its own error."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import Emulator, faults
from support.watching import HI, KINDS, Host, close_clients, collect

TALE = "Once upon a time there was a model that wrote."

MakeHost = Callable[..., Host]

_numbers = itertools.count()

both_ways = pytest.mark.parametrize("kind", ["chat", "achat"])


@pytest.fixture(scope="module", autouse=True)
def _collect() -> Iterator[None]:
    yield
    collect()


@pytest.fixture
async def make(emulator: Emulator) -> AsyncIterator[MakeHost]:
    """A host whose primary dies after two thirds of the tale."""
    number = next(_numbers)

    def host(kind: str, *, reply: str = TALE, prefill: bool = False, sites: int = 2, **policy: Any) -> Host:
        names = ("primary", "backup", "third")[:sites]
        found = {name: emulator.site(f"{name}-resumed-{number}", reply=TALE) for name in names}
        found["backup"].reply = reply
        found["primary"].fail(faults.cut())
        settings = {"stream_failover": "resume", "same_target_retries": 0, "strategy": "sequential"} | policy
        return Host(KINDS[kind], found, Policy(**settings), prefill=("backup",) if prefill else ())

    yield host
    await close_clients()


async def listen(host: Host) -> list[Any]:
    """All chunks of a stream that is resumed."""
    stream = await host.open(host.resume)
    if host.kind.is_async:
        return [chunk async for chunk in stream]
    return await asyncio.to_thread(lambda: list(stream))


def text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@both_ways
@pytest.mark.parametrize("prefill", [True, False], ids=["by a prefix", "by repeating"])
async def test_the_text_is_whole_and_one_stream(make: MakeHost, kind: str, *, prefill: bool) -> None:
    host = make(kind, prefill=prefill)
    chunks = await listen(host)
    assert text(chunks) == TALE
    assert host.settled == ["primary failure", "backup success"]
    assert host.in_flight == 0
    assert len({chunk.id for chunk in chunks}) == len({chunk.model for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices[0].delta.role] == ["assistant"]
    (asked,) = host.sites["backup"].requests
    (prefix,) = host.prefixes
    assert asked.body["messages"] == ([*HI, {"role": "assistant", "content": prefix}] if prefill else HI)
    assert (prefix is not None) is prefill
    assert TALE.startswith(prefix or "")


@both_ways
async def test_a_word_that_was_cut_in_the_middle_is_completed(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].reply = "Once upon a ti"
    host.sites["primary"].fail(faults.early_end(1.0))
    chunks = await listen(host)
    assert text(chunks) == TALE
    assert "me " in [chunk.choices[0].delta.content for chunk in chunks]


@both_ways
async def test_another_text_ends_in_the_error_that_broke_the_first(make: MakeHost, kind: str) -> None:
    host = make(kind, reply="Quite another story.")
    stream = await host.open(host.resume)
    with pytest.raises(Exception, match=r"(?i)connection|peer|incomplete") as broken:
        await host.read(stream)
    assert [attempt.target for attempt in broken.value.trail.attempts] == ["primary", "backup"]
    assert host.in_flight == 0
    assert await host.hung_up("backup")


@both_ways
async def test_a_shorter_text_ends_in_the_error_that_broke_the_first(make: MakeHost, kind: str) -> None:
    host = make(kind, reply="Once upon a time")
    stream = await host.open(host.resume)
    with pytest.raises(Exception, match=r"(?i)connection|peer|incomplete"):
        await host.read(stream)
    assert host.in_flight == 0


@both_ways
async def test_a_target_that_refuses_the_prefix_shows_nobody_its_refusal(make: MakeHost, kind: str) -> None:
    host = make(kind, prefill=True)
    host.sites["backup"].prefill = "refuse"
    stream = await host.open(host.resume)
    with pytest.raises(Exception, match=r"(?i)connection|peer|incomplete") as broken:
        await host.read(stream)
    assert not hasattr(broken.value, "status_code") or broken.value.status_code != 400
    assert [attempt.target for attempt in broken.value.trail.attempts] == ["primary", "backup"]
    assert host.in_flight == 0


@both_ways
async def test_the_third_goes_on_where_the_second_dies(make: MakeHost, kind: str) -> None:
    host = make(kind, sites=3)
    host.sites["backup"].fail(faults.cut(0.9))
    assert text(await listen(host)) == TALE
    assert host.settled == ["primary failure", "backup failure", "third success"]


@both_ways
@pytest.mark.parametrize(
    "fault", [faults.overloaded(), faults.stream_error(), faults.early_end(0)], ids=lambda fault: fault.name
)
async def test_who_fails_before_a_word_is_passed_over(make: MakeHost, kind: str, fault: Any) -> None:
    host = make(kind, sites=3)
    host.sites["backup"].fail(fault)
    assert text(await listen(host)) == TALE
    assert host.settled == ["primary failure", "backup failure", "third success"]


@both_ways
@pytest.mark.parametrize("fault", [faults.stream_error(3), faults.early_end(), faults.failed()], ids=lambda f: f.name)
async def test_however_it_dies_it_is_gone_on_with(make: MakeHost, kind: str, fault: Any) -> None:
    host = make(kind)
    host.sites["primary"].fail(fault)
    assert text(await listen(host)) == TALE


async def test_silence_is_a_death_too(make: MakeHost) -> None:
    host = make("achat", idle_timeout=0.3)
    host.sites["primary"].fail(faults.stall())
    assert text(await listen(host)) == TALE
    assert await host.hung_up()


async def test_who_keeps_silent_from_the_start_is_given_up(make: MakeHost) -> None:
    host = make("achat", sites=3, first_content_timeout=0.5)
    host.sites["backup"].fail(faults.stall(0))
    assert text(await listen(host)) == TALE
    assert host.settled == ["primary failure", "backup failure", "third success"]
    assert await host.hung_up("backup")


async def test_a_caller_who_leaves_while_another_is_asked_leaves_nothing_behind(make: MakeHost) -> None:
    host = make("achat")
    host.sites["backup"].fail(faults.hang())
    reading = asyncio.create_task(host.read(await host.open(host.resume)))
    while not host.sites["backup"].requests:
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert host.settled == ["primary failure", "backup cancel"]
    assert host.in_flight == 0
    assert await host.hung_up("backup")


@both_ways
async def test_a_tool_call_is_not_gone_on_with(make: MakeHost, kind: str) -> None:
    host = make(kind)
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string"}}},
        },
    }
    stream = await host.open(host.resume, tools=[tool], tool_choice="required")
    with pytest.raises(Exception, match=r"(?i)connection|peer|incomplete"):
        await host.read(stream)
    assert not host.sites["backup"].requests


@both_ways
async def test_without_leave_it_ends_in_its_own_error(make: MakeHost, kind: str) -> None:
    host = make(kind, max_attempts=1)
    stream = await host.open(host.resume)
    with pytest.raises(Exception, match=r"(?i)connection|peer|incomplete") as broken:
        await host.read(stream)
    assert broken.value.trail.attempts
    assert host.settled == ["primary failure"]


@both_ways
async def test_a_new_permit_is_told_to_the_watch(make: MakeHost, kind: str) -> None:
    class Watch:
        permit: Any = None

    host = make(kind)
    stream = await host.open(host.resume)
    stream.failover_watch = Watch()
    assert await host.read(stream) == TALE
    assert stream.failover_watch.permit.target.id == "backup"
