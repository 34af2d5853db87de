"""Importing the core costs little: no framework, no SDK, no HTTP client."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FOREIGN = {
    "aiohttp", "anthropic", "hypothesis", "httpx", "httpx2", "langchain", "langchain_core", "litellm", "matplotlib",
    "numpy", "openai", "opentelemetry", "pytest", "redis", "requests", "rich", "trustme", "urllib3", "yaml",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after it."""
    tell = "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{tell}"], capture_output=True, text=True, timeout=30, check=True
    )
    return set(json.loads(done.stdout))


def test_importing_the_core_loads_nobody_elses_library() -> None:
    loaded = loaded_by("import failover_plugin")
    assert "failover_plugin" in loaded
    assert not loaded & FOREIGN
    assert not loaded & {"failover_langchain", "failover_litellm"}


def test_asking_and_failing_over_loads_nobody_elses_library_either() -> None:
    story = """
from failover_plugin import Failover, Policy, Target
def call(target):
    if target.id == "a":
        raise TimeoutError
    return "hi"
fo = Failover([Target(i, provider="p", model="m", tier=n) for n, i in enumerate("ab")], Policy())
assert fo.run(call).value == "hi"
str(fo.health()), fo.health()._repr_html_(), str(fo.explain())
"""
    assert not loaded_by(story) & FOREIGN


def test_a_file_of_settings_needs_yaml_and_nothing_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("import") / "failover.yaml"
    path.write_text("targets: [{id: a, provider: p, model: m}]")
    loaded = loaded_by(f"import failover_plugin; failover_plugin.load_config({str(path)!r})")
    assert loaded & FOREIGN == {"yaml"}


def test_every_public_name_is_there() -> None:
    import failover_plugin

    assert sorted(failover_plugin.__all__) == failover_plugin.__all__
    assert not [name for name in failover_plugin.__all__ if not hasattr(failover_plugin, name)]
