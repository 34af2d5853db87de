"""What every test shares: an environment in which no library looks outside by itself."""

from __future__ import annotations

import os

os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LITELLM_RUST="0",
    HF_HUB_OFFLINE="1",
    LANGSMITH_TRACING="false",
)

pytest_plugins = ["failover_plugin.testing"]
