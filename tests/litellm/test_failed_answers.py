"""Answers under HTTP 200 that are failures, or say nothing. What was filtered is an answer, and handed out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]

FROM_BACKUP = "Hello from the backup, all of it."


async def test_who_says_nothing_is_passed_over(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1
    assert bench.in_flight == 0


@pytest.mark.parametrize("second", [faults.empty(), faults.server_error(), faults.stream_error()], ids=lambda f: f.name)
async def test_the_first_says_nothing_and_the_second_no_more_then_the_first_has_answered(
    bench: Any, ask: Ask, second: Any
) -> None:
    third = bench.site("third")
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, failover={"tier": 1}),
        bench.deployment(third, failover={"tier": 2}),
    )
    bench.primary.fail(faults.empty())
    bench.backup.fail(second)
    assert not await ask()
    assert [len(site.requests) for site in (bench.primary, bench.backup, third)] == [1, 1, 0]
    assert bench.health().failures == 0
    assert bench.in_flight == 0


async def test_everybody_says_nothing_for_long_and_both_stay_closed(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    bench.backup.fail(faults.empty())
    for _ in range(8):
        assert not await ask()
    for target in ("primary", "backup"):
        assert (bench.health(target).state, bench.health(target).failures) == ("closed", 0)
    assert bench.in_flight == 0


async def test_who_says_nothing_where_another_speaks_has_failed(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    for _ in range(8):
        assert await ask() == FROM_BACKUP
    assert bench.health().failures > 1
    assert bench.health().health == "degraded"


async def test_there_is_nobody_else_and_the_empty_answer_is_handed_out(bench: Any, ask: Ask) -> None:
    bench.route(bench.deployment(bench.primary))
    bench.primary.fail(faults.empty())
    assert not await ask()
    assert len(bench.primary.requests) == 1
    assert (bench.health().failures, bench.in_flight) == (0, 0)


@pytest.mark.parametrize("order", [True, False])
async def test_who_is_in_no_offer_of_litellm_s_is_not_asked_for_more(bench: Any, ask: Ask, *, order: bool) -> None:
    """LiteLLM alone hands it out as well, and gives no way back from a later level or group."""
    if order:
        bench.route(bench.deployment(bench.primary, order=1), bench.deployment(bench.backup, order=2))
    else:
        bench.route(
            bench.deployment(bench.primary),
            bench.deployment(bench.backup, group="other"),
            fallbacks=[{"chat": ["other"]}],
        )
    bench.primary.fail(faults.empty())
    assert not await ask()
    assert not bench.backup.requests
    assert bench.health().failures == 0


async def test_the_empty_answer_that_is_handed_out_is_the_provider_s_own(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    bench.backup.fail(faults.empty())
    answer = await bench.router.acompletion("chat", [{"role": "user", "content": "hi"}])
    assert answer.choices[0].finish_reason == "stop"
    told = answer._hidden_params["failover"]
    assert told["target"] == "primary"
    assert [(attempt["target"], attempt["diagnosis"] is None) for attempt in told["attempts"]] == [
        ("primary", True),
        ("backup", False),
    ]


async def test_a_stream_that_says_nothing_is_handed_out_to_its_end(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    bench.backup.fail(faults.empty())
    question = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    chunks = [chunk async for chunk in await bench.router.acompletion(**question)]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    chunks = await asyncio.to_thread(lambda: list(bench.router.completion(**question)))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert bench.in_flight == 0


@pytest.mark.parametrize("words", [True, False])
async def test_a_late_stream_has_a_backup_that_says_nothing(bench: Any, *, words: bool) -> None:
    """If the late one says something after all, that is the answer; if it dies, the empty one is."""
    bench.route(policy=Policy(latency={"soft_unknown": 0.2, "soft_min": 0.1}, first_content_timeout=2.0))
    bench.primary.fail(faults.slow_first_token(1.0) if words else faults.hang())
    bench.backup.fail(faults.empty())
    answer = await bench.ask("acompletion-stream")
    assert answer == ("Hello from the primary, all of it." if words else "")
    assert len(bench.backup.requests) == 1
    assert bench.health("backup").failures == (1 if words else 0)
    assert bench.in_flight == 0


async def test_the_second_was_filtered_and_that_blames_nobody(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    bench.backup.fail(faults.filtered())
    assert not await ask()
    assert (bench.health().failures, bench.health("backup").failures) == (0, 0)


async def test_an_error_where_an_answer_should_be(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.error_body())
    assert await ask() == FROM_BACKUP


async def test_a_model_that_gives_up_in_mid_answer(bench: Any, ask_plain: Ask) -> None:
    """LiteLLM calls it a stop, and keeps the provider's own word beside it."""
    bench.route()
    bench.primary.fail(faults.failed())
    assert await ask_plain() == FROM_BACKUP


async def test_a_streaming_model_that_gives_up_before_its_first_word(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.failed(after=0))
    assert await ask_stream() == FROM_BACKUP


async def test_what_was_filtered_is_handed_out_and_nobody_else_is_asked(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.filtered())
    assert not await ask()
    bench.primary.fail(faults.filtered(after=0.5))
    assert (await ask()).startswith("Hello")
    assert not bench.backup.requests


CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
TOLD = [
    {"role": "user", "content": "Set it."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "done"},
]


async def test_who_has_been_told_a_tools_result_may_have_nothing_to_add(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    assert not await ask(messages=TOLD)
    assert not bench.backup.requests


async def test_who_stops_at_a_word_may_get_nothing_before_it(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    assert not await ask(stop=["Hello"])
    assert not bench.backup.requests
