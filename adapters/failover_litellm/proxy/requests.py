"""What a request says of itself in ``metadata.failover``: it can only restrict, for it comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException

from failover_litellm.host import mapping
from failover_litellm.pick import describe
from failover_plugin import ConfigError, Policy


def restrict(data: Mapping[str, Any], policy: Policy) -> None:
    """Let what it says be no wider than the policy: no longer a deadline. Raises a 400 if it is not understood."""
    for name in ("litellm_metadata", "metadata"):
        said: Any = mapping(data.get(name)).get("failover")
        if said is None:
            continue
        try:
            deadline = describe("", None, {"metadata": {"failover": said}}).deadline
        except ConfigError as error:
            raise HTTPException(400, detail={"error": str(error)}) from None
        if policy.deadline is not None and deadline is not None and deadline > policy.deadline:
            said["deadline"] = policy.deadline
