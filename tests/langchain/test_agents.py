"""Chains and agents: with the primary dead, everything built on the model goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel

from failover_langchain import ChatFailover
from failover_plugin.emulator import faults

from .conftest import FALLBACK, MODES, Bench, Mode, ask, eventually, openai

USER = {"messages": [{"role": "user", "content": "What is the weather in Lyon?"}]}


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: sunny"


class Weather(BaseModel):
    """A report."""

    city: str
    celsius: int


async def run(agent: Any, *, sync: bool) -> list[Any]:
    state = await (asyncio.to_thread(agent.invoke, USER) if sync else agent.ainvoke(USER))
    return list(state["messages"])


@pytest.mark.parametrize("sync", [True, False])
async def test_an_agent_finishes_its_tool_loop(bench: Bench, *, sync: bool) -> None:
    bench.primary.fail(faults.overloaded())
    for model in bench.families():
        _, call, result, answer = await run(create_agent(model=model, tools=[get_weather]), sync=sync)
        assert [made["name"] for made in call.tool_calls] == ["get_weather"]
        assert result.content == "city: sunny"
        assert answer.text == "The tool says: city: sunny"
        assert answer.response_metadata["failover"]["target"] == model.failover.targets[1].id


@pytest.mark.parametrize("sync", [True, False])
async def test_the_provider_may_change_in_mid_conversation(bench: Bench, *, sync: bool) -> None:
    bench.primary.script(None, faults.rate_limit(retry_after=60))
    _, call, _, answer = await run(create_agent(model=bench.model(), tools=[get_weather]), sync=sync)
    assert call.response_metadata["model_provider"] == "openai"
    assert answer.response_metadata["model_provider"] == "anthropic"
    assert answer.text == "The tool says: city: sunny"


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
async def test_an_agent_with_a_response_format(bench: Bench) -> None:
    bench.primary.fail(faults.overloaded())
    agent: Any = create_agent(model=bench.model(), tools=[get_weather], response_format=Weather)
    state = await agent.ainvoke(USER)
    assert isinstance(state["structured_response"], Weather)


async def test_an_agent_that_streams(bench: Bench) -> None:
    bench.primary.fail(faults.stream_error())
    agent: Any = create_agent(model=bench.model(), tools=[get_weather])
    chunks = [chunk async for chunk, _ in agent.astream(USER, stream_mode="messages")]
    said = [chunk.text for chunk in chunks if isinstance(chunk, AIMessageChunk)]
    assert "".join(said).endswith("The tool says: city: sunny")
    assert "".join(said).count("The tool says") == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_chain(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.overloaded())
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
    chain = prompt | bench.model() | StrOutputParser()
    answer = await ask(chain, mode, {"question": "hi"})
    assert answer == FALLBACK


async def test_bound_tools_reach_each_provider_in_its_own_format(bench: Bench) -> None:
    bench.primary.fail(faults.overloaded())
    answer = await bench.model().bind_tools([get_weather]).ainvoke("weather?")
    assert isinstance(answer, AIMessage)
    assert answer.tool_calls[0]["args"] == {"city": "city"}
    assert "parameters" in bench.primary.requests[0].body["tools"][0]["function"]
    assert "input_schema" in bench.fallback.requests[0].body["tools"][0]


async def test_a_bound_stream_that_is_closed_midway(bench: Bench) -> None:
    bench.primary.fail(faults.slow_drip(0.2))
    model = bench.model()
    chunks: Any = model.bind_tools([get_weather]).astream("hi")
    await anext(chunks)
    await chunks.aclose()
    await eventually(lambda: all(t.in_flight == 0 for t in model.failover.health().targets))
    await eventually(lambda: bench.primary.open == 0)


async def test_a_model_without_tools_is_refused_when_they_are_bound(bench: Bench) -> None:
    toolless = GenericFakeChatModel(messages=iter([]))
    with pytest.raises(NotImplementedError, match="GenericFakeChatModel takes no tools"):
        ChatFailover([openai(bench.primary), toolless]).bind_tools([get_weather])


async def test_a_retry_around_it_is_another_request(bench: Bench) -> None:
    bench.primary.fail(faults.invalid_api_key())
    bench.fallback.script(faults.invalid_api_key(), None)
    model = bench.model().with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    answer = await model.ainvoke("hi")
    assert "fallback" in answer.text, "a refused key stands for a second, and is tried again if nobody else is left"
    assert bench.asked in ((1, 2), (2, 2))


async def test_a_truncated_stream_inside_an_invoke_is_no_answer(bench: Bench) -> None:
    """Hosts that listen to tokens make ``invoke`` stream underneath, and take whatever came for the answer."""
    bench.primary.fail(faults.early_end())
    for model in bench.families():
        answers = [
            event["data"]["output"].text
            async for event in _invoking(model).astream_events("hi", version="v2")
            if event["event"] == "on_chain_end" and isinstance(event["data"].get("output"), AIMessage)
        ]
        assert set(answers) == {FALLBACK}


def _invoking(model: Any) -> Any:
    async def node(text: str) -> AIMessage:
        return await model.ainvoke(text)

    return RunnableLambda(node)
