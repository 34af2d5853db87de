"""What every test shares: an environment in which no library looks outside by itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import trustme

from support.network import trust

os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LITELLM_RUST="0",
    HF_HUB_OFFLINE="1",
    LANGSMITH_TRACING="false",
)

_folder = tempfile.TemporaryDirectory()
trust(trustme.CA().cert_pem.bytes(), Path(_folder.name, "authority.pem"))
"""Nobody outside is trusted; and a client reads one authority in 1 ms, the usual hundred and more in 25."""

pytest_plugins = ["failover_plugin.testing"]
