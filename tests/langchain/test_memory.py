"""What is learned is shared by all calls of a model, in threads and tasks: nobody pays for a dead primary twice."""

from __future__ import annotations

import asyncio

import pytest

from failover_langchain import ChatFailover
from failover_plugin import BreakerPolicy, Policy
from failover_plugin.emulator import faults

from .conftest import MODES, Bench, Mode, anthropic, ask, openai, said_by


@pytest.mark.parametrize("mode", MODES)
async def test_a_dead_primary_is_soon_left_alone(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.overloaded())
    model = bench.model()
    for _ in range(15):
        assert said_by(await ask(model, mode)) == "fallback"
    assert bench.asked[0] <= 5
    assert bench.asked[1] == 15


@pytest.mark.parametrize("mode", MODES)
async def test_one_caller_tries_whether_it_is_back(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.overloaded())
    model = bench.model(Policy(breaker=BreakerPolicy(open_base=0.6, jitter=0)))
    while (primary := model.failover.health().targets[0]).state != "open":
        await ask(model, mode)
    known = bench.asked[0]
    bench.primary.latency = 0.3  # so that the probe is still out when the others come
    bench.primary.heal()
    await asyncio.sleep(primary.returns_in or 0)
    answers = await asyncio.gather(*(ask(model, mode) for _ in range(20)))
    assert sorted(map(said_by, answers)) == ["fallback"] * 19 + ["primary"]
    assert bench.asked[0] == known + 1
    assert said_by(await ask(model, mode)) == "primary"


async def test_tools_and_structure_share_the_memory(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model = bench.model()
    await model.ainvoke("hi")
    await model.bind_tools([]).ainvoke("hi")
    await model.bind(stop=["x"]).ainvoke("hi")
    await model.with_structured_output({"title": "Answer", "type": "object", "properties": {}}).ainvoke("hi")
    assert bench.asked == (1, 4)


async def test_a_batch_fails_over_input_by_input(bench: Bench) -> None:
    bench.primary.script(None, faults.rate_limit(retry_after=60), None)
    model = bench.model()
    answers = await model.abatch(["a", "b", "c"], {"max_concurrency": 1})
    assert [said_by(answer) for answer in answers] == ["primary", "fallback", "fallback"]
    assert [said_by(answer) for answer in await asyncio.to_thread(model.batch, ["a", "b"])] == ["fallback"] * 2
    assert bench.asked == (2, 4)


async def test_equal_preference_is_a_tier_given_by_hand(bench: Bench) -> None:
    from failover_plugin import Target

    pool = [
        (openai(bench.primary), Target("a", provider="openai", model="gpt-4o-mini")),
        (anthropic(bench.fallback), Target("b", provider="anthropic", model="claude-sonnet-5")),
    ]
    model = ChatFailover(pool)
    await asyncio.gather(*(model.ainvoke("hi") for _ in range(12)))
    assert min(bench.asked) > 0
