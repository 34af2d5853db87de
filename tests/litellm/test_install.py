"""Getting in front of a router, and out again without a trace."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

import pytest

from failover_plugin import ConfigError, Policy
from failover_plugin.emulator import faults

_ATTRIBUTES = ("retry_policy", "model_group_retry_policy", "timeout", "stream_timeout", "num_retries")


def _state(router: Any) -> dict[str, Any]:
    """What a router shows of itself: its settings, the host that makes its calls, who chooses, who is called back."""
    import litellm

    core, settings = vars(router)["_core"], router.settings()
    return {
        **{field.name: getattr(settings, field.name) for field in fields(settings) if not field.name.startswith("_")},
        **settings.as_dict(),
        **{name: getattr(router, name) for name in _ATTRIBUTES},
        "host": core._host,
        "plugin": getattr(core, "_custom_strategy", None),
        "own": {name for name in vars(core) if "failover" in name or "get_available_deployment" in name},
        "callbacks": [type(callback) for callback in litellm.callbacks],
    }


def _router(bench: Any, *deployments: Any, **settings: Any) -> Any:
    import litellm

    bench.router = litellm.Router(model_list=[*deployments] or [bench.deployment(bench.primary)], **settings)
    return bench.router


def test_twice_is_once(bench: Any) -> None:
    from failover_litellm import install

    strategy = bench.route()
    before = _state(bench.router)
    assert install(bench.router) is strategy
    assert install(bench.router, strategy.policy) is strategy
    assert _state(bench.router) == before


def test_another_policy_needs_an_uninstall_first(bench: Any) -> None:
    from failover_litellm import install

    bench.route()
    with pytest.raises(ConfigError, match=r"policy.*uninstall"):
        install(bench.router, Policy(max_attempts=2))


def test_uninstall_leaves_no_trace(bench: Any) -> None:
    import litellm

    from failover_litellm import install

    policy = litellm.types.router.RetryPolicy(TimeoutErrorRetries=1)
    router = _router(bench, disable_cooldowns=False, retry_policy=policy)
    before = _state(router)
    strategy = install(router)
    assert _state(router) != before
    strategy.uninstall()
    assert _state(router) == before
    strategy.uninstall()
    assert _state(router) == before


async def test_after_uninstall_the_router_chooses_by_itself(bench: Any) -> None:
    strategy = bench.route()
    strategy.uninstall()
    assert await bench.ask("acompletion")
    assert all(line.attempts == 0 for line in strategy.failover.health().targets)


@pytest.mark.filterwarnings("ignore:Router:DeprecationWarning")
async def test_it_survives_what_a_router_is_told_later(bench: Any) -> None:
    bench.route()
    bench.router.update_settings(num_retries=7, routing_strategy="latency-based-routing")
    bench.primary.fail(faults.invalid_api_key())
    assert await bench.ask("acompletion") == "Hello from the backup, all of it."
    assert bench.health().failures == 1


@pytest.mark.filterwarnings("ignore:Router:DeprecationWarning")
async def test_deployments_may_come_and_go(bench: Any) -> None:
    import litellm

    bench.route(bench.deployment(bench.primary))
    bench.primary.fail(faults.invalid_api_key())
    bench.router.add_deployment(litellm.Deployment(**bench.deployment(bench.backup, failover={"tier": 1})))
    assert await bench.ask("completion") == "Hello from the backup, all of it."
    assert [t.id for t in bench.strategy.failover.targets] == ["primary", "backup"]
    bench.router.delete_deployment(id="primary")
    assert await bench.ask("acompletion") == "Hello from the backup, all of it."


@pytest.mark.filterwarnings("ignore:Router:DeprecationWarning")
@pytest.mark.parametrize("mode", ["completion", "acompletion"])
async def test_it_is_a_custom_strategy_as_litellm_knows_them(bench: Any, mode: str) -> None:
    from litellm.types.router import CustomRoutingStrategyBase

    from failover_litellm import FailoverRoutingStrategy, install

    strategy = FailoverRoutingStrategy(Policy(max_attempts=3))
    assert isinstance(strategy, CustomRoutingStrategyBase)
    router = _router(bench, bench.deployment(bench.primary), bench.deployment(bench.backup, failover={"tier": 1}))
    router.set_custom_routing_strategy(strategy)
    bench.strategy = strategy
    bench._strategies.append(strategy)
    assert await bench.ask(mode) == "Hello from the primary, all of it."
    bench.primary.fail(faults.overloaded())
    assert {await bench.ask(mode) for _ in range(5)} == {"Hello from the backup, all of it."}
    assert len(bench.primary.requests) <= 5
    assert bench.health("backup").successes == 5
    assert install(router) is strategy
    strategy.uninstall()
    before = bench.health("backup").successes
    assert await bench.ask(mode, mock_response="Made up.") == "Made up."
    assert bench.health("backup").successes == before


def test_a_strategy_without_a_router_says_so(bench: Any) -> None:
    from failover_litellm import FailoverRoutingStrategy

    strategy = FailoverRoutingStrategy()
    with pytest.raises(ConfigError, match="install"):
        _ = strategy.failover
    with pytest.raises(ConfigError, match="install"):
        strategy.get_available_deployment("chat")
    strategy.uninstall()


@pytest.mark.filterwarnings("ignore:Router:DeprecationWarning")
async def test_install_takes_the_place_of_another_custom_strategy(bench: Any) -> None:
    from litellm.types.router import CustomRoutingStrategyBase

    from failover_litellm import install

    class First(CustomRoutingStrategyBase):
        async def async_get_available_deployment(self, *question: Any, **details: Any) -> Any:
            return bench.deployment(bench.backup)

    router = _router(bench, bench.deployment(bench.primary))
    router.set_custom_routing_strategy(First())
    before = _state(router)
    bench.strategy = install(router)
    assert await bench.ask("acompletion") == "Hello from the primary, all of it."
    bench.strategy.uninstall()
    assert _state(router) == before
    assert await bench.ask("acompletion") == "Hello from the backup, all of it."


def test_a_question_without_a_call_holds_no_permit(bench: Any) -> None:
    bench.route()
    picked = bench.router.get_available_deployment(model="chat", messages=[], request_kwargs={})
    assert picked["model_info"]["id"] == "primary"
    assert bench.in_flight == 0


@pytest.mark.parametrize(
    ("failover", "words"),
    [
        ({"teir": 1}, ["primary", "model_info.failover.teir", "1", "tier"]),
        ({"api_key": "sk-misplaced"}, ["primary", "model_info.failover.api_key", "<str>", "credential"]),
        ({"tier": -1}, ["primary", "tier", "-1"]),
        ([1], ["primary", "model_info.failover", "mapping"]),
        ("sk-misplaced", ["primary", "model_info.failover", "<str>", "mapping"]),
    ],
)
def test_facts_that_are_not_understood(bench: Any, failover: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        bench.route(bench.deployment(bench.primary, failover=failover))
    assert all(word in str(caught.value) for word in words)
    assert "misplaced" not in str(caught.value)
    assert type(_state(bench.router)["host"]).__module__.startswith("litellm")


def test_facts_are_read_off_the_deployment(bench: Any) -> None:
    import litellm

    bench.route(
        bench.deployment(bench.primary, order=1, region_name="eu", weight=3),
        bench.deployment(
            bench.backup,
            order=2,
            failover={
                "credential": "team",
                "account": "acme",
                "context_window": 9,
                "tags": ["eu"],
                "capabilities": ["tools"],
            },
        ),
    )
    first, second = bench.strategy.failover.targets
    assert (first.provider, first.model, first.endpoint) == ("openai", "gpt-4o", f"{bench.primary.openai_url} (eu)")
    window = litellm.model_cost["gpt-4o"]["max_input_tokens"]
    assert (first.tier, first.region, first.weight, first.context_window) == (0, "eu", 3, window)
    assert (second.tier, second.credential, second.account, second.context_window) == (1, "team", "acme", 9)
    assert (second.tags, second.capabilities) == ({"eu"}, {"tools"})


def test_an_id_that_litellm_made_up_is_shown_so_that_it_can_be_read(bench: Any) -> None:
    unnamed = bench.deployment(bench.primary)
    del unnamed["model_info"]
    bench.route(unnamed)
    (target,) = bench.strategy.failover.targets
    assert target.id.startswith("chat/openai/gpt-4o@127.0.0.1:")
    assert len(target.id) < 80


async def test_a_deployment_that_comes_later_and_is_not_understood_costs_no_request(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import litellm
    from litellm.router_api import ChangeSet

    bench.route(bench.deployment(bench.primary))
    wrong = bench.deployment(bench.backup, failover={"teir": 1})
    bench.router.apply(ChangeSet(upsert=[litellm.Deployment(**wrong)]))
    bench.primary.fail(faults.invalid_api_key())
    assert await bench.ask("acompletion") == "Hello from the backup, all of it."
    assert await bench.ask("completion") == "Hello from the backup, all of it."
    assert [record.getMessage() for record in caplog.records if "model_info.failover.teir" in record.getMessage()]


@pytest.mark.parametrize("change", [{"routing_strategy_args": {"ttl": 9}}, {"routing_strategy": "simple-shuffle"}])
async def test_a_selector_that_litellm_builds_anew_is_ours_again_at_the_next_attempt(
    bench: Any, change: dict[str, Any]
) -> None:
    from litellm.router_api import ChangeSet

    bench.route()
    bench.router.apply(ChangeSet(settings=change))
    await bench.ask("acompletion")
    before = len(bench.primary.requests)
    bench.primary.fail(faults.invalid_api_key())
    assert {await bench.ask(mode) for mode in ("acompletion", "completion")} == {"Hello from the backup, all of it."}
    assert len(bench.primary.requests) == before + 1
    assert bench.health().failures == 1


async def test_a_listener_hears_what_happens(bench: Any) -> None:
    from failover_litellm import install

    heard: list[Any] = []
    router = _router(bench, bench.deployment(bench.primary))
    strategy = install(router, on_event=heard.append)
    bench._strategies.append(strategy)
    await bench.ask("acompletion")
    assert [type(event).__name__ for event in heard] == ["AttemptStarted", "AttemptEnded"]
    assert install(router, on_event=None) is strategy
    with pytest.raises(ConfigError, match=r"on_event.*uninstall"):
        install(router, on_event=print)


def test_what_is_missing_on_an_unknown_version_is_named_and_nothing_is_half_installed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import version

    from litellm.router_strategy.lowest_latency import LowestLatencyLoggingHandler

    from failover_litellm import install

    router = _router(bench)
    before = _state(router)
    monkeypatch.delattr(LowestLatencyLoggingHandler, "async_get_available_deployments")
    with pytest.raises(ConfigError) as caught:
        install(router)
    assert all(word in str(caught.value) for word in ("async_get_available_deployments", version("litellm"), "1.109"))
    assert _state(router) == before


def test_not_a_router() -> None:
    from failover_litellm import install

    with pytest.raises(ConfigError, match=r"router.*litellm\.Router"):
        install(object())


async def test_no_secret_is_shown(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="failover_plugin")
    bench.route()
    bench.primary.fail(faults.invalid_api_key())
    bench.backup.fail(faults.invalid_api_key())
    with pytest.raises(Exception, match="Incorrect API key") as caught:
        await bench.ask("acompletion")
    core = bench.strategy.failover
    shown = [core, core.targets, core.health(), core.explain(), caught.value.trail, caught.value.__notes__, caplog.text]
    assert not [text for text in map(repr, shown) if "secret-" in text]
    assert not [text for text in map(str, shown) if "secret-" in text]


async def test_no_runtime_error_in_a_pick_makes_litellm_repeat_a_request(bench: Any) -> None:
    """Within a running loop LiteLLM runs a synchronous request in a thread, and again if a RuntimeError escapes."""
    bench.route()
    bench.primary.fail(faults.invalid_request())
    with pytest.raises(Exception, match="temperature"):
        bench.router.completion(model="chat", messages=[{"role": "user", "content": "Hi"}])
    assert len(bench.primary.requests) == 1


async def test_other_endpoints_fail_over_too(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary, model="openai/text-embedding-3-small"),
        bench.deployment(bench.backup, model="openai/text-embedding-3-small", failover={"tier": 1}),
    )
    bench.primary.fail(faults.invalid_api_key())
    bench.backup.fail(faults.server_error())
    with pytest.raises(Exception, match="Incorrect API key"):
        await bench.router.aembedding(model="chat", input=["Hi"])
    assert len(bench.primary.requests) == 1
    assert 1 <= len(bench.backup.requests) <= 2
