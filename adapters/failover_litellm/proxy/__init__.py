"""Failover for LiteLLM's proxy, from its config.yaml alone::

    litellm_settings:
      callbacks: ["failover_litellm.proxy.failover"]
      failover: {patience: 2.5}        # the policy, if it is not the default one; or {file: failover.yaml}

LiteLLM imports this module while it reads its settings, before it has a router. So the policy is checked here, at once:
one that does not fit stops the start. ``callback`` then waits for the router.
"""

from __future__ import annotations

from typing import Any

from failover_litellm.proxy.callback import failover

__all__ = ["failover"]


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"litellm_settings.callbacks: failover_litellm.proxy has no {name}. "
        'Write "failover_litellm.proxy.failover", which is an instance.'
    )
