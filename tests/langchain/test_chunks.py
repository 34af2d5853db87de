"""When a stream has begun to answer and when it has ended: by real packages' chunks, and by fakes that say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from failover_langchain import ChatFailover
from failover_langchain.chunks import has_content, is_finished, is_genuine
from failover_plugin import StreamInterrupted
from failover_plugin.emulator import Fault, faults

from .conftest import FALLBACK, STREAMED, Bench, Mode, anthropic, ask, merged, openai

TOOL = {"name": "add", "args": "", "id": "1", "index": 0, "type": "tool_call_chunk"}


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (AIMessageChunk(""), False),
        (AIMessageChunk([]), False),
        (AIMessageChunk([{"type": "text", "text": "", "index": 0}]), False),
        (AIMessageChunk("", additional_kwargs={"refusal": None}), False),
        (AIMessageChunk("", response_metadata={"model_name": "m"}), False),
        (AIMessageChunk("a"), True),
        (AIMessageChunk([{"type": "text", "text": "a", "index": 0}]), True),
        (AIMessageChunk([{"type": "thinking", "thinking": "hm", "index": 0}]), True),
        (AIMessageChunk([{"type": "tool_use", "name": "add", "input": {}, "id": "1"}]), True),
        (AIMessageChunk("", tool_call_chunks=[TOOL]), True),  # type: ignore[list-item]
        (AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}), True),
        (AIMessageChunk("", additional_kwargs={"refusal": "no"}), True),
        (AIMessage("a"), True),
        (AIMessage(""), False),
        ("", False),
        ({"a": 1}, True),
    ],
)
def test_content(chunk: Any, says: bool) -> None:  # noqa: FBT001 - a column of the table
    assert has_content(chunk) is says


@pytest.mark.parametrize(
    ("chunk", "finished", "genuine"),
    [
        (AIMessageChunk("a"), False, True),
        (AIMessageChunk("", response_metadata={"finish_reason": "stop"}), True, True),
        (AIMessageChunk("", response_metadata={"stop_reason": None}), False, True),
        (AIMessageChunk("", response_metadata={"status": "completed"}, chunk_position="last"), True, True),
        (AIMessageChunk("", chunk_position="last"), True, False),
        (AIMessage("a"), True, True),
    ],
)
def test_ends(chunk: Any, finished: bool, genuine: bool) -> None:  # noqa: FBT001 - columns of the table
    assert is_finished(chunk) is finished
    assert is_genuine(chunk) is genuine


class Breaking(GenericFakeChatModel):
    """A model that breaks off after a word, and says no more about its ends than any fake."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk("Hello"))
        raise ConnectionResetError("cut")


@pytest.mark.parametrize("mode", STREAMED)
async def test_a_model_that_gives_no_marks_keeps_working(mode: Mode) -> None:
    spoken = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
    assert (await ask(ChatFailover([spoken]), mode)).text == "one two three"
    assert (await ask(ChatFailover([FakeListChatModel(responses=["one two"])]), mode)).text == "one two"
    with pytest.raises(StreamInterrupted):
        await ask(ChatFailover([Breaking(messages=iter([])), spoken]), mode)


@pytest.mark.parametrize("mode", STREAMED)
async def test_anthropic_without_usage_gives_no_mark(bench: Bench, mode: Mode) -> None:
    for model in (anthropic(bench.fallback, stream_usage=False), anthropic(bench.fallback).bind(stream_usage=False)):
        assert (await ask(ChatFailover([model]), mode)).text == FALLBACK


@pytest.mark.parametrize("mode", STREAMED)
async def test_an_error_after_the_finish_mark_is_none(bench: Bench, mode: Mode) -> None:
    def late(call: Any) -> Any:
        *healthy, _done = call.healthy()
        return (*healthy, call.error_event({"error": {"message": "too late"}}))

    bench.primary.fail(Fault("late", late))
    for build in (openai, anthropic):
        answer = await ask(ChatFailover([build(bench.primary), openai(bench.fallback)]), mode)
        assert answer.text == bench.primary.reply
        assert answer.chunk_position == "last"


@pytest.mark.parametrize("mode", STREAMED)
async def test_disabled_streaming(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.overloaded())
    model = bench.model(disable_streaming=True)
    assert (await ask(model, mode)).text == FALLBACK
    assert not any(request.stream for request in (*bench.primary.requests, *bench.fallback.requests))


async def test_disabled_streaming_with_tools_only(bench: Bench) -> None:
    model = bench.model(disable_streaming="tool_calling")
    await ask(model, "astream")
    await ask(model.bind_tools([{"name": "f", "description": "", "parameters": {}}]), "astream")
    assert [request.stream for request in bench.primary.requests] == [True, False]


def test_the_output_version_reaches_the_models(bench: Bench) -> None:
    model = bench.model(output_version="v1")
    assert isinstance(model.invoke("hi").content, list)
    assert isinstance(merged(list(model.stream("hi"))).content, list)
    assert isinstance(model.models[0].invoke("hi").content, str)
