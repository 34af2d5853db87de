"""A failover as a target of another one: when it has nobody left it has been asked, and is not asked again."""

from __future__ import annotations

from typing import Any

import pytest

from failover_langchain import ChatFailover, with_failover
from failover_plugin import Policy
from failover_plugin.emulator import faults

from .conftest import MODES, Bench, Mode, anthropic, ask, openai, said_by


def inner(bench: Bench, kind: str) -> Any:
    models = [openai(bench.primary), openai(bench.primary, model="gpt-4o")]
    policy = Policy(same_target_retries=0)
    return ChatFailover(models, policy) if kind == "chat" else with_failover(models[0], models[1:], policy=policy)


@pytest.mark.parametrize("kind", ["chat", "runnable"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_inner_ones_models_are_down_and_each_is_asked_once(bench: Bench, mode: Mode, kind: str) -> None:
    outer = with_failover(inner(bench, kind), [anthropic(bench.fallback)])
    bench.primary.fail(faults.server_error())
    assert said_by(await ask(outer, mode)) == "fallback"
    assert bench.asked == (2, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_the_inner_one_is_the_last_and_is_not_repeated_either(bench: Bench, mode: Mode) -> None:
    outer = ChatFailover([anthropic(bench.fallback), inner(bench, "chat")], Policy(same_target_retries=0))
    bench.fallback.fail(faults.server_error())
    bench.primary.fail(faults.server_error())
    with pytest.raises(Exception, match="error"):
        await ask(outer, mode)
    assert bench.asked == (2, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_the_inner_one_alone_gets_no_repeat(bench: Bench, mode: Mode) -> None:
    outer = ChatFailover([inner(bench, "chat")], Policy(same_target_retries=1))
    bench.primary.fail(faults.server_error())
    with pytest.raises(Exception, match="error"):
        await ask(outer, mode)
    assert bench.asked == (2, 0)


@pytest.mark.parametrize("mode", MODES)
async def test_the_inner_ones_key_is_dead_and_the_outer_one_goes_on_and_tells_both(bench: Bench, mode: Mode) -> None:
    outer = ChatFailover([ChatFailover([openai(bench.primary)]), anthropic(bench.fallback)])
    bench.primary.fail(faults.invalid_api_key())
    assert said_by(await ask(outer, mode)) == "fallback"
    assert bench.asked == (1, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_the_inner_one_is_asked_something_invalid_and_nobody_is_blamed(bench: Bench, mode: Mode) -> None:
    outer = ChatFailover([inner(bench, "chat"), anthropic(bench.fallback)])
    bench.primary.fail(faults.invalid_request())
    bench.fallback.fail(faults.invalid_request())
    for _ in range(6):
        with pytest.raises(Exception, match=r"[Ii]nvalid|400"):
            await ask(outer, mode)
    assert [line.state for line in outer.failover.health().targets] == ["closed", "closed"]
