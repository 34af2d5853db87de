"""What the type checkers must see of the public names. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from langchain_core.language_models import BaseChatModel

from failover_plugin import (
    Attempt,
    Diagnosis,
    Failover,
    HealthReport,
    Permit,
    Policy,
    Request,
    Result,
    Skip,
    Target,
    Trail,
    classify,
)
from langchain_failover import ChatFailover, with_failover
from litellm_failover import FailoverRoutingStrategy, install


def call(target: Target) -> int:
    return len(target.id)


async def acall(target: Target) -> str:
    return target.id


def open_(target: Target) -> Iterator[bytes]:
    yield target.id.encode()


async def aopen(target: Target) -> AsyncIterator[str]:
    yield target.id


def the_sync_side(failover: Failover) -> None:
    assert_type(failover.run(call), Result[int])
    assert_type(failover.run(call, Request(deadline=3)).trail, Trail)
    assert_type(failover.health(), HealthReport)
    assert_type(failover.explain().skips, tuple[Skip, ...])
    for chunk in failover.stream(open_, has_content=lambda chunk: chunk != b""):
        assert_type(chunk, bytes)
    permit = failover.acquire(among={"a"}, tried=["b"])
    assert_type(permit, Permit | None)
    assert_type(classify(ValueError()), Diagnosis)


async def the_async_side(failover: Failover) -> None:
    result = await failover.arun(acall)
    assert_type(result.value, str)
    assert_type(result.trail.attempts, tuple[Attempt, ...])
    async with failover.astream(aopen) as stream:
        async for chunk in stream:
            assert_type(chunk, str)


def the_adapters(model: BaseChatModel, router: object) -> None:
    chat: BaseChatModel = ChatFailover(models=[model, "openai:gpt-5.5", (model, Target("a", provider="p", model="m"))])
    with_failover(model, [chat], policy=Policy(strategy="sequential"))
    assert_type(install(router, policy=Policy()), FailoverRoutingStrategy)
