"""A call that LiteLLM has shaped for one deployment, made at another of those on offer.

So a late call gets another one beside it, and a stream that broke goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from failover_litellm import limits
from failover_litellm.host import RouterInside, mapping
from failover_litellm.request import routing_metadata
from failover_litellm.targets import Deployment
from failover_plugin import Failover, Permit

_OF_ONE_CALL = ("client", "litellm_logging_obj", "litellm_call_id")
"""Arguments that belong to the call that was made, whoever is called."""
_NAMED_PREFIX = ("deepseek", "mistral")
"""Providers that take the last assistant message for a prefix only if it says so."""


class Elsewhere:
    """One call, at any of the deployments that LiteLLM offered for it (``streams.Resume``, for one that is a stream).

    But for those with a wildcard for a model: what LiteLLM makes of it, it alone knows.
    """

    def __init__(
        self,
        failover: Failover,
        inside: RouterInside,
        call: Callable[..., Any],
        kwargs: Mapping[str, Any],
        offered: Mapping[str, Deployment],
    ) -> None:
        self._failover = failover
        self._inside = inside
        self._call = call
        self._kwargs = kwargs
        self._offered = {target: d for target, d in offered.items() if "*" not in d["litellm_params"]["model"]}

    def __contains__(self, permit: Permit) -> bool:
        """Whether its target can be called so."""
        return permit.target.id in self._offered

    def next(self, permit: Permit) -> Permit | None:
        """Leave for the attempt after this one, which has failed; None if there is to be none."""
        return self._failover.acquire(among=self._offered, after=permit, streaming=True) if self._offered else None

    def open(self, permit: Permit, prefix: str | None) -> Any:
        """LiteLLM's stream from ``permit.target``, with the text so far as the assistant's last words."""
        return self._call(**self.arguments(permit, prefix, watched=False)[0])

    async def aopen(self, permit: Permit, prefix: str | None) -> Any:
        """The same, asynchronously."""
        return await self._call(**self.arguments(permit, prefix, watched=True)[0])

    def arguments(self, permit: Permit, prefix: str | None = None, *, watched: bool) -> tuple[dict[str, Any], float]:
        """The call's arguments, and the seconds until it is late: the caller's own as they were, the deployment's from
        the new one.
        """
        before = self._inside.params(str(mapping(self._kwargs.get("model_info")).get("id")))
        deployment = self._offered[permit.target.id]
        params, info = mapping(deployment["litellm_params"]), dict(mapping(deployment["model_info"]))
        own = {
            name: value
            for name, value in self._kwargs.items()
            if name not in _OF_ONE_CALL and (name not in before or before[name] != value)
        }
        kwargs = {**params, **own, "model": params["model"], "model_info": info}
        for name in ("litellm_metadata", "metadata"):
            if (metadata := kwargs.get(name)) is not None and metadata is routing_metadata(kwargs):
                kwargs[name] = {**metadata, "model_info": info, "deployment": params["model"]}
        if prefix is not None:
            marked = {"prefix": True} if permit.target.provider in _NAMED_PREFIX else {}
            last = {"role": "assistant", "content": prefix, **marked}
            kwargs["messages"] = [*(kwargs.get("messages") or ()), last]
        routers = self._inside.limits(streaming=bool(kwargs.get("stream")))
        return kwargs, limits.hand_over(permit, kwargs, params, routers, watched=watched)
