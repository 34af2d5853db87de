"""What holds for every kind of stream: nothing is lost before its content, nothing is whole without its finish mark."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import Emulator, faults
from support.watching import KINDS, LEFT_BEHIND, Host, close_clients, collect

FROM_PRIMARY = "Hello from the primary, all of it."
FROM_BACKUP = "Hello from the backup, all of it."
EARLY = r"(?i)ended (without|before)|ended early|before any terminal event|not whole"

MakeHost = Callable[..., Host]

pytestmark = pytest.mark.filterwarnings(LEFT_BEHIND)

_numbers = itertools.count()

both_ways = pytest.mark.parametrize("kind", KINDS)
asynchronous = pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.is_async])


@pytest.fixture(scope="module", autouse=True)
def _collect() -> Iterator[None]:
    yield
    collect()


@pytest.fixture
async def make(emulator: Emulator) -> AsyncIterator[MakeHost]:
    number = next(_numbers)

    def host(kind: str, **policy: Any) -> Host:
        if KINDS[kind].ask.startswith("anthropic"):
            pytest.importorskip("fastapi", reason="LiteLLM imports it for /v1/messages")
        names = ("primary", "backup")
        sites = {
            name: emulator.site(f"{name}-watched-{number}", reply=f"Hello from the {name}, all of it.")
            for name in names
        }
        return Host(KINDS[kind], sites, Policy(**policy))

    yield host
    await close_clients()


async def _until(true: Callable[[], bool]) -> bool:
    for _ in range(100):
        if true():
            return True
        await asyncio.sleep(0.01)
    return False


@both_ways
async def test_a_healthy_stream_is_whole_and_a_success(make: MakeHost, kind: str) -> None:
    host = make(kind)
    assert await host.ask() == FROM_PRIMARY
    assert host.settled == ["primary success"]
    assert host.in_flight == 0


@both_ways
async def test_litellm_takes_a_watched_stream_for_one_of_its_own(make: MakeHost, kind: str) -> None:
    host = make(kind)
    stream = await host.open()
    inner = stream._stream
    assert isinstance(stream, type(inner))
    assert stream._stream is not stream
    with contextlib.suppress(AttributeError):
        stream._hidden_params = {"model_id": "mine"}
        assert inner._hidden_params == stream._hidden_params == {"model_id": "mine"}
    assert await host.read(stream) == FROM_PRIMARY


@both_ways
@pytest.mark.parametrize(
    "fault",
    [faults.cut(0), faults.reset(), faults.early_end(0), faults.stream_error(), faults.empty(), faults.overloaded()],
    ids=lambda fault: fault.name,
)
async def test_what_fails_before_content_goes_elsewhere(make: MakeHost, kind: str, fault: Any) -> None:
    host = make(kind, same_target_retries=0)
    host.sites["primary"].fail(fault)
    assert await host.ask() == FROM_BACKUP
    assert host.settled == ["primary failure", "backup success"]
    assert host.in_flight == 0
    assert await host.hung_up()


@both_ways
@pytest.mark.parametrize("fault", [faults.cut(), faults.stream_error(2)], ids=lambda fault: fault.name)
async def test_what_breaks_after_content_is_the_caller_s_to_see(make: MakeHost, kind: str, fault: Any) -> None:
    if "messages" in kind and fault.name.startswith("stream error"):
        pytest.skip(
            "the bytes of content and error come together, and nobody has had the content: see test_streams_by_kind"
        )
    host = make(kind)
    host.sites["primary"].fail(fault)
    stream = await host.open()
    with pytest.raises(Exception) as broken:  # noqa: PT011 - the kinds have no type in common
        await host.read(stream)
    assert [attempt.target for attempt in broken.value.trail.attempts] == ["primary"]
    assert str(broken.value.trail.attempts[0].diagnosis.error_class) == "stream_interrupted"
    assert host.settled == ["primary failure"]
    assert host.in_flight == 0
    assert not host.sites["backup"].requests
    assert await host.hung_up()


@both_ways
async def test_an_end_without_a_finish_mark_is_no_success(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.early_end())
    stream = await host.open()
    with pytest.raises(Exception, match=EARLY) as broken:
        await host.read(stream)
    assert broken.value.trail.attempts
    assert host.settled == ["primary failure"]


@both_ways
async def test_without_the_closing_sentinel_it_is_whole(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.no_sentinel())
    assert await host.ask() == FROM_PRIMARY
    assert host.settled == ["primary success"]


@both_ways
async def test_what_was_filtered_is_an_answer(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.filtered(0.5))
    assert FROM_PRIMARY.startswith(await host.ask())
    assert host.settled == ["primary success"]


@asynchronous
async def test_silence_before_content_leaves_the_permit_to_the_host(make: MakeHost, kind: str) -> None:
    host = make(kind, first_content_timeout=0.5)
    host.sites["primary"].fail(faults.stall(0))
    assert await host.ask() == FROM_BACKUP
    assert host.settled == ["primary failure", "backup success"]
    assert await host.hung_up()


@asynchronous
async def test_silence_after_content_is_a_failure(make: MakeHost, kind: str) -> None:
    host = make(kind, idle_timeout=0.3)
    host.sites["primary"].fail(faults.stall())
    stream = await host.open()
    with pytest.raises(Exception, match="silent"):
        await host.read(stream)
    assert host.settled == ["primary failure"]
    assert host.in_flight == 0
    assert await host.hung_up()


@both_ways
async def test_a_stream_that_is_closed_early_says_nothing(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.stall())
    stream = await host.open()
    await host.first(stream)
    assert host.in_flight == 1
    await host.close(stream)
    assert host.settled == ["primary cancel"]
    assert host.in_flight == 0
    assert await host.hung_up()
    await host.close(stream)
    assert await host.read(stream) == ""


@asynchronous
async def test_a_stream_that_is_dropped_takes_its_watch_along(make: MakeHost, kind: str) -> None:
    """Of the synchronous ones, the threads that read them here would hold something for a while."""
    host, gone = make(kind), list[bool]()
    host.sites["primary"].fail(faults.stall())

    class Watch:
        def __del__(self) -> None:
            gone.append(True)

    stream = await host.open()
    stream.failover_watch = Watch()
    await host.first(stream)
    del stream
    for _ in range(20):
        if gone:
            break
        await asyncio.sleep(0.1)
        gc.collect()
    assert gone


@asynchronous
async def test_a_reader_that_is_cancelled_says_nothing(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.stall())
    stream = await host.open()
    reading = asyncio.create_task(host.read(stream))
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert host.settled == ["primary cancel"]
    assert host.in_flight == 0
    assert await host.hung_up()


@both_ways
async def test_the_tokens_that_a_stream_tells_are_booked(make: MakeHost, kind: str) -> None:
    host, told = make(kind), list[Any]()
    if kind.startswith(("text", "atext")) or "chat" in kind:
        stream = await host.open(stream_options={"include_usage": True})
    else:
        stream = await host.open()
    before = stream.permit.success
    stream.permit.success = lambda usage=None: (told.append(usage), before(usage))
    await host.read(stream)
    (usage,) = told
    assert usage is not None
    assert sum(count for name, count in usage.items() if name in ("output_tokens", "completion_tokens")) > 0
