"""The SDKs of OpenAI and Anthropic behind the face of a ``Client``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.providers import HI, KEY, MODELS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


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
