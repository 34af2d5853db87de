"""Answers under HTTP 200 that are failures, or say nothing. What was filtered is an answer, and handed out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from failover_langchain import ChatFailover
from failover_plugin import StreamInterrupted
from failover_plugin.emulator import Emulator, faults
from support.callers import CHAT_MODELS
from support.comparing import leftovers_collected

from .conftest import MODES, STREAMED, Bench, Mode, ask, openai, said_by


@pytest.mark.parametrize("mode", MODES)
async def test_who_says_nothing_is_passed_over(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    for model in bench.families():
        answer = await ask(model, mode)
        assert said_by(answer) == "fallback"
        (error,) = answer.response_metadata["failover"]["errors"]
        assert ": empty_response: " in error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("second", [faults.empty(), faults.server_error(), faults.stream_error()], ids=lambda f: f.name)
async def test_the_first_says_nothing_and_the_second_no_more_then_the_first_has_answered(
    bench: Bench, mode: Mode, second: Any
) -> None:
    bench.primary.fail(faults.empty())
    bench.fallback.fail(second)
    for model, key, mark in zip(bench.families(), ("finish_reason", "stop_reason"), ("stop", "end_turn"), strict=True):
        before = bench.asked
        answer = await ask(model, mode)
        assert answer.text == ""
        assert answer.response_metadata[key] == mark
        assert "failover" not in answer.response_metadata
        assert [now - then for now, then in zip(bench.asked, before, strict=True)] == [1, 1]
        first, _ = model.failover.health().targets
        assert (first.failures, first.in_flight) == (0, 0)


async def test_everybody_says_nothing_for_long_and_both_stay_closed(bench: Bench) -> None:
    bench.primary.fail(faults.empty())
    bench.fallback.fail(faults.empty())
    model = bench.model()
    for mode in MODES * 3:
        assert (await ask(model, mode)).text == ""
    answers = await asyncio.to_thread(model.batch, ["hi", "ho"]) + await model.abatch(["hi", "ho"])
    assert [answer.text for answer in answers] == [""] * 4
    assert [(target.state, target.failures) for target in model.failover.health().targets] == [("closed", 0)] * 2


@pytest.mark.filterwarnings("ignore:.*is in beta")
@pytest.mark.parametrize("both", [True, False])
async def test_protocol_events_that_say_nothing(bench: Bench, *, both: bool) -> None:
    bench.primary.fail(faults.empty())
    if both:
        bench.fallback.fail(faults.empty())
    for model in bench.families():
        sync = await asyncio.to_thread(lambda model=model: model.stream_events("hi", version="v3").output)
        for answer in (sync, await (await model.astream_events("hi", version="v3")).output):
            assert (answer.text == "") is both
        assert model.failover.health().targets[0].failures == (0 if both else 2)


class Scripted(BaseChatModel):
    """Answers with one message, the same object every time."""

    answer: AIMessage
    asked: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        self.asked += 1
        return ChatResult(generations=[ChatGeneration(message=self.answer)])


@pytest.mark.parametrize("mode", MODES)
async def test_it_is_the_model_s_own_answer_that_is_handed_out(mode: Mode) -> None:
    """Also where the host makes a stream of a plain answer."""
    first, second, third = (Scripted(answer=AIMessage("", response_metadata={"finish_reason": "stop"})) for _ in "abc")
    model = ChatFailover([first, second, third])
    if mode in STREAMED:
        chunks = [chunk async for chunk in model.astream("hi")] if mode == "astream" else list(model.stream("hi"))
        assert chunks[0] is first.answer
    else:
        assert await ask(model, mode) is first.answer
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


TOLD = [
    HumanMessage("Set it."),
    AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "call_1", "type": "tool_call"}]),
    ToolMessage("done", tool_call_id="call_1"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("metadata", "asked"),
    [({"finish_reason": "stop"}, 0), ({"status": "completed"}, 0), ({}, 1), ({"finish_reason": "tool_calls"}, 1)],
)
async def test_after_a_tool_s_result_silence_is_an_answer_if_the_model_says_that_it_has_stopped(
    mode: Mode, metadata: dict[str, Any], asked: int
) -> None:
    first, second = Scripted(answer=AIMessage("", response_metadata=metadata)), Scripted(answer=AIMessage("done"))
    await ask(ChatFailover([first, second]), mode, TOLD)
    assert second.asked == asked


@pytest.mark.parametrize("mode", MODES)
async def test_the_second_was_filtered_and_that_blames_nobody(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    bench.fallback.fail(faults.filtered(0.0))
    model = bench.model()
    await ask(model, mode)
    assert [target.failures for target in model.failover.health().targets] == [0, 0]


@pytest.mark.parametrize("mode", MODES)
async def test_an_error_where_an_answer_should_be(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.error_body())
    for model in bench.families():
        assert said_by(await ask(model, mode)) == "fallback"


@pytest.mark.parametrize("mode", MODES)
async def test_a_model_that_gives_up_before_its_first_word(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.failed(after=0))
    assert said_by(await ask(bench.model(), mode)) == "fallback"


@pytest.mark.parametrize("mode", MODES)
async def test_a_model_that_gives_up_in_mid_answer(bench: Bench, mode: Mode) -> None:
    """Half an answer that was streamed cannot be taken back; half a plain one is never seen."""
    bench.primary.fail(faults.failed())
    if mode in STREAMED:
        with pytest.raises(StreamInterrupted, match="gave up"):
            await ask(bench.model(), mode)
        assert bench.asked == (1, 0)
    else:
        assert said_by(await ask(bench.model(), mode)) == "fallback"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [0.0, 0.5])
async def test_what_was_filtered_is_handed_out_and_nobody_else_is_asked(bench: Bench, mode: Mode, after: float) -> None:
    bench.primary.fail(faults.filtered(after))
    for model, key, mark in zip(
        bench.families(), ("finish_reason", "stop_reason"), ("content_filter", "refusal"), strict=True
    ):
        answer = await ask(model, mode)
        assert answer.response_metadata[key] == mark
    assert not bench.fallback.requests


@pytest.mark.parametrize("mode", MODES)
async def test_who_has_been_told_a_tools_result_may_have_nothing_to_add(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    for model in bench.families():
        assert (await ask(model, mode, TOLD)).text == ""
    assert not bench.fallback.requests


@pytest.mark.parametrize("mode", MODES)
async def test_who_stops_at_a_word_may_get_nothing_before_it(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    assert (await ask(bench.model(), mode, stop=["Hello"])).text == ""
    assert not bench.fallback.requests


async def test_a_batch_asks_again_for_what_came_back_empty(bench: Bench) -> None:
    bench.primary.script(faults.empty())
    (generations,) = bench.model().generate([[HumanMessage("hi")]]).generations
    assert generations[0].text == (await ask(openai(bench.fallback), "invoke")).text


MARKING = ("bedrock", "fireworks", "groq", "mistral", "nvidia", "openrouter")


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*retries by itself:UserWarning")
@pytest.mark.parametrize("provider", MARKING)
def test_whoever_gives_a_finish_mark_has_to_give_it(emulation: Emulator, provider: str) -> None:
    pytest.importorskip("langchain_mistralai", reason="needs the LangChain packages of all providers")
    site = emulation.site(provider, provider=provider)
    model = ChatFailover([CHAT_MODELS[provider](site).model])
    assert "".join(chunk.text for chunk in model.stream("hi")) == site.reply
    assert "timeout" not in site.requests[-1].body, "a limit of ours has been taken for a parameter of the provider's"
    site.script(faults.early_end())
    with leftovers_collected() as collect, pytest.raises(StreamInterrupted):
        list(model.stream("hi"))
    collect()
