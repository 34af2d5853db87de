"""A router with two deployments and an emulator behind them. LiteLLM is imported when the first test needs it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import Emulator, Site, faults
from failover_plugin.events import log_events

MESSAGES = [{"role": "user", "content": "Say hello."}]
MODES = ("completion", "acompletion", "completion-stream", "acompletion-stream")

_numbers = itertools.count()

_LEFT = "<(socket|ssl)|<function (_SelectorTransport|_SSLProtocolTransport|ClientSession|BaseConnector|BaseEventLoop)"
_DROPPED = f"ignore:Exception ignored in. ({_LEFT}).*:pytest.PytestUnraisableExceptionWarning"
"""LiteLLM leaves clients to the collector (of two built at once one; for text completions, images each), and loops."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(_DROPPED))


@pytest.fixture(scope="package", autouse=True)
def _sweep() -> Iterator[None]:
    """Dropped clients are collected here, and not in the middle of somebody else's test."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


class Bench:
    """One test's sites, router and strategy."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._number = next(_numbers)
        self._strategies: list[Any] = []
        self.primary = self.site("primary")
        self.backup = self.site("backup")
        self.router: Any = None
        self.strategy: Any = None

    def site(self, name: str, **kwargs: Any) -> Site:
        """Every test has addresses of its own, so that no client is shared between tests."""
        return self._emulator.site(f"{name}-{self._number}", reply=f"Hello from the {name}, all of it.", **kwargs)

    def deployment(
        self, where: Site | str, group: str = "chat", *, failover: Any = None, **params: Any
    ) -> dict[str, Any]:
        """What a user writes into ``model_list``; its id is the site's name without the number."""
        name, url = (
            ("elsewhere", where) if isinstance(where, str) else (where.name.rpartition("-")[0], where.openai_url)
        )
        info = {"id": params.pop("id", name), **params.pop("info", {})}
        if failover is not None:
            info["failover"] = failover
        return {
            "model_name": group,
            "litellm_params": {"model": "openai/gpt-4o", "api_base": url, "api_key": f"secret-{name}", **params},
            "model_info": info,
        }

    def route(self, *deployments: dict[str, Any], policy: Policy | None = None, **settings: Any) -> Any:
        """A router with these deployments (by default one primary and one fallback), and failover installed on it.

        What happens is logged, and no key may be: see ``keys_logged``.
        """
        import litellm

        from failover_litellm import install

        model_list = deployments or (
            self.deployment(self.primary),
            self.deployment(self.backup, failover={"tier": 1}),
        )
        self.router = litellm.Router(model_list=[*model_list], **settings)
        self.strategy = install(self.router, policy, on_event=log_events)
        self._strategies.append(self.strategy)
        return self.strategy

    def health(self, target: str = "primary") -> Any:
        """One target's line in the health report."""
        return next(t for t in self.strategy.failover.health().targets if t.target == target)

    @property
    def in_flight(self) -> int:
        """Permits that nobody has settled."""
        return sum(t.in_flight for t in self.strategy.failover.health().targets)

    async def ask(self, mode: str, group: str = "chat", **kwargs: Any) -> str:
        """The whole text, in one of the four ways to ask a router. Synchronous code gets a thread of its own."""
        try:
            return await self._asked(mode, group, **kwargs)
        except Exception as error:
            self._show_no_secret(error, *getattr(error, "__notes__", ()), getattr(error, "trail", ""))
            raise

    @staticmethod
    def _show_no_secret(*shown: object) -> None:
        assert not [text for value in shown for text in (repr(value), str(value)) if "secret-" in text]

    async def _asked(self, mode: str, group: str, **kwargs: Any) -> str:
        stream = mode.endswith("-stream")
        question = {"model": group, "messages": MESSAGES, "stream": stream, **kwargs}
        if mode.startswith("completion"):
            return await asyncio.to_thread(self._ask, question)
        answer = await self.router.acompletion(**question)
        if not stream:
            return answer.choices[0].message.content
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])

    def _ask(self, question: dict[str, Any]) -> str:
        answer = self.router.completion(**question)
        if not question["stream"]:
            return answer.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)

    async def close(self) -> None:
        """Leave no callback, no client and no connection of this router behind."""
        import litellm

        for strategy in self._strategies:
            core = strategy.failover
            self._show_no_secret(core, core.targets, core.health(), core.explain(), core.recent_trails)
            strategy.uninstall()
        if self.router is not None:
            (getattr(self.router, "retire", None) or self.router.discard)()
        await litellm.close_litellm_async_clients()
        for client in litellm.in_memory_llm_clients_cache.cache_dict.values():
            closing = client.close()
            if inspect.isawaitable(closing):
                await closing
        litellm.in_memory_llm_clients_cache.flush_cache()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
async def bench(emulator: Emulator) -> AsyncIterator[Bench]:
    bench = Bench(emulator)
    yield bench
    await bench.close()


@pytest.fixture(params=MODES)
def ask(request: pytest.FixtureRequest, bench: Bench) -> Callable[..., Awaitable[str]]:
    """``await ask()`` in each of the four ways."""
    return _asking(bench, request.param)


@pytest.fixture(params=[mode for mode in MODES if mode.endswith("-stream")])
def ask_stream(request: pytest.FixtureRequest, bench: Bench) -> Callable[..., Awaitable[str]]:
    """``await ask_stream()`` in both ways to stream."""
    return _asking(bench, request.param)


@pytest.fixture(params=[mode for mode in MODES if not mode.endswith("-stream")])
def ask_plain(request: pytest.FixtureRequest, bench: Bench) -> Callable[..., Awaitable[str]]:
    """``await ask_plain()`` in both ways to ask for a plain answer."""
    return _asking(bench, request.param)


@pytest.fixture
def short_backoffs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is overloaded is asked again after 50 ms at most, not after up to a second."""
    monkeypatch.setattr("failover_plugin.succession.OVERLOAD_BACKOFF_BASE", 0.05)


def _asking(bench: Bench, mode: str) -> Callable[..., Awaitable[str]]:
    return lambda group="chat", **kwargs: bench.ask(mode, group, **kwargs)


@pytest.fixture(scope="session", autouse=True)
async def _warm(emulator: Emulator) -> AsyncIterator[None]:
    """LiteLLM loads half of itself with its first calls, which must not count in a test that takes the time.

    Its logging task has to end before the loop does: CPython 3.11 may crash at exit otherwise.
    """
    bench = Bench(emulator)
    bench.route()
    for mode in MODES:
        await bench.ask(mode)
    bench.primary.fail(faults.server_error())
    await bench.ask("acompletion")
    await bench.close()
    gc.collect()
    gc.freeze()  # LiteLLM's half a million objects, which every collection would look through
    yield
    gc.unfreeze()
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    await GLOBAL_LOGGING_WORKER.stop()
