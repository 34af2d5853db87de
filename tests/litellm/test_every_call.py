"""Every kind of call through a router: one dead deployment beside a healthy one costs nobody an answer.

LiteLLM makes one attempt at a moderation, and at a synchronous ``responses``: those go elsewhere with the next request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import Site, faults

MESSAGES = [{"role": "user", "content": "Say hello."}]
SOUND = ("sound.wav", b"RIFF\r\n\x00\xff")


def _openai(site: Site) -> str:
    return site.openai_url


@dataclass(frozen=True)
class Call:
    """One kind of call: the router's method, what is asked, and where its deployments are."""

    name: str
    model: str
    asked: dict[str, Any]
    base: Callable[[Site], str] = _openai
    asynchronous: bool = True

    @property
    def id(self) -> str:
        return f"{self.name}-stream" if self.asked.get("stream") else self.name

    def deployment(self, bench: Any, site: Site, **params: Any) -> Any:
        return bench.deployment(site, model=self.model, api_base=self.base(site), **params)

    async def make(self, router: Any, **more: Any) -> Any:
        """The answer, a stream read to its end."""
        method, asked = getattr(router, self.name), {"model": "chat", **self.asked, **more}
        if not self.asynchronous:
            return await asyncio.to_thread(lambda: _read(method(**asked)))
        answer = await method(**asked)
        return [chunk async for chunk in answer] if self.asked.get("stream") else answer


def _read(answer: Any) -> Any:
    return list(answer) if hasattr(answer, "__next__") else answer


def _anthropic(site: Site) -> str:
    return site.anthropic_url


CHAT = {"messages": MESSAGES}
TEXT = {"prompt": "Say hello."}
MESSAGE = {"messages": MESSAGES, "max_tokens": 20}
CALLS = [
    Call("completion", "openai/gpt-4o", CHAT, asynchronous=False),
    Call("acompletion", "openai/gpt-4o", CHAT),
    Call("completion", "openai/gpt-4o", {**CHAT, "stream": True}, asynchronous=False),
    Call("acompletion", "openai/gpt-4o", {**CHAT, "stream": True}),
    Call("embedding", "openai/text-embedding-3-small", {"input": ["Hi"]}, asynchronous=False),
    Call("aembedding", "openai/text-embedding-3-small", {"input": ["Hi"]}),
    Call("atext_completion", "text-completion-openai/gpt-3.5-turbo-instruct", TEXT),
    Call("atext_completion", "text-completion-openai/gpt-3.5-turbo-instruct", {**TEXT, "stream": True}),
    Call("image_generation", "openai/dall-e-3", {"prompt": "a cat"}, asynchronous=False),
    Call("aimage_generation", "openai/dall-e-3", {"prompt": "a cat"}),
    Call("aspeech", "openai/tts-1", {"input": "Hi", "voice": "alloy"}),
    Call("atranscription", "openai/whisper-1", {"file": SOUND}),
    Call("arerank", "cohere/rerank-v3.5", {"query": "red", "documents": ["a red fox"]}, base=lambda site: site.url),
    Call("aresponses", "openai/gpt-4o", {"input": "Say hello."}),
    Call("aresponses", "openai/gpt-4o", {"input": "Say hello.", "stream": True}),
    Call("aanthropic_messages", "anthropic/claude-sonnet-5", MESSAGE, base=_anthropic),
    Call("aanthropic_messages", "anthropic/claude-sonnet-5", {**MESSAGE, "stream": True}, base=_anthropic),
]
pytestmark = pytest.mark.usefixtures("short_backoffs")
every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)


def route(bench: Any, call: Call, policy: Policy | None = None) -> None:
    sites = bench.primary, bench.backup
    bench.route(*(call.deployment(bench, s, failover={"tier": n}) for n, s in enumerate(sites)), policy=policy)


@every_call
async def test_a_dead_deployment_beside_a_healthy_one_loses_nothing(bench: Any, call: Call) -> None:
    route(bench, call)
    bench.primary.fail(faults.status(503))
    for _ in range(8):
        assert await call.make(bench.router)
    assert 1 <= len(bench.primary.requests) <= 5
    assert bench.health().failures == bench.health().attempts > 0
    assert bench.health("backup").successes == 8
    assert bench.in_flight == 0


@every_call
async def test_a_dead_key_is_asked_once(bench: Any, call: Call) -> None:
    route(bench, call)
    bench.primary.fail(faults.invalid_api_key())
    for _ in range(3):
        assert await call.make(bench.router)
    assert len(bench.primary.requests) == 1
    assert "auth" in bench.health().last_error


@every_call
async def test_a_hung_deployment_is_left_in_time(bench: Any, call: Call) -> None:
    route(bench, call, Policy(attempt_timeout=0.5, first_content_timeout=0.5))
    bench.primary.fail(faults.hang())
    start = time.monotonic()
    assert await call.make(bench.router)
    assert time.monotonic() - start < 2
    assert len(bench.primary.requests) == 1
    assert bench.in_flight == 0


@every_call
async def test_everybody_dead_says_what_the_first_one_said(bench: Any, call: Call) -> None:
    route(bench, call)
    bench.primary.fail(faults.invalid_api_key())
    bench.backup.fail(faults.status(503))
    with pytest.raises(Exception, match=r"(?i)key|token") as caught:
        await call.make(bench.router)
    assert {attempt.target for attempt in caught.value.trail.attempts} == {"primary", "backup"}
    assert bench.in_flight == 0


@every_call
async def test_forty_at_once_lose_nothing(bench: Any, call: Call) -> None:
    route(bench, call)
    bench.primary.fail(faults.status(503))
    if call.name == "aspeech":  # LiteLLM builds its clients in threads: of those built at once some may never answer
        assert await call.make(bench.router)
    before = bench.health("backup").successes
    answers = await asyncio.gather(*(call.make(bench.router) for _ in range(40)))
    assert all(answers)
    assert bench.health("backup").successes == before + 40
    assert bench.in_flight == 0
