"""The demo's two LiteLLM stacks: the same router configuration, as it comes and with our strategy installed."""

from __future__ import annotations

from typing import Any

import litellm
from litellm.router import Router

from failover_litellm import install
from failover_plugin import Failover
from failover_plugin.demo import Lane


def router_as_it_comes(primary_url: str, fallback_url: str) -> Lane:
    """What LiteLLM brings: a group, and another one as its fallback."""
    return _lane("LiteLLM Router", _router(primary_url, fallback_url))


def router_with_strategy(primary_url: str, fallback_url: str) -> Lane:
    """The same router after one line more."""
    router = _router(primary_url, fallback_url)
    strategy = install(router)
    return _lane("LiteLLM Router + failover", router, strategy.failover)


def _router(primary_url: str, fallback_url: str) -> Any:
    litellm.suppress_debug_info = True  # its "Give Feedback" lines on every error would tear the table
    groups = {"primary": primary_url, "fallback": fallback_url}
    return Router(
        model_list=[
            {
                "model_name": name,
                "litellm_params": {"model": "openai/gpt-5.5", "api_base": url, "api_key": "demo", "timeout": 10},
                "model_info": {"id": name},
            }
            for name, url in groups.items()
        ],
        fallbacks=[{"primary": ["fallback"]}],
    )


def _lane(name: str, router: Any, core: Failover | None = None) -> Lane:
    async def ask(prompt: str) -> str:
        answer = await router.acompletion("primary", [{"role": "user", "content": prompt}])
        return str(answer.choices[0].message.content)

    async def close() -> None:
        from litellm.llms.custom_httpx.async_client_cleanup import (  # pyright: ignore[reportMissingTypeStubs]
            close_litellm_async_clients,
        )

        await close_litellm_async_clients()  # type: ignore[no-untyped-call]

    return Lane(name=name, ask=ask, close=close, core=core)
