"""What every test shares: an environment in which no library looks outside by itself."""

from __future__ import annotations

import os

import pytest

os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LITELLM_RUST="0",
    HF_HUB_OFFLINE="1",
    LANGSMITH_TRACING="false",
)

pytest_plugins = ["failover_plugin.testing"]


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors, except one that LiteLLM's own types draw from pydantic."""
    config.addinivalue_line("filterwarnings", "ignore:Item .* on TypedDict class:UserWarning")
