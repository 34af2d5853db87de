"""LiteLLM's proxy as a process of its own, from a config.yaml as a user writes it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from failover_plugin.emulator import Site

MASTER_KEY = "sk-failover-tests-0123456789"
CALLBACK = "failover_litellm.proxy.failover"
LONGEST_START = 150.0
"""Seconds: a start takes ten to seventy on a busy machine."""


class Proxy:
    """Started at once; ``ready`` waits until it answers."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any] | str,
        *,
        workers: int = 1,
        python: str = sys.executable,
        **env: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log_path = folder / "config.yaml", folder / "proxy.log"
        self.path.write_text(config if isinstance(config, str) else yaml.safe_dump(dict(config), sort_keys=False))
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [python, "-m", "litellm.proxy.proxy_cli", "--config", str(self.path), "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--num_workers", str(workers)]
        if workers > 1:  # uvicorn ends workers that are not up within five seconds, again and again
            command.append("--run_gunicorn")
        settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1", "LITELLM_MODE": "PRODUCTION", **env}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **settings},
                cwd=folder,
                start_new_session=True,
            )
        self.client = httpx.Client(base_url=self.url, headers=authorized(), timeout=60)

    @property
    def log(self) -> str:
        """All that it has written."""
        return self.log_path.read_text(errors="replace")

    def ready(self, *, installed: bool = True) -> Proxy:
        """Wait until it answers, and has failover in place. Raises ``AssertionError`` with its log if it ends first."""
        deadline = time.monotonic() + LONGEST_START
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                if self.client.get("/health/liveliness").is_success and (not installed or self.installed):
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready in {LONGEST_START} s:\n{self.log}")

    @property
    def installed(self) -> bool:
        """Whether failover is in place, in the worker that answers."""
        answer = self.client.get("/failover/status")
        return answer.is_success and answer.json()["installed"]

    def ended(self) -> int:
        """Its exit status, if it ends by itself in the time that a start may take."""
        return self.process.wait(LONGEST_START)

    def stop(self) -> None:
        """End it and its workers."""
        self.client.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def authorized(key: str = MASTER_KEY) -> dict[str, str]:
    """The headers of a request with this key."""
    return {"Authorization": f"Bearer {key}"}


def deployment(site: Site, group: str, *, model: str = "openai/gpt-4o", info: Any = None, **params: Any) -> Any:
    """What a user writes into ``model_list``; its id is the site's name."""
    base = site.anthropic_url if model.startswith("anthropic/") else site.openai_url
    return {
        "model_name": group,
        "litellm_params": {"model": model, "api_base": base, "api_key": f"secret-{site.name}", **params},
        "model_info": {"id": site.name, **(info or {})},
    }


def stream_read(text: str) -> tuple[str, Any]:
    """The text of a stream of chat completions, and the error that it ended with, None for none."""
    said, error = "", None
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            event = json.loads(line.removeprefix("data: "))
            error = event.get("error", error)
            said += "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
    return said, error


def config(*deployments: Mapping[str, Any], failover: Any = None, callback: str | None = CALLBACK, **more: Any) -> Any:
    """A config.yaml's content: these deployments, and failover in front of them unless ``callback`` is None."""
    settings: dict[str, Any] = dict(more.pop("litellm_settings", {}))
    if callback is not None:
        settings["callbacks"] = [callback, *settings.get("callbacks", ())]
    if failover is not None:
        settings["failover"] = failover
    return {
        "model_list": [dict(deployment) for deployment in deployments],
        "litellm_settings": settings,
        "general_settings": {"master_key": MASTER_KEY},
        **more,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
