"""The real clients behind one small face, so that a test can say "every client" and mean it.

Each asks with its own retries off and a short timeout, plainly and as a stream, synchronously and asynchronously, and
returns the text it was given. Without a ``base_url`` a client goes to the provider's own host, as a cassette needs.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from support.chat_models import CHAT_MODELS
from support.passes import handed_a_token, let_out
from support.providers import HI, KEY, MODELS, PROVIDERS
from support.sdks import AnthropicSDK, OpenAISDK
from support.sight import MODES, Client, Sight, look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.language_models import BaseChatModel

    from failover_plugin.emulator import Site

__all__ = ["CALLABLE", "CLIENTS", "HI", "KEY", "MODELS", "MODES", "Client", "LangChain", "LiteLLM", "Sight", "client"]
__all__ += ["look"]

_numbers = itertools.count()


@cache
def _shared(family: str, timeout: float) -> BaseChatModel:
    """One model for all replays: some take a second to build."""
    return CHAT_MODELS[family](PROVIDERS[family], api_key=KEY, max_retries=0, timeout=timeout)


@dataclass(frozen=True)
class LangChain:
    """LangChain's class for a provider. ``KeyError`` if there is none."""

    family: str
    base_url: str | None = None
    timeout: float = 2.0

    def model(self) -> BaseChatModel:
        if self.base_url is None:
            return _shared(self.family, self.timeout)
        timeout = self.timeout + next(_numbers) * 1e-6
        options: dict[str, Any] = {"base_url": self.base_url, "timeout": timeout}
        return CHAT_MODELS[self.family](PROVIDERS[self.family], api_key=KEY, max_retries=0, **options)

    def plain(self) -> str:
        with self._open() as model:
            return model.invoke("hi").text

    def stream(self) -> Iterator[str]:
        with self._open() as model:
            for chunk in model.stream("hi"):
                yield chunk.text

    async def aplain(self) -> str:
        async with self._aopen() as model:
            return (await model.ainvoke("hi")).text

    async def astream(self) -> AsyncIterator[str]:
        async with self._aopen() as model, aclosing(model.astream("hi")) as chunks:
            async for chunk in chunks:
                yield chunk.text

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """LangChain keeps one pool per address and timeout for good; ours have timeouts of their own and are closed."""
        model: Any = self.model()
        try:
            with let_out(self.family):
                yield model
        finally:
            if self.base_url is not None:
                (model._client if self.family == "anthropic" else model.root_client).close()

    @asynccontextmanager
    async def _aopen(self) -> AsyncIterator[Any]:
        model: Any = self.model()
        try:
            with let_out(self.family):
                yield model
        finally:
            if self.base_url is not None:
                await (model._async_client if self.family == "anthropic" else model.root_async_client).close()


@dataclass(frozen=True)
class LiteLLM:
    """``litellm.completion`` and ``litellm.acompletion``.

    The synchronous one runs in a thread: in a main thread without an event loop LiteLLM makes one and leaves it open.
    """

    family: str
    base_url: str | None = None
    timeout: float = 2.0

    def _request(self) -> dict[str, Any]:
        retries = {"num_retries": 0, "max_retries": 0}
        options = {"messages": HI, "timeout": self.timeout, **retries, **PROVIDERS[self.family].options}
        return options | ({"api_base": self.base_url} if self.base_url else {})

    def plain(self) -> str:
        import litellm

        with handed_a_token(self.family), ThreadPoolExecutor(1) as thread:
            answer = thread.submit(litellm.completion, **self._request()).result()
        return answer.choices[0].message.content or ""

    def stream(self) -> Iterator[str]:
        import litellm

        with handed_a_token(self.family), ThreadPoolExecutor(1) as thread:
            chunks = thread.submit(litellm.completion, **self._request(), stream=True).result()
            while chunk := thread.submit(next, chunks, None).result():
                yield chunk.choices[0].delta.content or ""

    async def aplain(self) -> str:
        import litellm

        with handed_a_token(self.family):
            answer = await litellm.acompletion(**self._request())
        return answer.choices[0].message.content or ""

    async def astream(self) -> AsyncIterator[str]:
        import litellm

        with handed_a_token(self.family):
            chunks = await litellm.acompletion(**self._request(), stream=True)
        async for chunk in chunks:
            yield chunk.choices[0].delta.content or ""


CALLABLE = {
    "LiteLLM": frozenset(name for name, provider in PROVIDERS.items() if provider.options),
    "LangChain": frozenset(CHAT_MODELS),
}
"""Whom each library can call."""

CLIENTS: dict[str, str] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "ChatOpenAI": "openai",
    "ChatAnthropic": "anthropic",
    "litellm-openai": "openai",
    "litellm-anthropic": "anthropic",
}


def client(name: str, site: Site | None = None, timeout: float = 2.0) -> Client:
    """The client of this name, against a site of the emulator or the provider's own host."""
    family = CLIENTS[name]
    url = None if site is None else site.openai_url if family == "openai" else site.anthropic_url
    if name.startswith("Chat"):
        return LangChain(family, url, timeout)
    if name.startswith("litellm"):
        return LiteLLM(family, url, timeout)
    return OpenAISDK(url, timeout) if family == "openai" else AnthropicSDK(url, timeout)
