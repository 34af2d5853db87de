"""Answers under HTTP 200 that are failures: somebody else is asked. What was filtered is an answer, and handed out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import EmptyResponse
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]

FROM_BACKUP = "Hello from the backup, all of it."


async def test_who_says_nothing_is_passed_over(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1
    assert bench.in_flight == 0


async def test_if_nobody_says_anything_that_is_the_error(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.empty())
    bench.backup.fail(faults.empty())
    with pytest.raises(EmptyResponse) as empty:
        await ask()
    assert [str(attempt.diagnosis.error_class) for attempt in empty.value.trail.attempts] == ["empty_response"] * 2
    assert bench.in_flight == 0


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
