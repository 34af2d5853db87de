"""Answers under HTTP 200 that are failures: somebody else is asked. What was filtered is an answer, and handed out."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from failover_langchain import ChatFailover
from failover_plugin import EmptyResponse, StreamInterrupted
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
async def test_if_nobody_says_anything_that_is_the_error(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    bench.fallback.fail(faults.empty())
    for model in bench.families():
        with pytest.raises(EmptyResponse):
            await ask(model, mode)


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


CALL: dict[str, Any] = {"name": "clock", "args": {}, "id": "call_1", "type": "tool_call"}


@pytest.mark.parametrize("mode", MODES)
async def test_who_has_been_told_a_tools_result_may_have_nothing_to_add(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.empty())
    told = [HumanMessage("Set it."), AIMessage("", tool_calls=[CALL]), ToolMessage("done", tool_call_id="call_1")]
    for model in bench.families():
        assert (await ask(model, mode, told)).text == ""
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
