"""Which attempts belong to one request, whatever the caller uses again: metadata, trace ids, tasks, contexts."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

MESSAGES = [{"role": "user", "content": "Say hello."}]
FROM_PRIMARY = "Hello from the primary, all of it."
FROM_BACKUP = "Hello from the backup, all of it."


@pytest.mark.parametrize("mode", ["completion", "acompletion"])
async def test_the_same_metadata_and_trace_id_again_is_another_request(bench: Any, mode: str) -> None:
    """An agent's loop: all are lost while everybody is dead, none is afterwards."""
    bench.route()
    bench.primary.fail(faults.status(500))
    bench.backup.fail(faults.status(500))
    said: dict[str, Any] = {"metadata": {"mine": 1}, "litellm_trace_id": "one-trace"}
    for _ in range(2):
        with pytest.raises(Exception, match="500"):
            await bench.ask(mode, **said)
    bench.primary.heal()
    bench.strategy.failover.reset()
    assert {await bench.ask(mode, **said) for _ in range(3)} == {FROM_PRIMARY}
    assert bench.in_flight == 0


@pytest.mark.parametrize("mode", ["completion", "acompletion"])
async def test_after_an_answer_the_same_words_are_another_request(bench: Any, mode: str) -> None:
    bench.route(policy=Policy(max_attempts=2))
    said: dict[str, Any] = {"metadata": {"mine": 1}, "litellm_trace_id": "one-trace"}
    assert [await bench.ask(mode, **said) for _ in range(5)] == [FROM_PRIMARY] * 5
    bench.primary.fail(faults.invalid_api_key())
    assert [await bench.ask(mode, **said) for _ in range(5)] == [FROM_BACKUP] * 5


async def test_many_tasks_with_one_metadata_and_one_trace_id(bench: Any) -> None:
    """They inherit the context of a request before them, too."""
    bench.route()
    bench.primary.fail(faults.status(503))
    said: dict[str, Any] = {"metadata": {"mine": 1}, "litellm_trace_id": "one-trace"}
    await bench.ask("acompletion", **said)
    answers = await asyncio.gather(*(bench.ask("acompletion", **said) for _ in range(20)))
    assert set(answers) == {FROM_BACKUP}
    assert bench.in_flight == 0
    assert bench.health("backup").successes == 21


async def test_a_request_within_another_ones_callback_is_another_request(bench: Any) -> None:
    """A tool that asks the router while a stream of the same task is being read."""
    bench.route()
    said: dict[str, Any] = {"metadata": {"mine": 1}, "litellm_trace_id": "one-trace"}
    stream = await bench.router.acompletion(model="chat", messages=MESSAGES, stream=True, **said)
    text = ""
    async for chunk in stream:
        assert await bench.ask("acompletion", **said) == FROM_PRIMARY
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    assert text == FROM_PRIMARY
    assert bench.in_flight == 0


async def test_a_callback_that_asks_the_router_in_the_middle_of_a_call(bench: Any) -> None:
    """A judge before each call: the call that it is asked for goes on, fails over, and is booked."""
    import litellm
    from litellm.integrations.custom_logger import CustomLogger

    class Judge(CustomLogger):
        async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> Any:
            if kwargs["messages"] == MESSAGES:
                await bench.router.acompletion(model="judge", messages=[{"role": "user", "content": "Fair?"}])
            return kwargs

    third = bench.site("third")
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, failover={"tier": 1}),
        bench.deployment(third, "judge"),
    )
    bench.primary.fail(faults.invalid_api_key())
    judge = Judge()
    litellm.callbacks.append(judge)
    try:
        assert await bench.ask("acompletion") == FROM_BACKUP
    finally:
        litellm.callbacks.remove(judge)
    assert len(third.requests) == 2
    assert bench.health().failures == bench.health("backup").successes == 1
    assert bench.health("third").successes == 2
    assert bench.in_flight == 0


async def test_batches_and_the_fastest_of_several(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.status(503))
    answers = await bench.router.abatch_completion(models=["chat", "chat"], messages=MESSAGES)
    assert [answer.choices[0].message.content for answer in answers] == [FROM_BACKUP] * 2
    assert bench.in_flight == 0


async def test_a_request_with_a_priority_waits_in_litellms_queue(bench: Any) -> None:
    bench.route()
    bench.primary.fail(faults.status(503))
    assert await bench.ask("acompletion", priority=0) == FROM_BACKUP
    assert bench.in_flight == 0


async def test_credentials_of_the_callers_own_say_nothing_of_the_deployment(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary, configurable_clientside_auth_params=["api_key"]),
        bench.deployment(bench.backup, configurable_clientside_auth_params=["api_key"], failover={"tier": 1}),
    )
    bench.primary.fail(faults.invalid_api_key())
    assert await bench.ask("acompletion", api_key="mine") == FROM_BACKUP
    assert bench.health().failures == 0
    assert bench.in_flight == 0
    bench.primary.heal()
    assert await bench.ask("acompletion") == FROM_PRIMARY


async def test_a_call_that_litellm_never_makes_gives_its_permit_back(bench: Any) -> None:
    """A callback of the user's that refuses the deployment before the call."""
    import litellm
    from litellm.integrations.custom_logger import CustomLogger

    class Refuses(CustomLogger):
        async def async_pre_call_check(self, deployment: Any, parent_otel_span: Any) -> Any:
            if deployment["model_info"]["id"] == "primary":
                raise ValueError("not this one")
            return deployment

    bench.route()
    refuses = Refuses()
    bench.router.optional_callbacks = [refuses]
    litellm.callbacks.append(refuses)
    try:
        await asyncio.gather(*(bench.ask("acompletion") for _ in range(4)), return_exceptions=True)
    finally:
        litellm.callbacks.remove(refuses)
    for _ in range(50):  # LiteLLM's logging holds the tasks for a moment
        gc.collect()
        await bench.ask("acompletion")
        if bench.in_flight == 0:
            break
        await asyncio.sleep(0.1)
    assert bench.health().failures == 0
    assert bench.in_flight == 0
