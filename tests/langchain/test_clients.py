"""Retries hidden in a model's client are switched off on a copy; the caller's own object is left as it was."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import Field

from failover_langchain import ChatFailover, with_failover
from failover_plugin import Policy
from failover_plugin.emulator import faults

from .conftest import MODES, Bench, Mode, Stopwatch, anthropic, ask, openai, said_by

Build = Any


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("build", [openai, anthropic])
async def test_no_hidden_retries(bench: Bench, mode: Mode, build: Build) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    retrying = build(bench.primary, max_retries=2)
    assert said_by(await ask(ChatFailover([retrying, openai(bench.fallback)]), mode)) == "fallback"
    assert bench.asked == (1, 1)


async def test_the_default_number_of_retries_counts_too(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    models = [openai(bench.primary, max_retries=None).bind(temperature=0), openai(bench.fallback)]
    assert said_by(await ChatFailover(models).ainvoke("hi")) == "fallback"
    assert bench.asked == (1, 1)


@pytest.mark.parametrize("build", [openai, anthropic])
@pytest.mark.parametrize("used", [False, True])
async def test_the_original_still_retries(bench: Bench, *, build: Build, used: bool) -> None:
    original = build(bench.primary, max_retries=2)
    if used:
        await asyncio.to_thread(original.invoke, "hi")
        await original.ainvoke("hi")
    before = {name: id(value) for name, value in vars(original).items() if "client" in name}
    model = ChatFailover([original, openai(bench.fallback)])
    await model.ainvoke("hi")
    await asyncio.to_thread(model.invoke, "hi")
    assert {name: id(value) for name, value in vars(original).items() if "client" in name} == before
    assert original.max_retries == 2
    known = len(bench.primary.requests)
    bench.primary.script(faults.server_error(), faults.server_error(), None)
    await asyncio.to_thread(original.invoke, "hi")
    assert len(bench.primary.requests) == known + 3


async def test_retries_inside_a_chain_are_found(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    parse = _text
    chain: Runnable[Any, Any] = openai(bench.primary, max_retries=2) | parse
    both = with_failover(chain, [openai(bench.fallback) | parse])
    assert await both.ainvoke("hi") == bench.fallback.reply
    assert bench.asked == (1, 1)


def _text(message: AIMessage) -> str:
    return message.text


class Retrying(GenericFakeChatModel):
    """A model of a package that nobody here knows."""

    max_retries: int = 3
    seen: list[Any] = Field(default_factory=list)

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(kwargs)
        return super()._generate(*args, **kwargs)


def test_an_unknown_client_that_retries_is_named_once_with_the_remedy() -> None:
    model = Retrying(messages=iter([AIMessage("one"), AIMessage("two")]))
    with pytest.warns(UserWarning, match=r"build it with Retrying\(\.\.\., max_retries=0\)"):
        failover = ChatFailover([model])
    with warnings.catch_warnings(action="error"):
        failover.invoke("hi")
        failover.invoke("hi")


def test_a_model_that_takes_no_timeout_is_sent_none() -> None:
    model = Retrying(messages=iter([AIMessage("one")]), max_retries=0)
    ChatFailover([model]).invoke("hi")
    assert "timeout" not in model.seen[0]


@pytest.mark.parametrize("build", [openai, anthropic])
@pytest.mark.parametrize("own", [0.3, (5.0, 0.3)])
async def test_a_models_own_shorter_timeout_is_kept(bench: Bench, build: Build, own: Any) -> None:
    if isinstance(own, tuple) and build is anthropic:
        pytest.skip("takes a number only")
    bench.primary.fail(faults.hang())
    watch = Stopwatch()
    model = ChatFailover([build(bench.primary, timeout=own), openai(bench.fallback)], Policy(attempt_timeout=5))
    assert said_by(await asyncio.to_thread(model.invoke, "hi")) == "fallback"
    assert watch.seconds < 1


@pytest.mark.parametrize("build", [openai, anthropic])
async def test_a_chain_is_held_to_the_deadline_too(bench: Bench, build: Build) -> None:
    bench.primary.fail(faults.hang())
    both = with_failover(build(bench.primary) | _text, [openai(bench.fallback) | _text], Policy(attempt_timeout=0.5))
    watch = Stopwatch()
    assert await asyncio.to_thread(both.invoke, "hi") == bench.fallback.reply
    assert watch.seconds < 1.5


@pytest.mark.parametrize("include_raw", [True, False])
async def test_structured_output_is_held_to_the_deadline_too(bench: Bench, *, include_raw: bool) -> None:
    bench.primary.fail(faults.hang())
    schema = {"title": "Answer", "type": "object", "properties": {"text": {"type": "string"}}}
    model = bench.model(Policy(attempt_timeout=0.5)).with_structured_output(schema, include_raw=include_raw)
    watch = Stopwatch()
    answer: Any = await asyncio.to_thread(model.invoke, "hi")
    assert (answer["parsed"] if include_raw else answer) == {"text": "text"}
    assert watch.seconds < 1.5
