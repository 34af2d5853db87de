"""What LiteLLM's router offers by itself works as without us; ours chooses among what it offers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import litellm
import pytest

from failover_plugin import ConfigError
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
FROM_PRIMARY = "Hello from the primary, all of it."
FROM_BACKUP = "Hello from the backup, all of it."
MESSAGES = [{"role": "user", "content": "Say hello."}]
STRATEGIES = ("simple-shuffle", "least-busy", "usage-based-routing-v2", "latency-based-routing", "cost-based-routing")

pytestmark = pytest.mark.usefixtures("short_backoffs")


def pair(bench: Any, **facts: Any) -> list[Any]:
    """Two equal deployments in one group."""
    return [bench.deployment(bench.primary, **facts), bench.deployment(bench.backup, **facts)]


# -- routing groups, strategies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_routing_group_with_its_own_strategy_loses_nothing(bench: Any, ask_plain: Ask, strategy: str) -> None:
    group = {"group_name": "ours", "models": ["chat"], "routing_strategy": strategy}
    bench.route(*pair(bench), routing_groups=[group])
    bench.primary.fail(faults.overloaded())
    assert {await ask_plain() for _ in range(10)} == {FROM_BACKUP}
    assert len(bench.primary.requests) <= 5
    bench.strategy.uninstall()
    assert bench.router.settings().as_dict()["routing_groups"][0]["routing_strategy"] == strategy


async def test_a_routing_group_by_priority_goes_down_its_levels(bench: Any, ask_plain: Ask) -> None:
    group = {
        "group_name": "both",
        "models": ["first", "second"],
        "routing_strategy": "priority",
        "model_priorities": {"first": 1, "second": 2},
    }
    bench.route(
        bench.deployment(bench.primary, "first"), bench.deployment(bench.backup, "second"), routing_groups=[group]
    )
    bench.primary.fail(faults.overloaded())
    assert {await ask_plain("both") for _ in range(6)} == {FROM_BACKUP}
    assert len(bench.primary.requests) <= 8
    assert bench.in_flight == 0


@pytest.mark.parametrize("strategy", ["least-busy", "latency-based-routing", "simple-shuffle"])
async def test_a_strategy_given_with_a_request_loses_nothing(bench: Any, ask_plain: Ask, strategy: str) -> None:
    bench.route(*pair(bench))
    bench.primary.fail(faults.overloaded())
    assert {await ask_plain(routing_strategy=strategy) for _ in range(8)} == {FROM_BACKUP}
    assert (bench.health().failures > 0) is bool(bench.primary.requests)
    assert bench.in_flight == 0


async def test_a_strategy_given_with_a_request_loses_nothing_whatever_the_weights(bench: Any, ask_plain: Ask) -> None:
    """LiteLLM's shuffle picks the dead one 50 times out of 51, and never asks us: it is told whom to leave out."""
    bench.route(bench.deployment(bench.primary, weight=50), bench.deployment(bench.backup, weight=1))
    bench.primary.fail(faults.overloaded())
    assert {await ask_plain(routing_strategy="simple-shuffle") for _ in range(8)} == {FROM_BACKUP}


@pytest.mark.parametrize("each", [1, 5])
async def test_where_all_are_dead_a_strategy_given_with_a_request_ends_with_the_first_ones_own_error(
    bench: Any, ask_plain: Ask, each: int
) -> None:
    pairs = [(backend, number) for backend in (bench.primary, bench.backup) for number in range(each)]
    bench.route(*(bench.deployment(backend, info={"id": f"{backend.name}-{n}"}) for backend, n in pairs))
    bench.primary.fail(faults.overloaded())
    bench.backup.fail(faults.overloaded())
    for _ in range(3):
        with pytest.raises(litellm.ServiceUnavailableError) as raised:
            await ask_plain(routing_strategy="simple-shuffle")
        assert raised.value.trail.attempts
    assert bench.in_flight == 0


@pytest.mark.parametrize("name", ["weight", "rpm", "tpm"])
async def test_who_has_no_share_by_litellms_weights_is_asked_when_nobody_else_can_be(
    bench: Any, ask_plain: Ask, name: str
) -> None:
    bench.route(bench.deployment(bench.primary, **{name: 500}), bench.deployment(bench.backup))
    assert {await ask_plain() for _ in range(10)} == {FROM_PRIMARY}
    bench.primary.fail(faults.invalid_api_key())
    assert {await ask_plain() for _ in range(5)} == {FROM_BACKUP}


async def test_a_dead_key_with_all_the_share_is_asked_once(bench: Any, ask_plain: Ask) -> None:
    bench.route(bench.deployment(bench.primary, weight=500), bench.deployment(bench.backup))
    bench.primary.fail(faults.invalid_api_key())
    assert {await ask_plain() for _ in range(3)} == {FROM_BACKUP}
    assert len(bench.primary.requests) == 1


async def test_of_unequal_weights_everybody_is_asked(bench: Any, ask_plain: Ask) -> None:
    bench.route(bench.deployment(bench.primary, weight=1), bench.deployment(bench.backup, weight=2))
    assert {await ask_plain() for _ in range(30)} == {FROM_PRIMARY, FROM_BACKUP}


async def test_weights_by_a_models_name_say_nothing_of_a_routing_group_that_it_is_in(
    bench: Any, ask_plain: Ask
) -> None:
    group = {"group_name": "all", "models": ["chat"], "routing_strategy": "simple-shuffle"}
    bench.route(*pair(bench), routing_groups=[group])
    weights = {"chat": {"primary": 0.0, "backup": 1.0}}
    assert {await ask_plain("all", _router_weights=weights) for _ in range(30)} == {FROM_PRIMARY, FROM_BACKUP}
    assert {await ask_plain("chat", _router_weights=weights) for _ in range(30)} == {FROM_BACKUP}


async def test_an_error_that_litellm_raises_before_it_asks_comes_at_once(bench: Any, ask: Ask) -> None:
    bench.route(bench.deployment(bench.primary, info={"blocked": True}), bench.deployment(bench.backup, "other"))
    start = time.monotonic()
    for group in ("nope", "chat"):
        with pytest.raises(Exception, match=r"(?i)nope|deployment|blocked|paused"):
            await ask(group)
    assert time.monotonic() - start < 3


# -- a deployment by its name ---------------------------------------------------------------------------------------


async def test_a_deployment_named_by_its_id_is_asked_and_booked(bench: Any, ask: Ask) -> None:
    bench.route(*pair(bench))
    assert await ask("backup") == FROM_BACKUP
    assert bench.health("backup").successes == 1
    assert not bench.primary.requests


async def test_a_dead_deployment_named_by_its_id_is_asked_once_a_request_as_without_us(bench: Any, ask: Ask) -> None:
    bench.route(*pair(bench))
    bench.primary.fail(faults.overloaded())
    for _ in range(5):
        with pytest.raises(Exception, match="overloaded"):
            await ask("primary")
    asked = len(bench.primary.requests)
    assert 5 <= asked <= 8
    assert not bench.backup.requests
    bench.primary.heal()
    assert await ask("primary") == FROM_PRIMARY
    assert bench.in_flight == 0


# -- LiteLLM's own fallbacks for a kind of error --------------------------------------------------------------------


async def test_a_context_window_fallback_is_asked(bench: Any, ask_plain: Ask) -> None:
    other = bench.deployment(bench.backup, "large")
    bench.route(bench.deployment(bench.primary), other, context_window_fallbacks=[{"chat": ["large"]}])
    bench.primary.fail(faults.context_length())
    assert {await ask_plain() for _ in range(3)} == {FROM_BACKUP}
    assert str(bench.health().health) == "healthy"


async def test_a_context_window_fallback_is_asked_after_another_failure(bench: Any, ask_plain: Ask) -> None:
    third = bench.site("third")
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, failover={"tier": 1, "context_window": 500_000}),
        bench.deployment(third, "large"),
        context_window_fallbacks=[{"chat": ["large"]}],
    )
    bench.primary.fail(faults.server_error())
    bench.backup.fail(faults.context_length())
    assert await ask_plain() == "Hello from the third, all of it."


async def test_a_content_policy_fallback_is_asked(bench: Any, ask_plain: Ask) -> None:
    """The core never goes round a safety system; a user who names a group for that does."""
    other = bench.deployment(bench.backup, "strict")
    bench.route(bench.deployment(bench.primary), other, content_policy_fallbacks=[{"chat": ["strict"]}])
    words = "invalid_request_error: content_policy_violation"  # by which LiteLLM knows it
    bench.primary.fail(faults.status(400, {"error": {"message": words, "code": "content_policy_violation"}}))
    assert await ask_plain() == FROM_BACKUP
    assert str(bench.health().health) == "healthy"


# -- what a request may say -----------------------------------------------------------------------------------------


async def test_a_request_may_restrict_who_sees_it(bench: Any, ask: Ask) -> None:
    bench.route(
        bench.deployment(bench.primary, failover={"tags": ["us"]}),
        bench.deployment(bench.backup, failover={"tags": ["eu"], "tier": 1}),
    )
    assert await ask(metadata={"failover": {"require_tags": ["eu"]}}) == FROM_BACKUP
    assert await ask(metadata={"failover": {"forbid_tags": ["eu"]}}) == FROM_PRIMARY
    with pytest.raises(Exception, match="No deployment can be asked"):
        await ask(metadata={"failover": {"require_tags": ["us", "eu"]}})


async def test_a_request_may_set_its_deadline(bench: Any, ask_plain: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.hang())
    bench.backup.fail(faults.hang())
    with pytest.raises(TimeoutError):
        await ask_plain(metadata={"failover": {"deadline": 0.5}})


@pytest.mark.parametrize("where", ["session_id", "litellm_session_id", "affinity"])
async def test_a_session_keeps_its_deployment(bench: Any, where: str) -> None:
    from failover_plugin import Policy

    bench.route(*pair(bench), policy=Policy(strategy="affinity"))
    for number in range(8):
        name = f"session-{number}"
        said = {"metadata": {"failover": {"affinity": name}}} if where == "affinity" else {"metadata": {where: name}}
        kwargs = {where: name} if where == "litellm_session_id" else said
        assert len({await bench.ask(mode, **kwargs) for mode in ("acompletion", "completion") * 2}) == 1
    assert bench.primary.requests
    assert bench.backup.requests


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (3, ["metadata.failover", "int", "mapping"]),
        ("sk-misplaced", ["metadata.failover", "str", "mapping"]),
        ({"tag": "eu"}, ["metadata.failover.tag", "require_tags"]),
        ({"require_tags": "eu"}, ["metadata.failover.require_tags", "list"]),
        ({"deadline": -1}, ["metadata.failover.deadline", "greater than 0"]),
        ({"deadline": "soon"}, ["metadata.failover.deadline", "number"]),
    ],
)
async def test_what_a_request_says_and_is_not_understood(bench: Any, ask: Ask, said: Any, words: list[str]) -> None:
    bench.route()
    with pytest.raises(ConfigError) as caught:
        await ask(metadata={"failover": said})
    assert all(word in str(caught.value) for word in words)
    assert "misplaced" not in str(caught.value)
    assert not bench.primary.requests
    assert await ask() == FROM_PRIMARY


# -- what an answer says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_says_who_was_asked_and_why(bench: Any, *, stream: bool) -> None:
    import json

    bench.route()
    bench.primary.fail(faults.invalid_api_key())
    answers = [
        await bench.router.acompletion(model="chat", messages=MESSAGES, stream=stream),
        bench.router.completion(model="chat", messages=MESSAGES, stream=stream),
    ]
    first, second = [answer._hidden_params["failover"] for answer in answers]
    assert first["target"] == second["target"] == "backup"
    ended = ["primary"] if stream else ["primary", "backup"]
    assert [attempt["target"] for attempt in first["attempts"]] == ended
    assert first["attempts"][0]["diagnosis"]["error_class"] == "auth"
    assert [skip["target"] for skip in second["skips"]] == ["primary"]
    assert "secret-" not in json.dumps([first, second])
    if stream:
        assert [chunk async for chunk in answers[0]]
        assert list(answers[1])


async def test_a_made_up_answer_is_no_evidence(bench: Any, ask: Ask) -> None:
    bench.route()
    assert await ask(mock_response="Made up.") == "Made up."
    assert bench.health().successes == 0
    assert bench.in_flight == 0
