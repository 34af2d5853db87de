"""The strategy a user meets: installed on a router, or set on it by LiteLLM's own ``set_custom_routing_strategy``."""

from __future__ import annotations

from typing import Any

from litellm.types.router import CustomRoutingStrategyBase  # pyright: ignore[reportMissingTypeStubs]

from failover_litellm.fleet import Fleet
from failover_litellm.host import Host, calling_router, inside
from failover_litellm.seams import Seams
from failover_plugin import ConfigError, Failover, Policy


def install(router: Any, policy: Policy | None = None) -> FailoverRoutingStrategy:
    """Let the core choose, time and judge every call of this router. A second time it returns the first's strategy.

    LiteLLM's own cooldowns and retry policies are off meanwhile, since two memories of the same failures would fight;
    ``uninstall`` puts everything back. What a caller gives with one call, ``timeout`` or ``num_retries``, still counts
    for that call. Raises ``ConfigError`` for a deployment whose ``model_info.failover`` is not
    understood, a router of an unknown version, and a policy other than the one installed.
    """
    installed = _installed(router)
    if installed is None:
        strategy = FailoverRoutingStrategy(policy)
        strategy.attach(router).drop_custom_strategy()
        return strategy
    if policy is not None and policy != installed.policy:
        raise ConfigError("policy: this router has failover installed with another one; call .uninstall() first")
    return installed


class FailoverRoutingStrategy(CustomRoutingStrategyBase):
    """Chooses deployments by a policy, and remembers how they fare. One strategy serves one router.

    ``install`` is the way to use it. Set by ``router.set_custom_routing_strategy`` it does the same after the first
    request; of that one it makes the choice only.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self._host: Host | None = None
        self._fleet: Fleet | None = None

    @property
    def failover(self) -> Failover:
        """The core: its health, and what it would do. Raises ``ConfigError`` before the strategy has met a router."""
        if self._fleet is None:
            raise ConfigError("strategy: it serves no router yet; call install(router)")
        return self._fleet.failover

    def attach(self, router: Any) -> Host:
        """Serve this router from now on; a strategy that was set on it before rests meanwhile."""
        host = Host(router)
        fleet = Fleet(host, self.policy)
        self._host, self._fleet = host, fleet
        host.own_the_failures()
        host.put(_MARK, self)
        Seams(host, fleet)
        return host

    def uninstall(self) -> None:
        """Put back all that was changed on the router. Harmless if nothing was."""
        if self._host is not None:
            self._host.restore()
        self._host = None

    # -- LiteLLM's contract for a custom strategy ---------------------------------------------------------------------

    def get_available_deployment(self, *question: Any, **details: Any) -> Any:
        """One deployment, chosen as for any request."""
        return self._asked_by().pick(*question, **details)

    async def async_get_available_deployment(self, *question: Any, **details: Any) -> Any:
        """One deployment, chosen as for any request."""
        return await self._asked_by().apick(*question, **details)

    def _asked_by(self) -> Host:
        """The router that asks. LiteLLM does not say which one it is, so at the first question we look who that is."""
        if self._host is not None:
            return self._host
        router = calling_router()
        if router is None:
            raise ConfigError("strategy: it serves no router; call install(router), or set it on a litellm.Router")
        uninstalled = self._fleet is not None
        return Host(router) if uninstalled else self.attach(router)


_MARK = "_failover_routing_strategy"


def _installed(router: Any) -> FailoverRoutingStrategy | None:
    found: Any = getattr(inside(router), _MARK, None)
    return found if isinstance(found, FailoverRoutingStrategy) else None
