"""``GET /failover/status``: how the deployments fare, as the worker that answers sees it. For administrators only."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import Depends, HTTPException

if TYPE_CHECKING:
    from failover_litellm.proxy.callback import ProxyFailover

PATH = "/failover/status"


def add_to(app: Any, failover: ProxyFailover) -> None:
    """Add the route to the proxy's application. Who has no valid key at all, the proxy refuses before us."""
    from litellm.proxy.auth.user_api_key_auth import (  # pyright: ignore[reportMissingTypeStubs]
        user_api_key_auth,
    )

    async def status(caller: Any = Depends(user_api_key_auth)) -> dict[str, Any]:  # noqa: B008 - as FastAPI has it
        role = getattr(caller, "user_role", None)
        if str(getattr(role, "value", role)) != "proxy_admin":
            raise HTTPException(403, detail={"error": f"{PATH} is for the master key and for administrators' keys."})
        return report(failover)

    app.add_api_route(PATH, status, methods=["GET"])


def report(failover: ProxyFailover) -> dict[str, Any]:
    """Plain data: times in seconds."""
    strategy = failover.strategy
    told: dict[str, Any] = {
        "worker": os.getpid(),
        "litellm": version("litellm"),
        "installed": strategy is not None,
        "problem": failover.problem,
    }
    if strategy is None:
        return told
    core = strategy.failover
    health = core.health()
    return {
        **told,
        "targets": [asdict(target) for target in health.targets],
        "scopes": [asdict(scope) for scope in health.scopes],
        "spent": health.spent,
        "spent_on_backups": health.spent_on_backups,
        "trails": [trail.as_dict() for trail in core.recent_trails],
        "policy": core.policy.model_dump(mode="json"),
    }
