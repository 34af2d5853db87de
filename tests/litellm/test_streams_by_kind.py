"""What only one kind of stream has: chunks as the readers see them, and how LiteLLM wraps a stream that we return."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace as Part
from typing import Any

import pytest

from failover_plugin import AnswerFailed, EmptyResponse, Failover, Policy, StreamInterrupted, Target
from failover_plugin.emulator import Emulator, faults
from support.watching import HI, KINDS, LEFT_BEHIND, Host, close_clients, collect

FROM_PRIMARY = "Hello from the primary, all of it."

MakeHost = Callable[..., Host]

pytestmark = pytest.mark.filterwarnings(LEFT_BEHIND)

_numbers = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _collect() -> Iterator[None]:
    yield
    collect()


@pytest.fixture
async def make(emulator: Emulator) -> AsyncIterator[MakeHost]:
    number = next(_numbers)

    def host(kind: str, **policy: Any) -> Host:
        names = ("primary", "backup")
        sites = {
            name: emulator.site(f"{name}-by-kind-{number}", reply=f"Hello from the {name}, all of it.")
            for name in names
        }
        return Host(KINDS[kind], sites, Policy(**policy))

    yield host
    await close_clients()


async def _chunks(*chunks: Any) -> AsyncIterator[Any]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


def _permit() -> tuple[Failover, Any]:
    failover = Failover([Target("primary", provider="anthropic", model="claude")])
    return failover, failover.acquire(streaming=True)


# -- chat -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["chat", "achat"])
async def test_a_model_that_gives_up_after_content_is_a_failure(make: MakeHost, kind: str) -> None:
    host = make(kind)
    host.sites["primary"].fail(faults.failed())
    stream = await host.open()
    with pytest.raises(Exception, match=r"(?i)error|gave up"):
        await host.read(stream)
    assert host.settled == ["primary failure"]


@pytest.mark.parametrize("kind", ["chat", "achat", "text-by-chat", "atext-by-chat"])
async def test_what_is_made_up_is_not_watched(make: MakeHost, kind: str) -> None:
    from failover_litellm.streams import is_made_up

    host = make(kind)
    answer = await host.open(mock_response="Made up.")
    assert is_made_up(answer)
    assert not host.sites["primary"].requests


async def test_a_plain_answer_is_no_stream(make: MakeHost) -> None:
    import litellm

    from failover_litellm.streams import is_made_up

    host = make("achat")
    site = host.sites["primary"]
    answer = await litellm.acompletion(**{**host.kind.arguments(site), "stream": False})
    assert host.watch(answer, host.failover.acquire()) is None
    assert not is_made_up(answer)


@pytest.mark.parametrize("kind", ["chat", "achat"])
async def test_a_call_that_litellm_puts_off_is_a_part_of_the_attempt(make: MakeHost, kind: str) -> None:
    """Some providers' streams are opened by their first reader: a refusal must come before that."""
    host = make(kind, same_target_retries=0)
    host.sites["primary"].fail(faults.overloaded())
    messages = {"model": "anthropic/claude-sonnet-4-5", "messages": HI, "max_tokens": 9}

    async def _ask() -> str:
        return await host.ask(**messages, api_base=host.sites["primary"].anthropic_url)

    with pytest.raises(Exception, match=r"(?i)overloaded"):
        await _ask()
    assert host.settled[0] == "primary failure"
    assert host.in_flight == 0


# -- text completions -------------------------------------------------------------------------------------------------


async def test_the_watch_survives_litellm_s_own_reporting(make: MakeHost) -> None:
    """Its router puts an iterator of its own in place of ``completion_stream``."""
    host = make("atext")
    host.sites["primary"].fail(faults.cut())
    stream = await host.open()
    seen, inner = list[Any](), stream.completion_stream

    async def reported() -> AsyncIterator[Any]:
        async for chunk in inner:
            seen.append(chunk)
            yield chunk

    stream.completion_stream = reported()
    with pytest.raises(Exception, match=r"(?i)connection"):
        await host.read(stream)
    assert seen
    assert host.settled == ["primary failure"]


# -- responses --------------------------------------------------------------------------------------------------------


def _responses() -> Any:
    from failover_litellm.streams.responses import ResponsesReader

    return ResponsesReader(Part(), may_be_silent=False)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Part(type="response.created"), False),
        (Part(type="response.output_item.added", item=Part(type="message")), False),
        (Part(type="response.output_text.delta", delta=""), False),
        (Part(type="response.output_text.delta", delta="H"), True),
        (Part(type="response.function_call_arguments.delta", delta="{"), True),
        (Part(type="response.web_search_call.searching"), True),
        (Part(type="response.output_item.done", item=Part(type="message")), False),
        (Part(type="response.output_item.done", item=Part(type="function_call")), True),
        (Part(type="response.completed"), False),
    ],
)
def test_which_event_of_a_response_is_content(event: Any, *, expected: bool) -> None:
    assert _responses().has_content(event) is expected


def _ending(kind: str, **response: Any) -> Any:
    return Part(type=f"response.{kind}", response=Part(**{"output": [], "usage": None, **response}))


def test_a_response_is_incomplete_for_a_reason_or_it_is_not_whole() -> None:
    reader = _responses()
    reader.read(_ending("incomplete", incomplete_details=Part(reason="max_output_tokens")), has_content=False)
    assert reader.whole
    with pytest.raises(StreamInterrupted):
        _responses().read(_ending("incomplete", incomplete_details=None), has_content=True)
    with pytest.raises(StreamInterrupted):
        _responses().read(_ending("cancelled"), has_content=True)


def test_a_response_that_failed_or_says_nothing_is_no_answer() -> None:
    with pytest.raises(AnswerFailed):
        _responses().read(_ending("failed"), has_content=True)
    silent = Part(type="message", content=[Part(type="output_text", text="")])
    with pytest.raises(EmptyResponse):
        _responses().read(_ending("completed", output=[silent]), has_content=False)


def test_a_response_tells_its_tokens() -> None:
    reader = _responses()
    reader.read(
        _ending("completed", usage={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}), has_content=True
    )
    assert reader.usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


# -- messages ---------------------------------------------------------------------------------------------------------


def _frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = _frame("message_start", message={"usage": {"input_tokens": 5, "cache_read_input_tokens": 2}})
BLOCK = _frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
TOOL = _frame("content_block_start", index=0, content_block={"type": "tool_use", "name": "clock"})
HELLO = _frame("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
END = _frame("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4})
STOP = _frame("message_stop")
OVERLOADED = _frame("error", error={"type": "overloaded_error", "message": "Overloaded"})
WHOLE = START + BLOCK + HELLO + END + STOP


async def _watched(*frames: Any) -> tuple[Failover, Any, Any]:
    from failover_litellm.streams import watch

    failover, permit = _permit()
    asked = {"model": "claude-sonnet-4-5", "messages": HI, "max_tokens": 9, "stream": True}
    return failover, permit, watch(_chunks(*frames), permit, asked=asked)


async def _read(stream: Any) -> list[Any]:
    await stream.peek()
    return [piece async for piece in stream]


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
async def test_frames_may_be_cut_anywhere(size: int) -> None:
    pieces = [WHOLE[start : start + size] for start in range(0, len(WHOLE), size)]
    failover, _, stream = await _watched(*pieces)
    assert b"".join(await _read(stream)) == WHOLE
    assert failover.health()["primary"].successes == 1


@pytest.mark.parametrize("as_text", [True, False])
async def test_frames_may_be_text_or_events(*, as_text: bool) -> None:
    frames = [START, BLOCK, HELLO, END, STOP]
    given = [frame.decode() if as_text else json.loads(frame.split(b"data: ")[1]) for frame in frames]
    failover, _, stream = await _watched(*given)
    assert await _read(stream) == given
    assert failover.health()["primary"].successes == 1


async def test_a_message_is_held_back_until_it_says_something() -> None:
    _, permit, stream = await _watched(START, BLOCK, _frame("ping"), HELLO, END, STOP)
    await stream.peek()
    assert list(stream._held) == [START, BLOCK, _frame("ping"), HELLO]
    assert not permit.settled


async def test_a_tool_s_name_is_content() -> None:
    _, _, stream = await _watched(START, TOOL, END, STOP)
    await stream.peek()
    assert list(stream._held) == [START, TOOL]


async def test_an_error_event_before_content_fails_the_attempt() -> None:
    _, permit, stream = await _watched(START, OVERLOADED)
    with pytest.raises(Exception, match="Overloaded") as broken:
        await stream.peek()
    assert str(permit.trail.attempts[0].diagnosis.error_class) == "overloaded"
    assert broken.value.llm_provider == "anthropic"


async def test_an_error_event_behind_content_in_the_same_bytes_fails_the_attempt() -> None:
    _, permit, stream = await _watched(START, BLOCK + HELLO + OVERLOADED)
    with pytest.raises(Exception, match="Overloaded"):
        await stream.peek()
    assert str(permit.trail.attempts[0].diagnosis.error_class) == "overloaded"


async def test_an_error_event_after_content_is_raised_and_not_passed_on() -> None:
    _, _, stream = await _watched(START, BLOCK, HELLO, OVERLOADED)
    await stream.peek()
    assert [await anext(stream) for _ in range(3)] == [START, BLOCK, HELLO]
    with pytest.raises(Exception, match="Overloaded") as broken:
        await anext(stream)
    assert str(broken.value.trail.attempts[0].diagnosis.error_class) == "stream_interrupted"


@pytest.mark.parametrize("last", [ConnectionResetError("gone"), OVERLOADED], ids=["reset", "error event"])
async def test_what_comes_after_the_stop_reason_changes_nothing(last: Any) -> None:
    failover, _, stream = await _watched(START, BLOCK, HELLO, END, last)
    assert await _read(stream) == [START, BLOCK, HELLO, END]
    assert failover.health()["primary"].successes == 1


@pytest.mark.parametrize("frames", [(START,), (START, BLOCK), (START, BLOCK, HELLO), ()])
async def test_a_message_without_a_stop_reason_is_not_whole(frames: tuple[bytes, ...]) -> None:
    failover, _, stream = await _watched(*frames)
    with pytest.raises(StreamInterrupted):
        await _read(stream)
    assert failover.health()["primary"].failures == 1


async def test_a_message_that_says_nothing_is_no_answer() -> None:
    _, _, stream = await _watched(START, END, STOP)
    with pytest.raises(EmptyResponse):
        await stream.peek()


async def test_a_message_tells_its_tokens() -> None:
    _, _, stream = await _watched(WHOLE)
    await stream.peek()
    assert stream.reader.usage == {"input_tokens": 7, "output_tokens": 4}


# -- transcripts ------------------------------------------------------------------------------------------------------


def test_a_transcript_ends_with_the_whole_of_it() -> None:
    from failover_litellm.streams.transcription import TranscriptionReader

    reader = TranscriptionReader(Part(), may_be_silent=True)
    assert reader.has_content(Part(type="transcript.text.delta", delta="Hello"))
    reader.read(Part(type="transcript.text.delta", delta="Hello"), has_content=True)
    assert not reader.whole
    done = Part(type="transcript.text.done", text="Hello", usage=Part(input_tokens=1, output_tokens=2, total_tokens=3))
    assert not reader.has_content(done)
    reader.read(done, has_content=True)
    assert reader.whole
    assert reader.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
