"""Rows 11 and 14 through a router: a late call gets another one beside it, in code that can make two at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import LatencyPolicy, Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
FROM_PRIMARY = "Hello from the primary, all of it."
FROM_BACKUP = "Hello from the backup, all of it."
MESSAGES = [{"role": "user", "content": "Say hello."}]
SOON = LatencyPolicy(soft_unknown=0.3, soft_min=0.3, soft_max=0.3)
"""Calls are late after 0.3 s."""


async def _settled(bench: Any) -> None:
    """Nothing is under way any more: no permit, no connection at either site."""
    due = time.monotonic() + 2
    while (bench.primary.open or bench.backup.open) and time.monotonic() < due:
        await asyncio.sleep(0.01)
    assert not bench.primary.open
    assert not bench.backup.open
    assert bench.in_flight == 0


async def test_row_11_a_slow_first_token_is_overtaken(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    bench.primary.fail(faults.slow_first_token(20))
    start = time.monotonic()
    assert await bench.ask("acompletion-stream") == FROM_BACKUP
    assert time.monotonic() - start < 2
    assert len(bench.primary.requests) == len(bench.backup.requests) == 1
    await _settled(bench)
    assert bench.health("backup").successes == 1


async def test_row_11_in_synchronous_code_the_limit_for_the_first_content_ends_it(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON, first_content_timeout=1))
    bench.primary.fail(faults.slow_first_token(20))
    start = time.monotonic()
    assert await bench.ask("completion-stream") == FROM_BACKUP
    assert 1 <= time.monotonic() - start < 3
    assert len(bench.primary.requests) == 1


async def test_row_14_a_malformed_event_is_an_error_and_no_short_text(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.malformed())
    with pytest.raises(Exception, match="Unterminated string"):
        await ask_stream()
    assert len(bench.primary.requests) == 1
    assert bench.health().failures == 1
    assert bench.in_flight == 0


async def test_the_first_wins_if_it_is_late_but_quicker_than_its_backup(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    bench.primary.fail(faults.slow_first_token(0.8))
    bench.backup.fail(faults.slow_first_token(20))
    assert await bench.ask("acompletion-stream") == FROM_PRIMARY
    await _settled(bench)
    assert bench.health().failures == bench.health("backup").failures == 0


async def test_a_backup_that_fails_leaves_the_late_call_alone(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    bench.primary.fail(faults.slow_first_token(0.8))
    bench.backup.fail(faults.server_error())
    assert await bench.ask("acompletion-stream") == FROM_PRIMARY
    assert bench.health("backup").failures == 1
    await _settled(bench)


async def test_a_late_call_that_fails_waits_for_its_backup(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON, first_content_timeout=0.6))
    bench.primary.fail(faults.slow_first_token(20))
    bench.backup.fail(faults.slow_first_token(0.5))
    assert await bench.ask("acompletion-stream") == FROM_BACKUP
    assert len(bench.primary.requests) == len(bench.backup.requests) == 1
    assert bench.health().failures == 1
    await _settled(bench)


async def test_if_both_fail_the_caller_gets_the_firsts_error_and_the_whole_trail(bench: Any) -> None:
    from litellm.exceptions import Timeout

    bench.route(policy=Policy(latency=SOON, first_content_timeout=0.6))
    bench.primary.fail(faults.slow_first_token(20))
    bench.backup.fail(faults.slow_first_token(20))
    with pytest.raises(Timeout) as caught:
        await bench.ask("acompletion-stream")
    assert [attempt.target for attempt in caught.value.trail.attempts] == ["primary", "backup"]
    assert len(bench.primary.requests) == len(bench.backup.requests) == 1
    await _settled(bench)


async def test_the_caller_who_leaves_takes_both_along(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    bench.primary.fail(faults.hang())
    bench.backup.fail(faults.hang())
    call = asyncio.create_task(bench.router.acompletion(model="chat", messages=MESSAGES, stream=True))
    while not bench.backup.open:
        await asyncio.sleep(0.01)
    assert bench.in_flight == 2
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await _settled(bench)
    assert bench.health().failures == bench.health("backup").failures == 0


async def test_the_winner_is_who_is_named_as_the_one_that_answered(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    bench.primary.fail(faults.slow_first_token(20))
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True)
    assert stream._hidden_params["failover"]["target"] == "backup"
    assert stream._hidden_params["model_id"] == "backup"
    assert (await anext(stream)).choices
    await stream.aclose()
    await _settled(bench)


async def test_a_plain_call_is_late_when_healthy_ones_never_take_so_long(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON))
    for _ in range(12):
        assert await bench.ask("acompletion") == FROM_PRIMARY
    bench.primary.fail(faults.hang())
    start = time.monotonic()
    answer = await bench.router.acompletion(model="chat", messages=MESSAGES)
    assert time.monotonic() - start < 2
    assert answer.choices[0].message.content == FROM_BACKUP
    assert answer._hidden_params["failover"]["target"] == answer._hidden_params["model_id"] == "backup"
    await _settled(bench)


async def test_a_backup_goes_on_elsewhere_if_it_breaks(bench: Any) -> None:
    third = bench.site("third")
    bench.backup.reply = third.reply = "One two three four five six seven eight nine ten."
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, failover={"tier": 1}),
        bench.deployment(third, failover={"tier": 2}),
        policy=Policy(latency=SOON, stream_failover="resume"),
    )
    bench.primary.fail(faults.hang())
    bench.backup.fail(faults.cut())
    assert await bench.ask("acompletion-stream") == third.reply
    assert len(bench.primary.requests) == len(bench.backup.requests) == len(third.requests) == 1
    await _settled(bench)


async def test_no_backups_is_a_choice(bench: Any) -> None:
    bench.route(policy=Policy(latency=SOON, backups="off"))
    bench.primary.fail(faults.slow_first_token(0.8))
    assert await bench.ask("acompletion-stream") == FROM_PRIMARY
    assert not bench.backup.requests


async def test_a_call_that_is_silent_at_a_target_found_dead_is_not_kept_waiting(bench: Any) -> None:
    bench.route(policy=Policy(latency=LatencyPolicy(soft_unknown=30)))
    bench.primary.script(faults.hang())
    bench.primary.fail(faults.overloaded())
    hung = asyncio.create_task(bench.ask("acompletion-stream"))
    while not bench.primary.open:
        await asyncio.sleep(0.01)
    while str(bench.health().health) != "unhealthy":
        assert await bench.ask("acompletion") == FROM_BACKUP
    assert await asyncio.wait_for(hung, 2) == FROM_BACKUP
    await _settled(bench)
