"""A model's own rate limiter makes a call wait, and nobody is late by that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.rate_limiters import InMemoryRateLimiter

from failover_langchain import ChatFailover, RunnableWithFailover
from failover_plugin import DeadlineExceeded, Policy
from failover_plugin.policy import LatencyPolicy

from .conftest import MODES, Bench, Mode, Stopwatch, anthropic, ask, openai, said_by

SOON = LatencyPolicy(soft_min=0.4, soft_unknown=0.4, soft_max=0.4)
SHORT = {"latency": SOON, "attempt_timeout": 0.8, "first_content_timeout": 0.8}


def limiter(per_second: float) -> InMemoryRateLimiter:
    return InMemoryRateLimiter(requests_per_second=per_second, check_every_n_seconds=0.01, max_bucket_size=1)


def limited(bench: Bench, per_second: float, **policy: Any) -> ChatFailover:
    primary = openai(bench.primary, rate_limiter=limiter(per_second))
    return ChatFailover([primary, anthropic(bench.fallback)], Policy(**policy))


@pytest.mark.parametrize("sync_deadlines", ["client", "thread"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_limiter_makes_calls_wait_longer_than_any_limit_and_the_healthy_primary_answers_them_all(
    bench: Bench, mode: Mode, sync_deadlines: str
) -> None:
    model = limited(bench, 4, **SHORT, sync_deadlines=sync_deadlines)
    answers = await asyncio.gather(*(ask(model, mode) for _ in range(8)))
    assert [said_by(answer) for answer in answers] == ["primary"] * 8
    assert bench.asked == (8, 0), "nobody was backed up"
    line, _ = model.failover.health().targets
    assert (line.state, line.failures) == ("closed", 0)
    assert line.p95 is not None
    assert line.p95 < 0.5, "time counts from when the request leaves"


async def test_the_limiter_inside_a_sequence_is_no_lateness_either(bench: Bench) -> None:
    primary = openai(bench.primary, rate_limiter=limiter(4)) | (lambda answer: answer)
    both = RunnableWithFailover([primary, anthropic(bench.fallback)], Policy(**SHORT))
    answers = await asyncio.gather(*(both.ainvoke("hi") for _ in range(6)))
    assert [said_by(answer) for answer in answers] == ["primary"] * 6


@pytest.mark.parametrize("sync_deadlines", ["client", "thread"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_limiter_would_make_a_request_wait_beyond_its_deadline_and_it_ends_then(
    bench: Bench, mode: Mode, sync_deadlines: str
) -> None:
    model = limited(bench, 0.1, deadline=0.5, sync_deadlines=sync_deadlines)
    watch = Stopwatch()
    with pytest.raises(DeadlineExceeded):
        await ask(model, mode)
    assert watch.seconds < 2
    assert all(line.state == "closed" for line in model.failover.health().targets)


async def test_the_primary_hangs_behind_its_limiter_and_is_late_from_then_on(bench: Bench) -> None:
    from failover_plugin.emulator import faults

    model = limited(bench, 4, **SHORT)
    assert said_by(await ask(model, "astream")) == "primary"
    bench.primary.fail(faults.hang())
    watch = Stopwatch()
    assert said_by(await ask(model, "astream")) == "fallback"
    assert 0.4 < watch.seconds < 2
