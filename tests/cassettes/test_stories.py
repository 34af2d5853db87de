"""Recorded errors strung together to stories: the primary says this, then … whoever is asked, through both adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

from failover_langchain import ChatFailover
from failover_plugin import Failover, Target
from support.cassettes import replay
from support.clients import HI, KEY, MODELS, MODES, look

ANSWERS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}
ORDERS = {"openai first": ("openai", "anthropic"), "anthropic first": ("anthropic", "openai")}
WINDOWS = {"openai": 100_000, "anthropic": 200_000}


@dataclass
class Chain:
    """A ``ChatFailover`` over both providers, in this order."""

    order: tuple[str, ...]
    model: ChatFailover = field(init=False)

    def __post_init__(self) -> None:
        builds: dict[str, Any] = {
            "openai": lambda: ChatOpenAI(model=MODELS["openai"], api_key=KEY, timeout=2.0),
            "anthropic": lambda: ChatAnthropic(model_name=MODELS["anthropic"], api_key=KEY, timeout=2.0),
        }
        facts = [target(family, tier) for tier, family in enumerate(self.order)]
        self.model = ChatFailover(models=[(builds[t.provider](), t) for t in facts])

    @property
    def core(self) -> Failover:
        return self.model.failover

    def plain(self) -> str:
        return self.model.invoke("hi").text

    async def aplain(self) -> str:
        return (await self.model.ainvoke("hi")).text

    def stream(self) -> Iterator[str]:
        return (chunk.text for chunk in self.model.stream("hi"))

    async def astream(self) -> AsyncIterator[str]:
        async for chunk in self.model.astream("hi"):
            yield chunk.text


@dataclass
class Routed:
    """A LiteLLM router over both providers, in this order. What is synchronous runs in a thread: see ``LiteLLM``."""

    order: tuple[str, ...]
    router: Any = field(init=False)
    core: Failover = field(init=False)

    def __post_init__(self) -> None:
        import litellm

        from failover_litellm import install

        self.router = litellm.Router(model_list=[deployment(family, i) for i, family in enumerate(self.order)])
        self.core = install(self.router).failover

    def plain(self) -> str:
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(self.router.completion, "chat", HI).result()
        return answer.choices[0].message.content or ""

    async def aplain(self) -> str:
        return (await self.router.acompletion("chat", HI)).choices[0].message.content or ""

    def stream(self) -> Iterator[str]:
        with ThreadPoolExecutor(1) as thread:
            chunks = thread.submit(self.router.completion, "chat", HI, stream=True).result()
            while chunk := thread.submit(next, chunks, None).result():
                yield chunk.choices[0].delta.content or ""

    async def astream(self) -> AsyncIterator[str]:
        async for chunk in await self.router.acompletion("chat", HI, stream=True):
            yield chunk.choices[0].delta.content or ""


def target(family: str, tier: int) -> Target:
    model = MODELS[family]
    return Target(family, provider=family, model=model, credential=family, tier=tier, context_window=WINDOWS[family])


def deployment(family: str, tier: int) -> dict[str, Any]:
    return {
        "model_name": "chat",
        "litellm_params": {"model": f"{family}/{MODELS[family]}", "api_key": f"{KEY}-{family}", "timeout": 2.0},
        "model_info": {"id": family, "failover": {"tier": tier, "context_window": WINDOWS[family]}},
    }


stacks = pytest.mark.parametrize("stack", [Chain, Routed])
modes = pytest.mark.parametrize("mode", MODES)


def healthy(family: str, mode: str) -> str:
    return f"{family}/200_{'stream' if 'stream' in mode else 'plain'}"


def tale(*answers: str) -> list[tuple[str, int]]:
    """What the cassettes must have been asked for, in order: each names a family and begins with its status."""
    return [(ANSWERS[family], int(name[:3])) for family, _, name in (answer.partition("/") for answer in answers)]


@stacks
@modes
@pytest.mark.parametrize(
    ("order", "errors", "blamed"),
    [
        ("openai first", ["openai/429_insufficient_quota"], "credential"),
        ("openai first", ["openai/401_invalid_api_key"], "credential"),
        ("openai first", ["openai/429_retry_after_60"], "cooling"),
        ("openai first", ["openai/404_model_not_found"], "target"),
        ("openai first", ["openai/403_permission_denied"], "rate"),
        ("openai first", ["openai/503_overloaded", "openai/503_overloaded"], "suspected"),
        ("openai first", ["openai/400_context_length"], ""),
        ("anthropic first", ["anthropic/400_credit_balance"], "credential"),
        ("anthropic first", ["anthropic/529_overloaded", "anthropic/529_overloaded"], "suspected"),
        ("anthropic first", ["anthropic/429_rate_limit"], "cooling"),
    ],
)
async def test_the_primary_says_this_then_the_fallback_answers(
    stack: Any, mode: str, order: str, errors: list[str], blamed: str
) -> None:
    asked = stack(ORDERS[order])
    primary, fallback = ORDERS[order]
    story = [*errors, healthy(fallback, mode)]

    with replay(*story) as played:
        seen = await look(asked, mode)

    assert seen.error is None
    assert seen.text.startswith("Hello")
    assert played.answers == tale(*story)
    verdict = asked.core.health()[primary]
    assert blamed in f"{verdict.state} {verdict.reason}"
    assert asked.core.health().in_flight == 0


@stacks
@modes
async def test_a_short_retry_after_is_waited_for_and_the_primary_answers(stack: Any, mode: str) -> None:
    story = ["openai/429_retry_after", healthy("openai", mode)]

    with replay(*story) as played:
        seen = await look(stack(ORDERS["openai first"]), mode)

    assert (seen.error, played.answers) == (None, tale(*story))
    assert seen.seconds >= 0.95


@stacks
@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_an_error_behind_an_empty_first_chunk_is_not_delivered(stack: Any, mode: str) -> None:
    story = ["anthropic/200_stream_error", "anthropic/200_stream_error", "openai/200_stream"]

    with replay(*story) as played:
        seen = await look(stack(ORDERS["anthropic first"]), mode)

    assert (seen.error, played.answers) == (None, tale(*story))
    assert seen.text.startswith("Hello")


@stacks
@modes
@pytest.mark.parametrize(
    "errors",
    [["openai/400_content_policy"], ["openai/400_invalid_request", "anthropic/400_invalid_request"]],
    ids=lambda errors: errors[0],
)
async def test_what_is_blocked_or_refused_by_another_too_is_returned(stack: Any, mode: str, errors: list[str]) -> None:
    asked = stack(ORDERS["openai first"])

    with replay(*errors) as played:
        seen = await look(asked, mode)

    assert "BadRequestError" in seen.causes
    assert played.answers == tale(*errors)
    assert asked.core.health()["openai"].health == "healthy"


@stacks
@modes
async def test_everybody_fails_and_the_first_targets_error_is_raised(stack: Any, mode: str) -> None:
    story = ["openai/401_invalid_api_key", "anthropic/400_credit_balance"]

    with replay(*story) as played:
        seen = await look(stack(ORDERS["openai first"]), mode)

    assert "AuthenticationError" in seen.causes
    assert any("anthropic" in note for note in getattr(seen.error, "__notes__", []))
    assert played.answers == tale(*story)
