"""The real clients behind one small face, so that a test can say "every client" and mean it.

Each asks with its own retries off and a short timeout, plainly and as a stream, synchronously and asynchronously, and
returns the text it was given. Without a ``base_url`` a client goes to the provider's own host, as a cassette needs.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.language_models import BaseChatModel

    from failover_plugin.emulator import Site

KEY = "test-key"
HI: list[Any] = [{"role": "user", "content": "hi"}]
MODELS = {"openai": "gpt-5.5", "anthropic": "claude-sonnet-5"}

_numbers = itertools.count()

Family = Literal["openai", "anthropic"]


class Client(Protocol):
    """A client of one provider."""

    def plain(self) -> str: ...
    def stream(self) -> Iterator[str]: ...
    async def aplain(self) -> str: ...
    def astream(self) -> AsyncIterator[str]: ...


@dataclass(frozen=True)
class OpenAISDK:
    """``openai.OpenAI`` and ``openai.AsyncOpenAI``."""

    base_url: str | None = None
    timeout: float = 2.0

    def _options(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "api_key": KEY, "max_retries": 0, "timeout": self.timeout}

    def plain(self) -> str:
        import openai

        with openai.OpenAI(**self._options()) as client:
            answer = client.chat.completions.create(model=MODELS["openai"], messages=HI)
            return answer.choices[0].message.content or ""

    def stream(self) -> Iterator[str]:
        import openai

        with (
            openai.OpenAI(**self._options()) as client,
            client.chat.completions.create(model=MODELS["openai"], messages=HI, stream=True) as chunks,
        ):
            for chunk in chunks:
                yield "".join(choice.delta.content or "" for choice in chunk.choices)

    async def aplain(self) -> str:
        import openai

        async with openai.AsyncOpenAI(**self._options()) as client:
            answer = await client.chat.completions.create(model=MODELS["openai"], messages=HI)
            return answer.choices[0].message.content or ""

    async def astream(self) -> AsyncIterator[str]:
        import openai

        async with (
            openai.AsyncOpenAI(**self._options()) as client,
            await client.chat.completions.create(model=MODELS["openai"], messages=HI, stream=True) as chunks,
        ):
            async for chunk in chunks:
                yield "".join(choice.delta.content or "" for choice in chunk.choices)


@dataclass(frozen=True)
class AnthropicSDK:
    """``anthropic.Anthropic`` and ``anthropic.AsyncAnthropic``."""

    base_url: str | None = None
    timeout: float = 2.0

    def _options(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "api_key": KEY, "max_retries": 0, "timeout": self.timeout}

    def _request(self) -> dict[str, Any]:
        return {"model": MODELS["anthropic"], "max_tokens": 64, "messages": HI}

    def plain(self) -> str:
        import anthropic

        with anthropic.Anthropic(**self._options()) as client:
            return "".join(block.text for block in client.messages.create(**self._request()).content)

    def stream(self) -> Iterator[str]:
        import anthropic

        with (
            anthropic.Anthropic(**self._options()) as client,
            client.messages.stream(**self._request()) as chunks,
        ):
            yield from chunks.text_stream

    async def aplain(self) -> str:
        import anthropic

        async with anthropic.AsyncAnthropic(**self._options()) as client:
            answer = await client.messages.create(**self._request())
            return "".join(block.text for block in answer.content)

    async def astream(self) -> AsyncIterator[str]:
        import anthropic

        async with (
            anthropic.AsyncAnthropic(**self._options()) as client,
            client.messages.stream(**self._request()) as chunks,
        ):
            async for text in chunks.text_stream:
                yield text


@dataclass(frozen=True)
class LangChain:
    """``ChatOpenAI`` and ``ChatAnthropic``."""

    family: Family
    base_url: str | None = None
    timeout: float = 2.0

    def model(self) -> BaseChatModel:
        options: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": self.timeout}
        if self.base_url is not None:
            options |= {"base_url": self.base_url, "timeout": self.timeout + next(_numbers) * 1e-6}
        if self.family == "openai":
            from langchain_openai import ChatOpenAI

            return ChatOpenAI(model=MODELS["openai"], **options)
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model_name=MODELS["anthropic"], **options)

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
            yield model
        finally:
            if self.base_url is not None:
                (model.root_client if self.family == "openai" else model._client).close()

    @asynccontextmanager
    async def _aopen(self) -> AsyncIterator[Any]:
        model: Any = self.model()
        try:
            yield model
        finally:
            if self.base_url is not None:
                await (model.root_async_client if self.family == "openai" else model._async_client).close()


@dataclass(frozen=True)
class LiteLLM:
    """``litellm.completion`` and ``litellm.acompletion``.

    The synchronous one runs in a thread: in a main thread without an event loop LiteLLM makes one and leaves it open.
    """

    family: Family
    base_url: str | None = None
    timeout: float = 2.0

    def _request(self) -> dict[str, Any]:
        model = f"{self.family}/{MODELS[self.family]}"
        retries = {"num_retries": 0, "max_retries": 0}
        return {"model": model, "messages": HI, "api_key": KEY, "timeout": self.timeout, **retries} | (
            {"api_base": self.base_url} if self.base_url else {}
        )

    def plain(self) -> str:
        import litellm

        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(litellm.completion, **self._request()).result()
        return answer.choices[0].message.content or ""

    def stream(self) -> Iterator[str]:
        import litellm

        with ThreadPoolExecutor(1) as thread:
            chunks = thread.submit(litellm.completion, **self._request(), stream=True).result()
            while chunk := thread.submit(next, chunks, None).result():
                yield chunk.choices[0].delta.content or ""

    async def aplain(self) -> str:
        import litellm

        answer = await litellm.acompletion(**self._request())
        return answer.choices[0].message.content or ""

    async def astream(self) -> AsyncIterator[str]:
        import litellm

        async for chunk in await litellm.acompletion(**self._request(), stream=True):
            yield chunk.choices[0].delta.content or ""


CLIENTS: dict[str, Family] = {
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


MODES = ("plain", "stream", "aplain", "astream")


@dataclass(frozen=True)
class Sight:
    """What a caller got: the text, the error it ended with, if any, and how long it took, in seconds."""

    text: str
    error: Exception | None
    seconds: float

    @property
    def causes(self) -> set[str]:
        """The class names of the error, of its causes and of all their bases."""
        names: set[str] = set()
        error: BaseException | None = self.error
        while error is not None:
            names |= {kind.__name__ for kind in type(error).__mro__}
            error = error.__cause__ or error.__context__
        return names


async def look(client: Client, mode: str) -> Sight:
    """Ask in one of the ``MODES`` and see what comes of it."""
    start, texts = time.monotonic(), []
    try:
        match mode:
            case "plain":
                texts.append(client.plain())
            case "stream":
                texts.extend(client.stream())
            case "aplain":
                texts.append(await client.aplain())
            case _:
                async for text in client.astream():
                    texts.append(text)  # noqa: PERF401 - what came before an error counts
    except Exception as error:  # noqa: BLE001 - any error is what we are looking for
        return Sight("".join(texts), error, time.monotonic() - start)
    return Sight("".join(texts), None, time.monotonic() - start)
