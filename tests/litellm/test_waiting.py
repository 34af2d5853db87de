"""Whoever is full, or due back, is waited for: in the task or the thread that LiteLLM asks in."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from failover_litellm.host import RouterInside
from failover_plugin import Policy
from failover_plugin.emulator import faults

FROM_PRIMARY = "Hello from the primary, all of it."


@pytest.mark.parametrize("mode", ["acompletion", "acompletion-stream", "completion", "completion-stream"])
async def test_the_only_deployment_is_full_then_a_place_is_free_and_everybody_is_served(bench: Any, mode: str) -> None:
    bench.route(bench.deployment(bench.primary, failover={"max_parallel": 1}))
    bench.primary.latency = 0.3
    start = time.monotonic()
    assert await asyncio.gather(*(bench.ask(mode) for _ in range(3))) == [FROM_PRIMARY] * 3
    assert time.monotonic() - start >= 0.9
    assert bench.in_flight == 0


async def test_who_waits_is_answered_by_whoever_is_back_first(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary, failover={"max_parallel": 1}),
        bench.deployment(bench.backup, failover={"max_parallel": 1}),
    )
    bench.primary.latency, bench.backup.latency = 2.0, 0.2
    start = time.monotonic()
    answers = await asyncio.gather(*(bench.ask("acompletion") for _ in range(4)))
    assert answers.count(FROM_PRIMARY) == 1
    assert time.monotonic() - start < 2.5


@pytest.mark.parametrize("mode", ["acompletion", "completion"])
async def test_nobody_waits_longer_than_the_policy_is_patient(bench: Any, mode: str) -> None:
    bench.route(bench.deployment(bench.primary, failover={"max_parallel": 1}), policy=Policy(patience=0.2))
    bench.primary.latency = 1.0
    first = asyncio.create_task(bench.ask(mode))
    while not bench.in_flight:
        await asyncio.sleep(0.01)
    start = time.monotonic()
    with pytest.raises(Exception, match="no more at once"):
        await bench.ask(mode)
    assert 0.2 <= time.monotonic() - start < 0.9
    assert await first == FROM_PRIMARY


async def test_a_caller_who_leaves_while_waiting_leaves_nothing_behind(bench: Any) -> None:
    bench.route(bench.deployment(bench.primary, failover={"max_parallel": 1}))
    bench.primary.latency = 0.5
    first = asyncio.create_task(bench.ask("acompletion"))
    while not bench.in_flight:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(bench.ask("acompletion"))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await first == FROM_PRIMARY
    assert bench.in_flight == 0
    assert await bench.ask("acompletion") == FROM_PRIMARY


async def test_all_fail_for_a_moment_then_a_group_of_one_that_said_it_is_overloaded_serves_all(bench: Any) -> None:
    """The group that a router falls back to is busy with another request, and said that it had too much to do."""
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, "other"),
        fallbacks=[{"chat": ["other"]}],
    )
    for site in (bench.primary, bench.backup):
        site.latency = 0.1
        site.fail(faults.overloaded())
    asking = [asyncio.create_task(bench.ask("acompletion")) for _ in range(3)]
    await asyncio.sleep(0.8)
    bench.primary.heal()
    bench.backup.heal()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(answer, str) for answer in answers), answers


def _groups_of_one(bench: Any, policy: Policy | None = None) -> None:
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, "other"),
        fallbacks=[{"chat": ["other"]}],
        num_retries=2,
        policy=policy,
    )
    bench.primary.fail(faults.status(503))
    bench.backup.fail(faults.status(503))


async def test_groups_of_one_are_down_then_back_before_litellm_would_give_up_and_nobody_is_lost(bench: Any) -> None:
    _groups_of_one(bench)
    asking = [asyncio.create_task(bench.ask("acompletion")) for _ in range(3)]
    await asyncio.sleep(3.5)
    bench.primary.heal()
    bench.backup.heal()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(answer, str) for answer in answers), answers


async def test_who_says_how_patient_a_policy_is_means_it(bench: Any) -> None:
    _groups_of_one(bench, Policy(patience=0.1))
    start = time.monotonic()
    answers = await asyncio.gather(*(bench.ask("acompletion") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, Exception) for answer in answers)
    assert time.monotonic() - start < 2


async def test_in_a_group_of_more_litellm_makes_no_pause_and_the_policy_says_when_to_give_up(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary), bench.deployment(bench.backup), policy=Policy(patience=0.1), num_retries=5
    )
    bench.primary.fail(faults.status(503))
    bench.backup.fail(faults.status(503))
    start = time.monotonic()
    answers = await asyncio.gather(*(bench.ask("acompletion") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, Exception) for answer in answers)
    assert time.monotonic() - start < 2


class _Timekeeper:
    """LiteLLM's own host, whose pauses are noted and not made."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.pauses: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def sleep(self, seconds: float) -> Any:
        self.pauses.append(seconds)
        return self._host.sleep(0)


@pytest.mark.parametrize("retries", [0, 1, 3, 6])
async def test_litellm_by_itself_pauses_as_long_as_we_think(bench: Any, retries: int) -> None:
    import litellm

    bench.router = litellm.Router(model_list=[bench.deployment(bench.primary)], num_retries=retries)
    bench.primary.fail(faults.status(503))
    inside = RouterInside(bench.router)
    inside.core._host = host = _Timekeeper(inside.core._host)
    with pytest.raises(litellm.ServiceUnavailableError):
        await bench.ask("acompletion")
    assert len(host.pauses) == (retries + 1 if retries else 0)
    most = inside.pauses({})
    assert most / 2 <= sum(host.pauses) <= most
    assert inside.pauses({"num_retries": 0}) == 0
