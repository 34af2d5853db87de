"""Real proxy processes, started side by side when the first test needs one, with an emulator behind them.

``FAILOVER_PROXY_PYTHON`` is another interpreter to run them in, with another LiteLLM; ``FAILOVER_PROXY_WORKERS`` is how
many workers the main one has, for the tests that lose nothing: what else is read is one worker's.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from failover_plugin.emulator import Emulator, Site
from support import fault_rows
from support.proxies import MASTER_KEY, Proxy, config, deployment

PYTHON = os.environ.get("FAILOVER_PROXY_PYTHON", sys.executable)
WORKERS = int(os.environ.get("FAILOVER_PROXY_WORKERS", "1"))
LIMIT = 240
"""Seconds for a test, the start of the processes included."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "proxy" in item.path.parts:
            item.add_marker(pytest.mark.timeout(LIMIT))


class Stage:
    """One proxy with many model groups, each with sites of its own, so that no test is in another's way."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.sites: dict[str, Site] = {}
        self.model_list: list[Any] = []

    def group(self, name: str, *roles: str, reply: str = "Hello from {}.", **params: Any) -> list[Any]:
        """A model group of deployments that are called ``group.role``."""
        return [deployment(self.add(name, role, reply.format(role)), name, **params) for role in roles]

    def add(self, group: str, role: str, reply: str) -> Site:
        """A site that is called ``group.role``."""
        name = f"{group}.{role}"
        site = self.sites[name] = self._emulator.site(name, reply=reply)
        return site

    def site(self, group: str, role: str) -> Site:
        return self.sites[f"{group}.{role}"]


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session")
def stage(emulator: Emulator) -> Stage:
    stage = Stage(emulator)
    for name in ("chat", "metrics", "headers", "secrets"):
        stage.model_list += stage.group(name, "primary", "backup")
    for name in ("sick-chat", "sick-stream", "sick-responses", "sick-responses-stream", "sick-embeddings"):
        stage.model_list += stage.group(name, "limited", "broken", "well")
    for name in ("sick-messages", "sick-messages-stream"):
        stage.model_list += stage.group(name, "limited", "broken", "well", model="anthropic/claude-sonnet-5")
    stage.model_list += stage.group("hung", "primary", "backup", timeout=2)
    stage.model_list += stage.group("one-key", "refused", "second", "third", api_key="secret-placeholder")
    stage.model_list += stage.group("restricted", "primary", "backup")
    stage.model_list += stage.group("row-24", "primary")
    stage.model_list += stage.group("row-24", "backup", info={"failover": {"tier": 1}})
    for role in ("openai", "claude"):
        stage.add("readme", role, f"Hello from {role}.")
    return stage


@pytest.fixture(scope="session")
def proxies(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Proxy]]:
    """By name; those that are not to start are among them."""
    folder, lone = tmp_path_factory.mktemp("proxies"), stage.site("chat", "backup")
    wrong_facts = deployment(lone, "chat", info={"failover": {"teir": 1}})
    configs = {
        "main": config(
            *stage.model_list,
            *fault_rows.deployments(stage, "default"),
            failover={"deadline": 30, "idle_timeout": fault_rows.IDLE},
            litellm_settings={"callbacks": ["prometheus"]},
        ),
        "resume": config(
            *fault_rows.deployments(stage, "resume"),
            *stage.group("sessions", "one", "two", "three"),
            *stage.group("row-21", "primary", reply=fault_rows.TEXT),
            *stage.group("row-21", "backup", info={"failover": {"tier": 1, "capabilities": ["prefill"]}}),
            failover={"stream_failover": "resume", "idle_timeout": fault_rows.IDLE, "strategy": "affinity"},
        ),
        "wrong policy": config(deployment(lone, "chat"), failover={"patience": -1}),
        "wrong facts": config(wrong_facts),
    }
    readme = {
        "OPENAI_API_KEY": "secret-openai",
        "ANTHROPIC_API_KEY": "secret-anthropic",
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "OPENAI_BASE_URL": stage.site("readme", "openai").openai_url,
        "ANTHROPIC_BASE_URL": stage.site("readme", "claude").anthropic_url,
    }
    running = {
        name: Proxy(folder / name.replace(" ", "-"), each, python=PYTHON, workers=WORKERS if name == "main" else 1)
        for name, each in configs.items()
    }
    running["readme"] = Proxy(folder / "readme", _in_the_readme(), python=PYTHON, **readme)
    yield running
    for proxy in running.values():
        proxy.stop()


def _in_the_readme() -> str:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    return next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if block.startswith("model_list"))


@pytest.fixture
def workers() -> int:
    """How many processes answer for the main proxy."""
    return WORKERS


@pytest.fixture
def proxy(proxies: Mapping[str, Proxy]) -> Proxy:
    return proxies["main"].ready()
