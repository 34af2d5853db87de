"""One emulated provider for each test, at an address of its own, so that no client's pool is shared between tests."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from failover_plugin.emulator import Emulator, Site

_numbers = itertools.count()


@pytest.fixture
def site(emulator: Emulator) -> Site:
    return emulator.site(f"primary-{next(_numbers)}", reply="Hello from primary")


@pytest.fixture(scope="session", autouse=True)
async def _close_litellm() -> AsyncIterator[None]:
    """LiteLLM keeps clients and a logging task for the loop; both have to end before the loop does."""
    yield
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    await GLOBAL_LOGGING_WORKER.stop()
    await litellm.close_litellm_async_clients()
