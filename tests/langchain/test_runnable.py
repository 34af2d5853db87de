"""Any runnable can fail over: chains, functions, models, and what comes in as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from failover_langchain import RunnableWithFailover, with_failover
from failover_plugin import AllTargetsFailed, Policy, StreamInterrupted, Target
from failover_plugin.emulator import faults

from .conftest import MODES, PLAIN, STREAMED, Bench, Mode, anthropic, ask, openai

ASK = ChatPromptTemplate.from_messages([("user", "{question}")])


def dead(_value: Any) -> Any:
    raise ConnectionResetError("it is dead")


def double(value: Any) -> Any:
    return value * 2


@pytest.mark.parametrize("mode", MODES)
async def test_functions(mode: Mode) -> None:
    runnable = with_failover(RunnableLambda(dead), [RunnableLambda(double)])
    assert await ask(runnable, mode, 21) == 42
    assert [target.id for target in runnable.failover.targets] == ["dead", "double"]


@pytest.mark.parametrize("mode", MODES)
async def test_chains(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    runnable = with_failover(ASK | openai(bench.primary), [ASK | anthropic(bench.fallback)])
    answer = await ask(runnable, mode, {"question": "hi"})
    assert answer.text == bench.fallback.reply
    assert answer.response_metadata["failover"]["target"] == "anthropic:claude-sonnet-5"
    assert runnable.failover.targets[0].context_window == 128_000
    assert bench.asked == (1, 1)


@pytest.mark.parametrize("mode", STREAMED)
async def test_models_have_to_finish(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.early_end())
    with pytest.raises(StreamInterrupted):
        await ask(with_failover(openai(bench.primary), [anthropic(bench.fallback)]), mode)


@pytest.mark.parametrize("mode", PLAIN)
async def test_batches_fail_over_input_by_input(mode: Mode) -> None:
    def odd_only(value: int) -> int:
        return value if value % 2 else dead(value)

    once = Policy(same_target_retries=0)  # one failure is forgiven: the next input is the primary's again
    runnable = with_failover(RunnableLambda(odd_only), [RunnableLambda(double)], policy=once)
    inputs, one_by_one = [1, 2, 3], {"max_concurrency": 1}
    if mode == "ainvoke":
        assert await runnable.abatch(inputs, one_by_one) == [1, 4, 3]
    else:
        assert await asyncio.to_thread(runnable.batch, inputs, one_by_one) == [1, 4, 3]


@pytest.mark.parametrize("mode", MODES)
async def test_all_dead(mode: Mode) -> None:
    runnable = with_failover(
        RunnableLambda(dead), [(RunnableLambda(dead), Target("b", provider="p", model="m", tier=1))]
    )
    with pytest.raises(ConnectionResetError, match="it is dead") as caught:
        await ask(runnable, mode, 1)
    error: Any = caught.value
    assert {attempt.target for attempt in error.trail.attempts} == {"dead", "b"}
    assert error.__context__ is None or not isinstance(error.__context__, AllTargetsFailed)


async def test_what_comes_in_as_a_stream_is_collected_first() -> None:
    def shout(parts: Iterator[str]) -> Iterator[str]:
        yield from (part.upper() for part in parts)

    def broken(parts: Iterator[str]) -> Iterator[str]:
        next(parts)
        raise ConnectionResetError("it is dead")
        yield ""

    runnable: Runnable[str, str] = with_failover(RunnableGenerator(broken), [RunnableGenerator(shout)])
    assert "".join(runnable.transform(iter(["a", "b", "c"]))) == "ABC"

    async def parts() -> AsyncIterator[str]:
        for part in "abc":
            yield part

    runnable = with_failover(RunnableLambda(dead), [RunnableLambda(double)])
    assert [chunk async for chunk in runnable.atransform(parts())] == ["abcabc"]


def test_its_types_are_those_of_the_first() -> None:
    first = GenericFakeChatModel(messages=iter(["hi"]))
    runnable = RunnableWithFailover([first, RunnableLambda(dead)])
    assert (runnable.InputType, runnable.OutputType) == (first.InputType, first.OutputType)
    assert (runnable | RunnableLambda(lambda message: message.text)).invoke("abc") == "hi"


async def test_in_a_graph_an_interrupt_is_not_an_error() -> None:
    from langgraph.errors import GraphInterrupt

    def interrupt(_value: Any) -> Any:
        raise GraphInterrupt

    runnable = with_failover(RunnableLambda(interrupt), [RunnableLambda(double)])
    for mode in MODES:
        with pytest.raises(GraphInterrupt):
            await ask(runnable, mode, 1)
    assert all(target.failures == 0 and target.in_flight == 0 for target in runnable.failover.health().targets)
