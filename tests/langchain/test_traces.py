"""What listeners see: no trace of failover while all is well, and every attempt under its own name otherwise."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from failover_langchain import ChatFailover
from failover_plugin import StreamInterrupted
from failover_plugin.emulator import faults

from .conftest import FALLBACK, MODES, PLAIN, PRIMARY, STREAMED, Bench, Mode, ask, openai, said_by

HI: list[BaseMessage] = [HumanMessage("hi")]

beta = pytest.mark.filterwarnings("ignore:.*in beta:langchain_core._api.LangChainBetaWarning")


class Listener(BaseCallbackHandler):
    """Notes every run."""

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = []
        self.chains: list[UUID] = []
        self.ended: Counter[UUID] = Counter()

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.models.append({"run_id": run_id, **kwargs})

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.chains.append(run_id)

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.ended[run_id] += 1

    def on_llm_error(self, error: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.ended[run_id] += 1

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.ended[run_id] += 1

    def on_chain_error(self, error: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.ended[run_id] += 1

    @property
    def all_ended_once(self) -> bool:
        return self.ended == Counter([*self.chains, *(run["run_id"] for run in self.models)])


@pytest.mark.parametrize("mode", MODES)
async def test_a_healthy_primary_leaves_no_trace(bench: Bench, mode: Mode) -> None:
    listener = Listener()
    answer = await ask(bench.model(), mode, config={"callbacks": [listener], "tags": ["mine"]})
    (run,) = listener.models
    assert run["tags"] == ["mine"]
    assert not [key for key in run["metadata"] if key.startswith("failover")]
    assert run["metadata"]["ls_provider"] == "openai"
    assert listener.chains == []
    assert listener.all_ended_once
    assert "failover" not in answer.response_metadata


@pytest.mark.parametrize("mode", MODES)
async def test_later_attempts_say_so(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    listener, metadata = Listener(), {"mine": 1}
    config = {"callbacks": [listener], "tags": ["mine"], "metadata": metadata}
    answer = await ask(bench.model(), mode, config=config)
    first, second = listener.models
    assert first["tags"] == ["mine"]
    assert second["tags"] == ["mine", "failover:attempt:2"]
    assert second["metadata"]["failover_attempt"] == 2
    assert second["metadata"]["failover_reason"] == "rate_limit"
    assert second["metadata"]["failover_target"] == "anthropic:claude-sonnet-5"
    assert second["metadata"]["ls_provider"] == "anthropic"
    assert second["metadata"]["mine"] == 1
    assert metadata == {"mine": 1}
    assert listener.all_ended_once
    facts = answer.response_metadata["failover"]
    assert (facts["target"], facts["attempts"]) == ("anthropic:claude-sonnet-5", 2)
    (error,) = facts["errors"]
    assert error.startswith("openai:gpt-4o-mini: rate_limit 429, retry after 60 s")


@pytest.mark.parametrize("mode", STREAMED)
async def test_exactly_one_chunk_tells_of_the_failover(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model = bench.model()
    chunks = (
        [c async for c in model.astream("hi")]
        if mode == "astream"
        else await asyncio.to_thread(list, model.stream("hi"))
    )
    assert sum("failover" in chunk.response_metadata for chunk in chunks) == 1
    assert "failover" in chunks[0].response_metadata


@pytest.mark.parametrize("mode", MODES)
async def test_who_answers_while_the_primary_rests_is_told_too(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model = bench.model()
    await ask(model, mode)
    answer = await ask(model, mode)
    assert answer.response_metadata["failover"] == {
        "target": "anthropic:claude-sonnet-5",
        "attempts": 1,
        "errors": [],
    }


@pytest.mark.parametrize("mode", MODES)
async def test_a_fixed_run_id_is_one_run_with_the_attempts_inside(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    listener, fixed = Listener(), uuid4()
    answer = await ask(bench.model(), mode, config={"callbacks": [listener], "run_id": fixed})
    assert said_by(answer) == "fallback"
    assert listener.chains == [fixed]
    assert [run["parent_run_id"] for run in listener.models] == [fixed, fixed]
    assert fixed not in {run["run_id"] for run in listener.models}
    assert listener.all_ended_once


@pytest.mark.parametrize("mode", MODES)
async def test_attempts_in_a_chain_are_its_children(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    listener = Listener()
    assert await ask(bench.model() | StrOutputParser(), mode, config={"callbacks": [listener]}) == FALLBACK
    assert {run["parent_run_id"] for run in listener.models} == {listener.chains[0]}
    assert listener.all_ended_once


@pytest.mark.parametrize("mode", PLAIN)
async def test_the_context_of_a_surrounding_run_is_kept(bench: Bench, mode: Mode) -> None:
    """A call without a config inside a chain belongs to that chain, from the first attempt to the last."""
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model, listener = bench.model(), Listener()

    async def anode(text: str) -> Any:
        return await model.ainvoke(text)

    chain = RunnableLambda(lambda text: model.invoke(text), afunc=anode)
    await ask(chain, mode, config={"callbacks": [listener], "tags": ["outer"]})
    assert {run["parent_run_id"] for run in listener.models} == {listener.chains[0]}
    assert [run["tags"] for run in listener.models] == [["outer"], ["outer", "failover:attempt:2"]]


@pytest.mark.parametrize("mode", MODES)
async def test_its_own_callbacks_and_tags_hear_of_the_attempts(bench: Bench, mode: Mode) -> None:
    listener = Listener()
    await ask(bench.model(callbacks=[listener], tags=["own"], metadata={"own": 1}), mode)
    (run,) = listener.models
    assert run["metadata"]["own"] == 1
    assert run["tags"] == ["own"]


async def test_events_of_a_dead_attempt_end_with_it(bench: Bench) -> None:
    bench.primary.fail(faults.stream_error())
    model = bench.model()
    events = [event async for event in model.astream_events("hi", version="v2")]
    starts = [event for event in events if event["event"] == "on_chat_model_start"]
    dead = {event["run_id"] for event in starts[:-1]}
    said = [e["data"]["chunk"] for e in events if e["event"] == "on_chat_model_stream" and e["run_id"] not in dead]
    assert "".join(chunk.text for chunk in said) == FALLBACK
    late = [e for e in events[events.index(starts[-1]) :] if e["run_id"] in dead]
    assert late == []
    outside = [e["data"]["chunk"].text for e in events if e["event"] == "on_chain_stream" and not e["parent_ids"]]
    assert "".join(outside) == FALLBACK
    assert events[-1]["event"] == "on_chain_end"
    assert events[-1]["data"]["output"].text == FALLBACK


@beta
@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("fault", [None, faults.overloaded(), faults.stream_error(), faults.early_end(after=0)])
async def test_protocol_events(bench: Bench, *, sync: bool, fault: Any) -> None:
    if fault:
        bench.primary.fail(fault)
    for model in bench.families():
        message, events = await protocol(model, sync=sync)
        assert message.text == (FALLBACK if fault else PRIMARY)
        assert [event["event"] for event in events].count("message-start") == 1
        assert [event["event"] for event in events].count("message-finish") == 1
        assert ("failover" in message.response_metadata) is bool(fault)


@beta
@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("fault", [faults.early_end(), faults.cut()])
async def test_protocol_events_that_break_off(bench: Bench, *, sync: bool, fault: Any) -> None:
    bench.primary.fail(fault)
    for model in bench.families():
        with pytest.raises(StreamInterrupted):
            await protocol(model, sync=sync)


@beta
async def test_protocol_events_that_are_left(bench: Bench) -> None:
    bench.primary.fail(faults.slow_drip(0.2))
    model: Any = bench.model()
    stream = await model.astream_events("hi", version="v3")
    async with stream:
        await anext(aiter(stream.text))
    assert all(target.in_flight == 0 for target in model.failover.health().targets)


async def protocol(model: Any, *, sync: bool) -> tuple[Any, list[Any]]:
    if sync:
        stream = model.stream_events("hi", version="v3")
        return await asyncio.to_thread(lambda: ([*stream], stream.output)[::-1])
    stream = await model.astream_events("hi", version="v3")
    events = [event async for event in stream]
    return await stream, events


async def test_generate(bench: Bench) -> None:
    bench.primary.script(None, faults.rate_limit(retry_after=60))
    model, listener = bench.model(), Listener()
    for result in (
        await model.agenerate([HI, HI], callbacks=[listener]),
        await asyncio.to_thread(model.generate, [HI, HI]),
    ):
        assert len(result.generations) == 2
        assert len(result.run or ()) == 2
    assert bench.asked == (2, 3)
    assert listener.all_ended_once
    assert (await model._agenerate(HI)).generations[0].message.text == FALLBACK
    assert (await asyncio.to_thread(model._generate, HI)).generations[0].message.text == FALLBACK


async def test_an_answer_from_a_cache_is_not_marked_for_good(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    second = openai(bench.fallback, cache=InMemoryCache())
    failover = ChatFailover([openai(bench.primary), second])
    assert "failover" in (await failover.ainvoke("hi")).response_metadata
    assert "failover" not in (await second.ainvoke("hi")).response_metadata
    assert len(bench.fallback.requests) == 1
