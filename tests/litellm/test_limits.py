"""The shortest limit counts: the policy's, the router's, the deployment's, the call's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
FROM_BACKUP = "Hello from the backup, all of it."


async def _took(asking: Awaitable[Any]) -> float:
    start = time.monotonic()
    assert await asking == FROM_BACKUP
    return time.monotonic() - start


@pytest.mark.parametrize("whose", ["policy", "router", "deployment", "call"])
async def test_a_hung_deployment_is_left_when_the_shortest_limit_is_over(bench: Any, ask: Ask, whose: str) -> None:
    limits = {name: 0.3 if name == whose else 30 for name in ("policy", "router", "deployment", "call")}
    policy = Policy(attempt_timeout=limits["policy"], first_content_timeout=limits["policy"])
    bench.route(
        bench.deployment(bench.primary, timeout=limits["deployment"]),
        bench.deployment(bench.backup, timeout=limits["deployment"], failover={"tier": 1}),
        policy=policy,
        timeout=limits["router"],
    )
    bench.primary.fail(faults.hang())
    assert 0.3 <= await _took(ask(timeout=limits["call"])) < 1.7
    assert len(bench.primary.requests) == 1


@pytest.mark.parametrize(("name", "mode"), [("timeout", "acompletion"), ("stream_timeout", "acompletion-stream")])
async def test_a_limit_that_the_router_is_given_later_counts_from_then_on(bench: Any, name: str, mode: str) -> None:
    bench.route(timeout=30, stream_timeout=30)
    assert await bench.ask(mode)
    setattr(bench.router, name, 0.3)
    bench.primary.fail(faults.hang())
    assert 0.3 <= await _took(bench.ask(mode, **{name: 30})) < 1.7


@pytest.mark.parametrize("whose", ["router", "deployment", "call"])
async def test_a_limit_for_streams_counts_for_streams_alone(bench: Any, ask_stream: Ask, whose: str) -> None:
    limits = {name: {"timeout": 30, "stream_timeout": 0.3 if name == whose else 30} for name in _LEVELS}
    bench.route(
        bench.deployment(bench.primary, **limits["deployment"]),
        bench.deployment(bench.backup, **limits["deployment"], failover={"tier": 1}),
        **limits["router"],
    )
    bench.primary.fail(faults.hang())
    assert 0.3 <= await _took(ask_stream(**limits["call"])) < 1.7
    bench.primary.heal()
    bench.primary.latency = bench.backup.latency = 0.5
    assert await bench.ask("acompletion", **limits["call"])


_LEVELS = ("router", "deployment", "call")


async def test_the_total_timeout_of_a_request_is_its_deadline(bench: Any) -> None:
    total_deadline = pytest.importorskip("litellm.litellm_core_utils.total_deadline", reason="since litellm 1.110")
    bench.route()
    bench.primary.fail(faults.hang())
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        async with total_deadline.total_deadline(0.5, from_body=False):
            await bench.ask("acompletion")
    assert time.monotonic() - start < 1.5
    assert bench.in_flight == 0
    assert not bench.backup.requests


async def test_httpx_limits_are_understood(bench: Any) -> None:
    import httpx

    bench.route()
    bench.primary.fail(faults.hang())
    assert await _took(bench.ask("acompletion", timeout=httpx.Timeout(30, read=0.6))) < 2


async def test_forty_at_once_beside_a_hung_one(bench: Any) -> None:
    bench.route(policy=Policy(attempt_timeout=3, first_content_timeout=3))
    bench.primary.fail(faults.hang())
    answers = await asyncio.gather(*(bench.ask("acompletion") for _ in range(40)))
    assert set(answers) == {FROM_BACKUP}
    assert bench.in_flight == 0


async def test_a_caller_who_allows_too_little_time_is_no_evidence(bench: Any, ask: Ask) -> None:
    """One caller in a hurry must not take the deployment away from all others."""
    bench.route(bench.deployment(bench.primary))
    bench.primary.latency = 0.3
    for _ in range(6):
        with pytest.raises(Exception, match=r"(?i)time"):
            await ask(timeout=0.05)
    assert bench.health().state == "closed"
    assert await ask()
