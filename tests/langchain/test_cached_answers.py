"""An answer out of LangChain's cache is no success of its target, no probe, and teaches no latency."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache

from failover_langchain import ChatFailover, RunnableWithFailover
from failover_plugin.emulator import faults

from .conftest import MODES, Bench, Mode, anthropic, ask, openai, said_by


@pytest.fixture
def _cached_for_all() -> Iterator[None]:
    before = get_llm_cache()
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(before)


def with_caches(bench: Bench) -> ChatFailover:
    return ChatFailover(
        [openai(bench.primary, cache=InMemoryCache()), anthropic(bench.fallback, cache=InMemoryCache())]
    )


@pytest.mark.parametrize("mode", MODES)
async def test_the_same_question_three_times_is_one_success(bench: Bench, mode: Mode) -> None:
    model = with_caches(bench)
    for _ in range(3):
        assert said_by(await ask(model, mode)) == "primary"
    line = model.failover.health().targets[0]
    assert line.successes == len(bench.primary.requests)
    assert line.in_flight == 0


@pytest.mark.usefixtures("_cached_for_all")
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
async def test_the_hosts_own_cache_counts_as_little(bench: Bench, mode: Mode) -> None:
    model = bench.model()
    for _ in range(3):
        assert said_by(await ask(model, mode)) == "primary"
    assert model.failover.health().targets[0].successes == len(bench.primary.requests) == 1


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
async def test_inside_a_sequence_too(bench: Bench, mode: Mode) -> None:
    cached = openai(bench.primary, cache=InMemoryCache()) | (lambda answer: answer)
    model = RunnableWithFailover([cached, anthropic(bench.fallback)])
    for _ in range(3):
        assert said_by(await ask(model, mode)) == "primary"
    assert model.failover.health().targets[0].successes == 1


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
async def test_the_primary_dies_and_an_answer_it_once_gave_does_not_close_its_breaker(bench: Bench, mode: Mode) -> None:
    model = with_caches(bench)
    assert said_by(await ask(model, mode)) == "primary"
    target = model.failover.targets[0].id
    model.failover.force_open(target, 30)
    model.failover.half_open(target)
    bench.primary.fail(faults.overloaded())
    assert said_by(await ask(model, mode)) == "primary", "out of its cache"
    assert model.failover.health().targets[0].state == "half_open"
    assert said_by(await ask(model, mode, "something new")) == "fallback"


async def test_what_was_cached_without_us_is_found_with_us(bench: Bench) -> None:
    cached = openai(bench.primary, cache=InMemoryCache())
    assert said_by(cached.invoke("hi")) == "primary"
    assert said_by(await ask(ChatFailover([cached]), "ainvoke")) == "primary"
    assert len(bench.primary.requests) == 1


async def test_a_cached_answer_is_handed_out_while_others_are_asked(bench: Bench) -> None:
    model = with_caches(bench)
    await ask(model, "ainvoke")
    answers = await asyncio.gather(*(ask(model, "ainvoke", prompt) for prompt in ("hi", "new", "hi")))
    assert [said_by(answer) for answer in answers] == ["primary"] * 3
    assert model.failover.health().targets[0].successes == len(bench.primary.requests) == 2
