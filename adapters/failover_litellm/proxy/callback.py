"""The callback that LiteLLM's proxy is given: it stands in front of the proxy's router, and says what happens there.

No hook of LiteLLM's is handed the router, and some settings have it built anew. So a task looks which one the proxy
has, often until there is one, then each second; and so does each request, before it is routed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from failover_litellm.host import mapping
from failover_litellm.proxy import metrics, requests, status
from failover_litellm.proxy.settings import policy_in
from failover_litellm.request import ATTEMPTS
from failover_litellm.strategy import FailoverRoutingStrategy, install
from failover_plugin import ConfigError, Policy
from failover_plugin.classify.redact import redact
from failover_plugin.events import BreakerClosed, BreakerHalfOpen, BreakerOpened, Event, KeyBlocked

_SERVER = "litellm.proxy.proxy_server"
_SOON, _LATER = 0.05, 1.0
"""Seconds between two looks for the router: while there is none, and afterwards."""
_CHANGES = (BreakerOpened, BreakerHalfOpen, BreakerClosed, KeyBlocked)

_log = logging.getLogger("LiteLLM Proxy")  # whose lines the proxy shows


class ProxyFailover(CustomLogger):
    """One for each worker process: workers share nothing."""

    def __init__(self) -> None:
        """Raises ``ConfigError`` for a policy that does not fit: the proxy, which imports us, then does not start."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - the host's
        self.strategy: FailoverRoutingStrategy | None = None
        """The one on the proxy's present router, None while there is none."""
        self.problem: str | None = None
        """Why there is none, if it is not for want of a router."""
        self._router: Any = None
        self._routed = False
        self._policy = policy_in(_settings(), _folder()) if _server() else Policy()
        with suppress(RuntimeError):  # imported by hand, outside of a loop
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            self.keep()
            await asyncio.sleep(_LATER if self._router else _SOON)

    def keep(self) -> None:
        """Be on the proxy's present router. Where that cannot be, requests go as without us, and the log says why."""
        server = _server()
        router = getattr(server, "llm_router", None)
        if router is None or (router is self._router and self.strategy is not None):
            return
        self._router, self.strategy = router, None
        try:
            if not self._routed:
                self._routed = True
                status.add_to(server.app, self)
            self.strategy = install(router, self._policy, on_event=self._told)
        except Exception as error:  # noqa: BLE001 - no request is to fail because we cannot be there for it
            problem = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {redact(str(error))}"
            if problem != self.problem:
                self.problem = problem
                _log.error("failover is not in place, requests go as without it: %s", problem)
        else:
            self.problem = None
            _log.info("failover is in place: %d deployments", len(self.strategy.failover.targets))

    @staticmethod
    def _told(event: Event) -> None:
        metrics.count(event)
        if isinstance(event, _CHANGES):
            _log.warning("failover: %s", event)

    # -- LiteLLM's hooks ----------------------------------------------------------------------------------------------

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:  # noqa: ARG002 - the host's
        """Before a request is routed. Raises a 400 for a ``metadata.failover`` that is not understood."""
        self.keep()
        requests.restrict(mapping(data), self._policy)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,  # noqa: ARG002 - the host's
        response: Any,  # noqa: ARG002 - the host's
        request_headers: dict[str, str] | None = None,  # noqa: ARG002 - the host's
        litellm_call_info: dict[str, object] | None = None,  # noqa: ARG002 - the host's
    ) -> dict[str, str] | None:
        """How many calls were made for a request."""
        for name in ("litellm_metadata", "metadata"):
            attempts = mapping(data.get(name)).get(ATTEMPTS)
            if isinstance(attempts, int):  # and not what a caller has written there
                return {"x-failover-attempts": str(attempts)}
        return None


def _server() -> Any:
    """The proxy's module, None in a process that is no proxy."""
    return sys.modules.get(_SERVER)


def _settings() -> Mapping[str, Any]:
    """The ``litellm_settings`` of config.yaml: what stands below ``callbacks`` has not reached ``litellm`` yet."""
    config: Any = getattr(_server(), "proxy_config", None)
    state = mapping(config.get_config_state() if config is not None else None)
    return mapping(state.get("litellm_settings")) or {"failover": getattr(litellm, "failover", None)}


def _folder() -> Path:
    path = getattr(_server(), "user_config_file_path", None)
    return Path(path).parent if isinstance(path, str) else Path()


failover = ProxyFailover()
