"""Structured output: each model's own way to get it, parsing included in the attempt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.exceptions import ModelRateLimitError
from pydantic import BaseModel, Field

from failover_plugin.emulator import Fault, faults
from failover_plugin.emulator.call import Call
from failover_plugin.emulator.plan import Plan

from .conftest import MODES, PLAIN, Bench, Mode, ask

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


class Weather(BaseModel):
    """A report."""

    city: str
    celsius: int = Field(ge=-90, le=60)


SCHEMA = {"title": "Weather", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _babble(call: Call) -> Plan:
    return call.saying("the weather is nice")


babble = Fault("babble", _babble)


@pytest.mark.parametrize("mode", MODES)
async def test_a_dead_primary(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    for model in bench.families():
        structured = model.with_structured_output(Weather)
        answer = await ask(structured, mode) if mode in PLAIN else await last(structured, mode)
        assert answer == Weather(city="city", celsius=-90)


@pytest.mark.parametrize("mode", PLAIN)
async def test_an_answer_that_does_not_parse_fails_over(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(babble)
    model = bench.model()
    assert await ask(model.with_structured_output(Weather), mode) == Weather(city="city", celsius=-90)
    assert bench.asked[0] <= 2
    assert model.failover.health().targets[0].failures == bench.asked[0]


async def test_answers_that_do_not_parse_shut_out_nobody_else(bench: Bench) -> None:
    bench.primary.fail(babble)
    model = bench.model()
    structured = model.with_structured_output(Weather)
    for _ in range(6):
        assert await structured.ainvoke("weather?") == Weather(city="city", celsius=-90)
    assert model.failover.health().targets[0].health == "healthy"


@pytest.mark.parametrize("mode", PLAIN)
async def test_with_the_raw_answer(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(babble)
    structured = bench.model().with_structured_output(SCHEMA, include_raw=True)
    answer: Any = await ask(structured, mode)
    assert answer["parsed"] == {"city": "city"}
    assert answer["parsing_error"] is None
    assert bench.asked[0] <= 2


@pytest.mark.parametrize("mode", PLAIN)
async def test_the_raw_answer_is_returned_when_nobody_has_a_better(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(babble)
    bench.fallback.fail(faults.rate_limit(retry_after=60))
    structured = bench.model().with_structured_output(SCHEMA, include_raw=True)
    answer: Any = await ask(structured, mode)
    assert answer["raw"].text == "the weather is nice"
    assert isinstance(answer["parsing_error"], Exception)
    assert bench.asked[1] == 1


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("raw", ["raw", "parsed"])
async def test_all_dead(bench: Bench, mode: Mode, raw: str) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    bench.fallback.fail(faults.rate_limit(retry_after=60))
    with pytest.raises(ModelRateLimitError):
        await ask(bench.model().with_structured_output(Weather, include_raw=raw == "raw"), mode)


async def test_each_model_has_its_own_way(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    await bench.model().with_structured_output(Weather).ainvoke("hi")
    assert "response_format" in bench.primary.requests[0].body
    assert "tools" in bench.fallback.requests[0].body


async def last(structured: Any, mode: Mode) -> Any:
    if mode == "astream":
        return [chunk async for chunk in structured.astream("hi")][-1]
    return (await asyncio.to_thread(lambda: list(structured.stream("hi"))))[-1]
