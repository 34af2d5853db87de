"""Rows 12 to 16 and 21 with ``stream_failover="resume"``, through a router: whole elsewhere, or the first error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
TEXT = "One two three four five six seven eight nine ten."
BREAKS = [faults.cut(), faults.stall(), faults.malformed(), faults.early_end(), faults.stream_error(after=3)]
every_break = pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)


def route(bench: Any, *, prefill: bool = False, other: str = TEXT) -> None:
    bench.primary.reply, bench.backup.reply = TEXT, other
    facts = {"tier": 1, "capabilities": ["prefill"]} if prefill else {"tier": 1}
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, failover=facts),
        policy=Policy(stream_failover="resume", idle_timeout=0.5),
    )


@every_break
@pytest.mark.parametrize("prefill", [False, True], ids=["restart", "prefill"])
async def test_a_broken_stream_is_gone_on_with_and_whole(
    bench: Any, ask_stream: Ask, fault: faults.Fault, *, prefill: bool
) -> None:
    route(bench, prefill=prefill)
    bench.primary.fail(fault)
    assert await ask_stream() == TEXT
    assert len(bench.primary.requests) == len(bench.backup.requests) == 1
    last = bench.backup.requests[-1].body["messages"][-1]
    assert (last["role"] == "assistant" and TEXT.startswith(last["content"])) is prefill
    assert bench.health().failures == bench.health("backup").successes == 1
    assert bench.in_flight == 0


async def test_a_restart_that_says_something_else_is_not_used(bench: Any, ask_stream: Ask) -> None:
    route(bench, other="Eins zwei drei vier.")
    bench.primary.fail(faults.stream_error(after=3))
    with pytest.raises(Exception, match="overloaded") as caught:
        await ask_stream()
    assert [attempt.target for attempt in caught.value.trail.attempts] == ["primary", "backup"]
    assert bench.in_flight == 0


async def test_row_21_a_fallback_that_refuses_the_prefix(bench: Any, ask_stream: Ask) -> None:
    """The first error, never that 400: the caller did not write the prefix."""
    route(bench, prefill=True)
    bench.primary.fail(faults.stream_error(after=3))
    bench.backup.fail(faults.status(400, {"error": {"message": "prefill is not supported", "param": "messages"}}))
    with pytest.raises(Exception, match="overloaded"):
        await ask_stream()
    assert str(bench.health("backup").health) == "healthy"
    assert bench.in_flight == 0


async def test_without_resume_a_broken_stream_is_an_error(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.stream_error(after=3))
    with pytest.raises(Exception, match="overloaded"):
        await ask_stream()
    assert not bench.backup.requests
