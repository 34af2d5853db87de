"""A chat model in this process whose provider is the world: its calls end as real clients' do, and nothing is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from math import inf
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.outputs.chat_generation import ChatGeneration
from langchain_core.rate_limiters import InMemoryRateLimiter
from pydantic import SecretStr

from .errors import broken_off, raised, timed_out
from .script import PROVIDER, Actor, Script
from .world import Deed, World

Step = float | str | Exception
"""Silence in seconds, a piece of text, or how it ends."""

_ERROR_AFTER = 0.02
MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5.5", "bedrock": "us.anthropic.claude-sonnet-5-v1:0"}


class FakeModel(BaseChatModel):
    """One target's model, with the facts that real classes have under the names that they have there."""

    actor: Any
    world: Any
    pause: Any
    """How sync code waits."""
    api_key: SecretStr
    base_url: str | None = None
    region_name: str | None = None
    timeout: float | None = None

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        provider = "amazon_bedrock" if self.actor.provider == "bedrock" else self.actor.provider
        name = self.actor.model or MODELS.get(self.actor.provider, "some-model")
        return {"ls_provider": provider, "ls_model_name": name, "ls_model_type": "chat"}

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return _whole(self._stream(messages, **kwargs))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        async with aclosing(self._astream(messages, **kwargs)) as stream:  # type: ignore[type-var]
            return _whole([chunk async for chunk in stream])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        ask = self.world.script.ask(_number(messages))
        with self.world.serving(self.actor, ask) as deed:
            for step in self._limited(deed, kwargs.get("timeout")):
                if isinstance(step, float):
                    self.pause(step)
                else:
                    yield _chunk(step)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        ask = self.world.script.ask(_number(messages))
        with self.world.serving(self.actor, ask) as deed:
            for step in self._limited(deed, kwargs.get("timeout")):
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield _chunk(step)

    def _limited(self, deed: Deed, given: float | None) -> Iterator[Step]:
        """The steps of an answer as a client with a read timeout has them: it ends a silence."""
        limit = given or self.timeout or 600.0
        for step in _steps(self.actor, deed):
            if isinstance(step, float) and step > limit:
                yield limit
                yield timed_out(self.actor.provider)
            yield step


def models(script: Script, world: World, pause: Callable[[float], None]) -> list[FakeModel]:
    """The targets of a script, in order of preference."""
    return [
        FakeModel(
            actor=actor,
            world=world,
            pause=pause,
            api_key=SecretStr(f"key-{actor.key or actor.name}"),
            base_url=None if actor.region else f"https://{actor.name}.{actor.provider}.example/v1",
            region_name=actor.region or None,
            timeout=actor.timeout,
            rate_limiter=_limiter(actor.limiter),
        )
        for actor in script.actors
    ]


def _limiter(per_second: float | None) -> InMemoryRateLimiter | None:
    if per_second is None:
        return None
    return InMemoryRateLimiter(requests_per_second=per_second, check_every_n_seconds=0.05, max_bucket_size=1)


def _steps(actor: Actor, deed: Deed) -> Iterator[Step]:
    match deed.does:
        case "" | "slow":
            yield actor.latency + deed.seconds
            yield from _pieces(actor.text)
        case "hang":
            yield inf
        case "empty":
            yield actor.latency
            yield ""
        case "cut":
            yield actor.latency
            yield from [*_pieces(actor.text)][:5]
            yield broken_off(actor.provider)
        case does:
            if does in PROVIDER:
                yield _ERROR_AFTER
            yield raised(actor.provider, deed)


def _pieces(text: str) -> Iterator[Step]:
    for word in text.split(" "):
        yield word if word == "This" else f" {word}"
        yield 0.005


def _chunk(step: str | Exception) -> ChatGenerationChunk:
    if isinstance(step, Exception):
        raise step
    return ChatGenerationChunk(message=AIMessageChunk(step))


def _whole(chunks: Any) -> ChatResult:
    text = "".join([chunk.text for chunk in chunks])
    message = AIMessageChunk(text, response_metadata={"finish_reason": "stop"})
    from langchain_core.messages import message_chunk_to_message

    return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(message))])


def _number(messages: list[BaseMessage]) -> int:
    found = re.match(r"request (\d+):", messages[-1].text)
    assert found, "every prompt says its number"
    return int(found[1])
