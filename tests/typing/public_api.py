"""What the type checkers must see of the public names. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Literal, assert_type

from langchain_core.language_models import BaseChatModel

from failover_langchain import ChatFailover, with_failover
from failover_litellm import FailoverRoutingStrategy, install
from failover_plugin import (
    Attempt,
    BreakerPolicy,
    Config,
    Diagnosis,
    ErrorClass,
    Failover,
    HealthReport,
    LatencyPolicy,
    Permit,
    Policy,
    Request,
    Result,
    Skip,
    Target,
    Trail,
    VerdictPolicy,
    classify,
    current_attempt,
    load_config,
    presets,
)
from failover_plugin.events import BreakerOpened, Event, KeyBlocked, log_events
from failover_plugin.otel import otel_listener
from failover_plugin.roster import Candidates
from failover_plugin.simulation import History, Scenario, find_scenario, load_scenarios, measure, ours, play, simulate
from failover_plugin.simulation import Result as Simulated
from failover_plugin.standing import Standing
from failover_plugin.strategy import Strategy
from failover_plugin.viz import of_run


def call(target: Target) -> int:
    return len(target.id)


def hinted(target: Target) -> str:
    attempt = current_attempt()
    assert_type(attempt.target, Target)
    assert_type(attempt.number, int)
    assert_type(attempt.timeout, float)
    assert_type(attempt.first_content_timeout, float)
    assert_type(attempt.trail, Trail)
    assert_type(attempt.prefix, str | None)
    return attempt.model


def listen(event: Event) -> None:
    if isinstance(event, BreakerOpened | KeyBlocked):
        assert_type(event.targets, tuple[str, ...])
        assert_type(event.at, float)


async def acall(target: Target) -> str:
    return target.id


def open_(target: Target) -> Iterator[bytes]:
    yield target.id.encode()


async def aopen(target: Target) -> AsyncIterator[str]:
    yield target.id


def the_sync_side(failover: Failover) -> None:
    assert_type(failover.run(call), Result[int])
    assert_type(failover.run(call, Request(deadline=3)).trail, Trail)
    assert_type(failover.run(hinted), Result[str])
    assert_type(failover.health(), HealthReport)
    assert_type(failover.health().spent_on_backups, float)
    assert_type(failover.health()["a"].returns_in, float | None)
    assert_type(failover.explain().skips, tuple[Skip, ...])
    for chunk in failover.stream(open_, has_content=lambda chunk: chunk != b""):
        assert_type(chunk, bytes)
    permit = failover.acquire(among={"a"}, tried=["b"], blocking=True)
    assert_type(permit, Permit | None)
    assert_type(classify(ValueError()), Diagnosis)


def by_hand(failover: Failover) -> None:
    assert_type(failover.current(), Target | None)
    assert_type(failover.rotate(), Target | None)
    assert_type(failover.policy, Policy)
    failover.replace_targets(failover.targets[1:])
    failover.cool("a", 3)
    failover.reset()


def listeners(targets: list[Target]) -> None:
    Failover(targets, on_event=listen)
    Failover(targets, on_event=log_events)
    Failover(targets, on_event=otel_listener(operation="embeddings"))


def first_come(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:
    assert_type([standing.target for standing in candidates], list[Target])
    return candidates.first()


def rules(targets: list[Target]) -> None:
    own: Strategy = first_come
    policy = Policy(
        strategy=own,
        last_resort="earliest",
        stream_failover="resume",
        give_up_on=frozenset({ErrorClass.CONTENT_POLICY}),
        verdicts={ErrorClass.UNKNOWN: VerdictPolicy(weight=1.0)},
        model_maps={"b": {"gpt-5.5": "claude-sonnet-5"}},
        breaker=BreakerPolicy(threshold=5),
        latency=LatencyPolicy(anomaly_score=2.5),
    )
    assert_type(policy.patience, float)
    assert_type(policy.deadline, float | None)
    assert_type(policy.sync_deadlines, Literal["client", "thread"])
    assert_type(policy.first_content_timeout, float | Literal["adaptive"])
    assert_type(policy.fallback_on, frozenset[ErrorClass] | None)
    assert_type(policy.breaker.half_open_probes, int)
    assert_type(load_config("failover.yaml"), Config)
    Failover(*load_config("failover.yaml"), on_event=listen)
    assert_type(presets.endpoints(max_failures=3), Policy)
    assert_type(presets.profiles(strategy="round_robin"), Policy)
    assert_type(presets.pool(cooldowns={ErrorClass.TIMEOUT: 60}), Policy)
    assert_type(presets.adaptive(half_open_requests=10), Policy)
    assert_type(presets.node_targets([presets.Node("http://a", "a")], provider="p", model="m"), tuple[Target, ...])
    Failover(*presets.openai_to_anthropic())
    Failover(*presets.simple_failover(*targets[:2]))


def the_simulator(policy: Policy) -> None:
    scenario = find_scenario("outage")
    assert_type(load_scenarios(), tuple[Scenario, ...])
    assert_type(simulate([scenario], seeds=3, policies=["failover", "oracle"], policy=policy), list[Simulated])
    run = play(scenario.having(base_error=0.0), ours(policy), seed=1)
    assert_type(run, History)
    assert_type(measure(run), dict[str, float])
    assert_type(of_run(run, "mine").end, float)


async def the_async_side(failover: Failover) -> None:
    assert_type(await failover.aacquire(among={"a"}), Permit | None)
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
