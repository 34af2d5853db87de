"""A callback for the proxy that changes its models while requests are under way: one is added, changed and deleted.

The proxy's own routes for that want a database; they do the same to the worker's router.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.router import Deployment, LiteLLM_Params, ModelInfo

EVERY = 1.5
"""Seconds between two changes."""


class Changes(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.task = asyncio.get_running_loop().create_task(self.change(os.environ["CHANGED_MODEL_AT"]))

    async def change(self, url: str) -> None:
        while (router := getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)) is None:
            await asyncio.sleep(0.1)
        for number in count():
            await asyncio.sleep(EVERY)
            self.step(router, url, number)

    @staticmethod
    def step(router: Any, url: str, number: int) -> None:
        if number % 3 == 2:
            router.delete_deployment(id="guest")
            return
        params = LiteLLM_Params(model="openai/gpt-4o", api_base=url, api_key="secret-guest", timeout=20 + number % 3)
        router.upsert_deployment(Deployment(model_name="chat", litellm_params=params, model_info=ModelInfo(id="guest")))


changes = Changes()
