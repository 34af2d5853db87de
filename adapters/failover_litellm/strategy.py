"""The strategy a user meets: installed on a router, or registered on it as LiteLLM's custom strategies are."""

from __future__ import annotations

import inspect
from typing import Any

from litellm.types.router import CustomRoutingStrategyBase  # pyright: ignore[reportMissingTypeStubs]

from failover_litellm.deployments import Deployments
from failover_litellm.hooks import RouterHooks
from failover_litellm.host import RouterInside, core_of, mapping
from failover_plugin import ConfigError, Failover, Policy
from failover_plugin.events import Listener


def install(router: Any, policy: Policy | None = None, *, on_event: Listener | None = None) -> FailoverRoutingStrategy:
    """Let the core choose, time and judge every call of this router. A second time it returns the first's strategy.

    LiteLLM's own cooldowns and retry policies are off meanwhile, since two memories of the same failures would fight;
    ``uninstall`` puts everything back. What a caller gives with one call, ``timeout`` or ``num_retries``, still counts
    for that call. ``on_event`` is told what happens: see ``failover_plugin.events``.

    Raises ``ConfigError`` for a deployment whose ``model_info.failover`` is not understood, a router of a version that
    is not supported, and a policy or a listener other than the one installed; then nothing has been changed.
    """
    installed = _installed(router)
    if installed is None:
        strategy = FailoverRoutingStrategy(policy, on_event=on_event)
        strategy.attach(router)
        return strategy
    if policy is not None and policy != installed.policy:
        raise ConfigError("policy: this router has failover installed with another one; call .uninstall() first")
    if on_event is not None and on_event != installed.on_event:
        raise ConfigError("on_event: this router has failover installed with another one; call .uninstall() first")
    return installed


class FailoverRoutingStrategy(CustomRoutingStrategyBase):
    """Chooses deployments by a policy, and remembers how they fare. One strategy serves one router.

    ``install`` is the way to use it. Registered by ``router.register_plugin`` it installs itself at the first request.
    """

    def __init__(self, policy: Policy | None = None, *, on_event: Listener | None = None) -> None:
        self.policy = policy or Policy()
        self.on_event = on_event
        self._inside: RouterInside | None = None
        self._deployments: Deployments | None = None

    @property
    def failover(self) -> Failover:
        """The core: its health, and what it would do. Raises ``ConfigError`` before the strategy has met a router."""
        if self._deployments is None:
            raise ConfigError("strategy: it serves no router yet; call install(router)")
        return self._deployments.failover

    def attach(self, router: Any, *, registered: bool = False) -> None:
        """Serve this router from now on; ``registered``, because it has us for its custom strategy. Raises
        ``ConfigError`` as ``install`` does.
        """
        inside = RouterInside(router)
        deployments = Deployments(inside, self.policy, self.on_event)
        questions = deployments.failover.max_attempts + _MORE_QUESTIONS
        inside.put_in(RouterHooks(inside, deployments), questions, registered=registered)
        self._inside, self._deployments = inside, deployments
        inside.mark(_MARK, self)

    def uninstall(self) -> None:
        """Put back all that was changed on the router. Harmless if nothing was."""
        if self._inside is not None:
            self._inside.put_back()
            self._inside.mark(_MARK, None)
        self._inside = None

    # -- LiteLLM's contract for a custom strategy ---------------------------------------------------------------------

    def get_available_deployment(self, *question: Any, **details: Any) -> Any:
        """One deployment, chosen as for any request."""
        return self._asked_by().get_available_deployment(*question, **details)

    async def async_get_available_deployment(self, *question: Any, **details: Any) -> Any:
        """One deployment, chosen as for any request."""
        return await self._asked_by().async_get_available_deployment(*question, **details)

    def _asked_by(self) -> Any:
        """The router that asks. LiteLLM does not say which one it is, so at the first question we look who that is."""
        if self._inside is None:
            router = _asking_router()
            if router is None:
                raise ConfigError("strategy: it serves no router; call install(router)")
            self.attach(router, registered=True)
        return self._inside.router if self._inside else None


_MARK = "_failover_routing_strategy"
_MORE_QUESTIONS = 3
"""Tries of LiteLLM's beyond the attempts that the policy allows.

By a strategy given with a request it chooses without us, and so may pick a deployment again that has failed: such a try
is over at once, and another one may be luckier.
"""


def _installed(router: Any) -> FailoverRoutingStrategy | None:
    found = mapping(vars(core_of(router))).get(_MARK)
    return found if isinstance(found, FailoverRoutingStrategy) else None


def _asking_router() -> Any:
    """The router that is asking right now, None if there is none: one of the callers of this function belongs to it."""
    frame = inspect.currentframe()
    while frame is not None:
        core: Any = frame.f_locals.get("self")
        owner = getattr(core, "__dict__", {}).get("_core_owner")
        if owner is not None and hasattr(core, "register_plugin"):
            return owner()
        frame = frame.f_back
    return None
