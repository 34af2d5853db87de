"""What a caller sees, fault by fault: real chat models, the emulator as provider, attempts counted there."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from langchain_core.exceptions import ModelAuthenticationError, ModelRateLimitError

from failover_langchain import ChatFailover
from failover_plugin import ErrorClass, Policy, StreamInterrupted
from failover_plugin.emulator import faults

from .conftest import MODES, PLAIN, STREAMED, Bench, Mode, Stopwatch, anthropic, ask, openai, said_by

every_mode = pytest.mark.parametrize("mode", MODES)
streamed = pytest.mark.parametrize("mode", STREAMED)
plain = pytest.mark.parametrize("mode", PLAIN)


@every_mode
async def test_1_a_short_retry_after_is_waited_for(bench: Bench, mode: Mode) -> None:
    bench.primary.script(faults.rate_limit(retry_after=2), None)
    watch = Stopwatch()
    assert said_by(await ask(bench.model(), mode)) == "primary"
    first, second = bench.primary.requests
    assert second.at - first.at >= 1.8
    assert watch.seconds < 5
    assert bench.asked == (2, 0)


@every_mode
async def test_2_a_long_retry_after_is_not(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model, watch = bench.model(), Stopwatch()
    for _ in range(3):
        assert said_by(await ask(model, mode)) == "fallback"
    assert watch.seconds < 2
    assert bench.asked == (1, 3)
    (primary, _) = model.failover.health().targets
    assert 55 < primary.returns_in < 70  # the core spreads returns a little


@every_mode
async def test_3_a_rate_limit_without_a_time(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit())
    watch = Stopwatch()
    assert said_by(await ask(bench.model(), mode)) == "fallback"
    assert watch.seconds < 5
    times = [request.at for request in bench.primary.requests]
    assert len(times) <= 2
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))


@every_mode
async def test_4_one_server_error(bench: Bench, mode: Mode) -> None:
    bench.primary.script(faults.server_error(), None)
    watch = Stopwatch()
    assert said_by(await ask(bench.model(), mode)) == "primary"
    assert watch.seconds < 2
    assert bench.asked == (2, 0)


@every_mode
async def test_5_overloaded_for_good(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.overloaded())
    for model in bench.families():
        watch = Stopwatch()
        answer = await ask(model, mode)
        assert said_by(answer) == "fallback"
        assert watch.seconds < 4
        assert answer.response_metadata["model_name"] == bench.fallback.requests[-1].model
        assert answer.usage_metadata
        assert answer.response_metadata["failover"]["target"] == model.failover.targets[1].id
    assert bench.asked[0] <= 4


@every_mode
async def test_6_a_dead_key(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.invalid_api_key())
    model = ChatFailover([openai(bench.primary), openai(bench.primary, "gpt-4o"), anthropic(bench.fallback)])
    watch = Stopwatch()
    for _ in range(3):
        assert said_by(await ask(model, mode)) == "fallback"
    assert watch.seconds < 2
    assert bench.asked == (1, 3)


@every_mode
async def test_7_reset_before_the_first_byte(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.reset())
    watch = Stopwatch()
    assert said_by(await ask(bench.model(), mode)) == "fallback"
    assert watch.seconds < 2
    assert bench.asked[0] <= 2


@every_mode
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
async def test_8_nobody_there(bench: Bench, mode: Mode, url: str) -> None:
    model, watch = ChatFailover([openai(url), anthropic(bench.fallback)]), Stopwatch()
    answer = await ask(model, mode)
    assert said_by(answer) == "fallback"
    assert watch.seconds < 4
    assert answer.response_metadata["failover"]["attempts"] <= 3


@every_mode
async def test_9_and_10_accepts_and_never_answers(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.hang())
    watch, limits = Stopwatch(), Policy(attempt_timeout=2, first_content_timeout=2)
    answers = await asyncio.gather(*(ask(model, mode) for model in bench.families(limits)))
    assert watch.seconds < 3
    assert [*map(said_by, answers)] == ["fallback", "fallback"]
    assert bench.asked == (2, 2)


@streamed
async def test_9_headers_and_then_nothing(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.stall(after=0))
    watch = Stopwatch()
    assert said_by(await ask(bench.model(Policy(first_content_timeout=1)), mode)) == "fallback"
    assert watch.seconds < 2
    assert bench.asked == (1, 1)


@streamed
async def test_13_silence_in_mid_stream(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.stall())
    with pytest.raises(StreamInterrupted):
        await ask(bench.model(Policy(idle_timeout=1)), mode)
    assert bench.asked == (1, 0)


@streamed
async def test_12_cut_in_mid_stream(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.cut())
    for model in bench.families():
        with pytest.raises(StreamInterrupted) as caught:
            await ask(model, mode)
        assert caught.value.__cause__ is not None
    assert bench.asked == (2, 0)


@streamed
async def test_15_only_the_sentinel_is_missing(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.no_sentinel())
    for model in bench.families():
        watch = Stopwatch()
        assert said_by(await ask(model, mode)) == "primary"
        assert watch.seconds < 2
    assert bench.asked == (2, 0)


@streamed
async def test_16_a_clean_end_without_a_finish_mark(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.early_end())
    for model in bench.families():
        with pytest.raises(StreamInterrupted) as caught:
            await ask(model, mode)
        (attempt,) = caught.value.trail.attempts
        assert attempt.diagnosis is not None
        assert attempt.diagnosis.error_class is ErrorClass.STREAM_INTERRUPTED
    assert bench.asked == (2, 0)


@streamed
async def test_16_a_clean_end_before_any_content(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.early_end(after=0))
    for model in bench.families():
        assert said_by(await ask(model, mode)) == "fallback"


@streamed
async def test_17_an_error_in_the_stream_before_any_content(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.stream_error())
    watch = Stopwatch()
    answers = await asyncio.gather(*(ask(model, mode) for model in bench.families()))
    assert watch.seconds < 3
    assert [*map(said_by, answers)] == ["fallback", "fallback"]
    assert bench.asked[0] <= 4


@every_mode
async def test_18_the_prompt_does_not_fit(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.context_length())
    larger = bench.model()  # 128,000 tokens, then 200,000
    assert said_by(await ask(larger, mode)) == "fallback"
    assert bench.asked == (1, 1)
    with pytest.raises(Exception, match=r"maximum context length|prompt is too long"):
        await ask(bench.mirrored(), mode)
    assert bench.asked == (2, 1)
    assert all(target.health == "healthy" for target in larger.failover.health().targets)


@every_mode
async def test_19_what_no_other_target_would_cure(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.content_policy())
    watch = Stopwatch()
    with pytest.raises(Exception, match=r"(?i)polic|safety|block") as caught:
        await ask(bench.model(), mode)
    assert getattr(caught.value, "status_code", None) == 400
    assert watch.seconds < 2
    assert bench.asked == (1, 0)


@every_mode
async def test_20_what_one_model_is_strict_about_is_shown_to_another(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.invalid_request())
    model = bench.model()
    assert (await ask(model, mode)).text == "Hello from the fallback, and all of it."
    assert bench.asked == (1, 1)
    assert all(target.health == "healthy" for target in model.failover.health().targets)


@every_mode
async def test_20_what_the_other_refuses_too_is_the_primarys_own_error(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.invalid_request())
    bench.fallback.fail(faults.invalid_request())
    model, watch = bench.model(), Stopwatch()
    with pytest.raises(Exception, match="400") as caught:
        await ask(model, mode)
    assert getattr(caught.value, "status_code", None) == 400
    assert watch.seconds < 2
    assert bench.asked == (1, 1)
    assert all(target.health == "healthy" for target in model.failover.health().targets)


@every_mode
async def test_23_all_dead(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=30))
    bench.fallback.fail(faults.invalid_api_key())
    watch = Stopwatch()
    with pytest.raises(ModelRateLimitError) as caught:
        await ask(bench.model(), mode)
    error: Any = caught.value
    assert watch.seconds < 5
    assert 28 < error.retry_after < 35
    assert [attempt.target for attempt in error.trail.attempts] == ["openai:gpt-4o-mini", "anthropic:claude-sonnet-5"]
    assert "anthropic:claude-sonnet-5" in "\n".join(error.__notes__)
    assert bench.asked == (1, 1)


@every_mode
async def test_23_all_dead_the_other_way_round(bench: Bench, mode: Mode) -> None:
    bench.primary.fail(faults.invalid_api_key())
    bench.fallback.fail(faults.overloaded())
    with pytest.raises(ModelAuthenticationError):
        await ask(bench.mirrored(), mode)
    assert bench.asked[0] == 1
    assert bench.asked[1] <= 2
