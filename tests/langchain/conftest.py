"""Two emulated providers behind real chat models, and one way to ask in all four modes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, Literal

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from failover_langchain import ChatFailover
from failover_plugin import Policy
from failover_plugin.emulator import Emulator, Site

Mode = Literal["invoke", "ainvoke", "stream", "astream"]
MODES: tuple[Mode, ...] = ("invoke", "ainvoke", "stream", "astream")
STREAMED: tuple[Mode, ...] = ("stream", "astream")
PLAIN: tuple[Mode, ...] = ("invoke", "ainvoke")

PRIMARY = "Hello from the primary, and all of it."
FALLBACK = "Hello from the fallback, and all of it."


def pytest_configure(config: pytest.Config) -> None:
    """LangChain's standard tests carry a marker of a plugin that is not used here."""
    config.addinivalue_line("markers", "vcr: recorded traffic; there is none here")


def openai(site: Site | str, model: str = "gpt-4o-mini", **kwargs: Any) -> ChatOpenAI:
    """A model at a site, or at a URL, with its own retries off."""
    url = site if isinstance(site, str) else site.openai_url
    settings = {"max_retries": 0, "stream_usage": True, "api_key": SecretStr(f"secret-of-{url[-20:]}"), **kwargs}
    return ChatOpenAI(model=model, base_url=url, **settings)


def anthropic(site: Site | str, model: str = "claude-sonnet-5", **kwargs: Any) -> ChatAnthropic:
    """A model at a site, or at a URL, with its own retries off."""
    url = site if isinstance(site, str) else site.anthropic_url
    settings = {"max_retries": 0, "api_key": SecretStr(f"secret-of-{url[-20:]}"), **kwargs}
    return ChatAnthropic(model_name=model, base_url=url, **settings)


async def ask(model: Any, mode: Mode, prompt: Any = "hi", **kwargs: Any) -> Any:
    """The whole answer; chunks are merged. Sync modes run in a thread, as in an application."""
    match mode:
        case "invoke":
            return await asyncio.to_thread(model.invoke, prompt, **kwargs)
        case "ainvoke":
            return await model.ainvoke(prompt, **kwargs)
        case "stream":
            return merged(await asyncio.to_thread(lambda: list(model.stream(prompt, **kwargs))))
        case "astream":
            return merged([chunk async for chunk in model.astream(prompt, **kwargs)])


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """A stream's chunks as one."""
    return reduce(add, chunks)


def said_by(answer: AIMessage) -> str:
    """Which of the two it was. A short or doubled text is neither."""
    return {PRIMARY: "primary", FALLBACK: "fallback"}.get(answer.text, f"neither: {answer.text!r}")


@dataclass
class Bench:
    """One test's sites, always at the same two addresses.

    The packages keep a connection pool per address, and drop the oldest of 128 without closing it: fewer stay for good.
    """

    emulator: Emulator
    primary: Site = field(init=False)
    fallback: Site = field(init=False)

    def __post_init__(self) -> None:
        self.primary = self.emulator.site("primary", reply=PRIMARY)
        self.fallback = self.emulator.site("fallback", reply=FALLBACK)

    def model(self, policy: Policy | None = None, **kwargs: Any) -> ChatFailover:
        """OpenAI first, then Anthropic."""
        return ChatFailover([openai(self.primary), anthropic(self.fallback)], policy, **kwargs)

    def mirrored(self, policy: Policy | None = None, **kwargs: Any) -> ChatFailover:
        """Anthropic first, then OpenAI."""
        return ChatFailover([anthropic(self.primary), openai(self.fallback)], policy, **kwargs)

    def families(self, policy: Policy | None = None) -> Iterator[ChatFailover]:
        """Both, with the same sites: a primary of each family."""
        yield self.model(policy)
        yield self.mirrored(policy)

    @property
    def asked(self) -> tuple[int, int]:
        """Attempts on the primary and on the fallback."""
        return len(self.primary.requests), len(self.fallback.requests)


@pytest.fixture(scope="session")
def emulation() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
async def _room_for_threads() -> AsyncIterator[None]:
    """Twenty sync callers at once are twenty threads."""
    with ThreadPoolExecutor(32) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        yield


@pytest.fixture
def bench(emulation: Emulator) -> Bench:
    return Bench(emulation)


class Stopwatch:
    """How long it took, in seconds."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start


async def eventually(condition: Any, within: float = 2.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    """No task outlives a test."""
    before = asyncio.all_tasks()
    yield
    await eventually(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})
