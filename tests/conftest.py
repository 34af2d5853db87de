"""What every test shares: an environment in which no library looks outside by itself, and no key is logged by us."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from support.logs import KeysLogged
from support.network import trust

pytest_plugins = ["failover_plugin.testing"]

os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LITELLM_RUST="0",
    HF_HUB_OFFLINE="1",
    LANGSMITH_TRACING="false",
)

_folder = tempfile.TemporaryDirectory()
trust(trustme.CA().cert_pem.bytes(), Path(_folder.name, "authority.pem"))
"""Nobody outside is trusted; and a client reads one authority in 1 ms, the usual hundred and more in 25."""

_keys_logged = KeysLogged()
_keys_logged.listen()


@pytest.fixture(autouse=True)
def keys_logged() -> Iterator[list[str]]:
    """Lines in which our loggers show a key. There must be none, at any level, from whichever thread."""
    yield _keys_logged.lines
    shown, _keys_logged.lines = _keys_logged.lines, []
    assert not shown
