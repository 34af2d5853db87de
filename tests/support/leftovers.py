"""What libraries leave behind when tests are over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="session", autouse=True)
async def close_litellm() -> AsyncIterator[None]:
    """LiteLLM keeps clients and a logging task for the loop; both have to end before the loop does."""
    yield
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    await GLOBAL_LOGGING_WORKER.stop()
    await litellm.close_litellm_async_clients()
