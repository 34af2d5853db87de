"""A host of our own that asks LiteLLM itself, without its Router, and watches the streams that it gets.

For each kind of stream there is a way to ask for it, synchronous or asynchronous, and a way to read its chunks.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from failover_plugin import EmptyResponse, Failover, Permit, Policy, Target
from failover_plugin.emulator import Site

HI = [{"role": "user", "content": "Say hello."}]
SECONDS = 20.0
LEFT_BEHIND = "ignore:Exception ignored in. <function _SelectorTransport:pytest.PytestUnraisableExceptionWarning"
"""LiteLLM's clients for text completions are closed by nobody."""


def _chat_text(chunk: Any) -> str:
    return "".join(choice.delta.content or "" for choice in chunk.choices)


def _completion_text(chunk: Any) -> str:
    return "".join(choice.text or "" for choice in chunk.choices)


def _response_text(event: Any) -> str:
    return event.delta if event.type == "response.output_text.delta" else ""


def _message_text(frames: bytes) -> str:
    import json

    events = [json.loads(line[5:]) for line in frames.splitlines() if line.startswith(b"data:")]
    return "".join(event.get("delta", {}).get("text", "") for event in events)


@dataclass(frozen=True)
class Kind:
    """One kind of stream. ``ask`` is the name of LiteLLM's function, ``asked`` what it is asked beside its address."""

    name: str
    ask: str
    asked: Mapping[str, Any]
    text: Callable[[Any], str]
    anthropic: bool = False

    @property
    def is_async(self) -> bool:
        return self.ask.startswith("a")

    def call(self, site: Site, **more: Any) -> Any:
        import litellm

        function: Any = litellm
        for name in self.ask.split("."):
            function = getattr(function, name)
        return function(**{**self.arguments(site), **more})

    def arguments(self, site: Site) -> dict[str, Any]:
        base = site.anthropic_url if self.anthropic else site.openai_url
        key = f"secret-{site.name}"
        return {**self.asked, "api_base": base, "api_key": key, "stream": True, "max_retries": 0, "timeout": SECONDS}


_CHAT = {"model": "openai/gpt-4o", "messages": HI}
_TEXT = {"model": "text-completion-openai/gpt-3.5-turbo-instruct", "prompt": "Say hello."}
_TEXT_BY_CHAT = {"model": "openai/gpt-4o", "prompt": "Say hello."}
_RESPONSE = {"model": "openai/gpt-4o", "input": "Say hello."}
_RESPONSE_BY_CHAT = {"model": "deepseek/deepseek-chat", "input": "Say hello."}
_MESSAGES = {"model": "anthropic/claude-sonnet-4-5", "messages": HI, "max_tokens": 99}
_MESSAGES_BY_CHAT = {"model": "deepseek/deepseek-chat", "messages": HI, "max_tokens": 99}

KINDS = {
    kind.name: kind
    for kind in (
        Kind("chat", "completion", _CHAT, _chat_text),
        Kind("achat", "acompletion", _CHAT, _chat_text),
        Kind("text", "text_completion", _TEXT, _completion_text),
        Kind("atext", "atext_completion", _TEXT, _completion_text),
        Kind("text-by-chat", "text_completion", _TEXT_BY_CHAT, _completion_text),
        Kind("atext-by-chat", "atext_completion", _TEXT_BY_CHAT, _completion_text),
        Kind("responses", "responses", _RESPONSE, _response_text),
        Kind("aresponses", "aresponses", _RESPONSE, _response_text),
        Kind("responses-by-chat", "responses", _RESPONSE_BY_CHAT, _response_text),
        Kind("aresponses-by-chat", "aresponses", _RESPONSE_BY_CHAT, _response_text),
        Kind("amessages", "anthropic.messages.acreate", _MESSAGES, _message_text, anthropic=True),
        Kind("amessages-by-chat", "anthropic.messages.acreate", _MESSAGES_BY_CHAT, _message_text),
    )
}


@dataclass
class Host:
    """Asks a chain of sites, one after the other, under permits of a core of its own."""

    kind: Kind
    sites: dict[str, Site]
    policy: Policy = field(default_factory=Policy)
    prefill: tuple[str, ...] = ()
    settled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        prefill = frozenset({"prefill"})
        targets = [
            Target(
                name, provider="openai", model="gpt-4o", tier=tier, capabilities=prefill if name in self.prefill else ()
            )
            for tier, name in enumerate(self.sites)
        ]
        self.failover = Failover(targets, self.policy, rng=Random(1))
        self.prefixes: list[str | None] = []

    # -- asking -------------------------------------------------------------------------------------------------------

    async def open(self, resume: Any = None, **asked: Any) -> Any:
        """A watched stream that has had its first content, or an answer of another kind. Raises the first error."""
        if self.kind.is_async:
            return await self._aopen(resume, asked)
        return await asyncio.to_thread(self._open, resume, asked)

    async def read(self, stream: Any) -> str:
        """The whole text of a stream."""
        if self.kind.is_async:
            return "".join([self.kind.text(chunk) async for chunk in stream])
        return await asyncio.to_thread(lambda: "".join(map(self.kind.text, stream)))

    async def ask(self, **asked: Any) -> str:
        return await self.read(await self.open(**asked))

    async def close(self, stream: Any) -> None:
        if self.kind.is_async:
            await stream.aclose()
        else:
            await asyncio.to_thread(stream.close)

    async def first(self, stream: Any) -> Any:
        """The next chunk."""
        return await (anext(stream) if self.kind.is_async else asyncio.to_thread(next, stream))

    def watch(self, response: Any, permit: Permit, resume: Any = None, **asked: Any) -> Any:
        from failover_litellm.streams import watch

        arguments = {**self.kind.arguments(self.sites[permit.target.id]), **asked}
        return watch(response, permit, asked=arguments, resume=resume)

    async def _aopen(self, resume: Any, asked: dict[str, Any]) -> Any:
        permit, first = None, None
        while permit := self._next(permit):
            await asyncio.sleep(permit.wait)
            try:
                async with asyncio.timeout(permit.first_content_timeout):
                    response = await self.kind.call(self.sites[permit.target.id], **asked)
                    stream = self.watch(response, permit, resume, **asked)
                    if stream is None:
                        permit.cancel()
                        return response
                    await stream.peek()
                    return stream
            except Exception as error:  # noqa: BLE001 - a host takes what comes
                permit.failure(error)
                first = first or error
                if isinstance(error, EmptyResponse):
                    await error.answer.aclose()
        assert first is not None
        raise first

    def _open(self, resume: Any, asked: dict[str, Any]) -> Any:
        permit, first = None, None
        while permit := self._next(permit):
            time.sleep(permit.wait)
            try:
                response = self.kind.call(self.sites[permit.target.id], **asked)
                stream = self.watch(response, permit, resume, **asked)
                if stream is None:
                    permit.cancel()
                    return response
                stream.peek()
                return stream
            except Exception as error:  # noqa: BLE001 - a host takes what comes
                permit.failure(error)
                first = first or error
                if isinstance(error, EmptyResponse):
                    error.answer.close()
        assert first is not None
        raise first

    def _next(self, after: Permit | None) -> Permit | None:
        permit = self.failover.acquire(after=after, streaming=True)
        return permit and _counting(permit, self.settled)

    # -- going on (failover_litellm.streams.Resume) -------------------------------------------------------------------

    @property
    def resume(self) -> Any:
        return _Resume(self)

    # -- looking ------------------------------------------------------------------------------------------------------

    def health(self, target: str = "primary") -> Any:
        return self.failover.health()[target]

    @property
    def in_flight(self) -> int:
        return self.failover.health().in_flight

    async def hung_up(self, name: str = "primary") -> bool:
        """Whether nobody is connected to the site any more, within a second."""
        for _ in range(100):
            if not self.sites[name].open:
                return True
            await asyncio.sleep(0.01)
        return False


class _Resume:
    """Opens the raw stream of the target that is next; the prefix becomes the last message."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def next(self, permit: Permit) -> Permit | None:
        return self._host._next(permit)

    def open(self, permit: Permit, prefix: str | None) -> Any:
        return self._host.kind.call(self._host.sites[permit.target.id], **self._asked(prefix))

    async def aopen(self, permit: Permit, prefix: str | None) -> Any:
        return await self._host.kind.call(self._host.sites[permit.target.id], **self._asked(prefix))

    def _asked(self, prefix: str | None) -> dict[str, Any]:
        self._host.prefixes.append(prefix)
        return {} if prefix is None else {"messages": [*HI, {"role": "assistant", "content": prefix}]}


def _counting(permit: Permit, settled: list[str]) -> Permit:
    """The permit, which notes every outcome that it takes for its own."""
    lock = threading.Lock()

    def noting(name: str) -> Callable[..., Any]:
        settle = getattr(permit, name)

        def note(*args: Any) -> Any:
            with lock:
                if not permit.settled:
                    settled.append(f"{permit.target.id} {name}")
                return settle(*args)

        return note

    for name in ("success", "failure", "cancel"):
        setattr(permit, name, noting(name))
    return permit


async def close_clients() -> None:
    """Leave none of LiteLLM's clients and connections behind."""
    import litellm

    await litellm.close_litellm_async_clients()
    for client in litellm.in_memory_llm_clients_cache.cache_dict.values():
        closing = client.close()
        if inspect.isawaitable(closing):
            await closing
    litellm.in_memory_llm_clients_cache.flush_cache()


def collect() -> None:
    """Collect what LiteLLM leaves behind now, and not in the middle of somebody else's test."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # text completions have clients that nobody closes
