"""The one module that knows LiteLLM's versions: which object runs a router's requests, and how to get in front of it.

Up to 1.106 the router does everything itself; since 1.109 it is a façade over a core object, some of whose members
carry a prefix. What we need of either is looked for once, when we are installed. Nothing else here asks for a version.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, cast

from failover_plugin import ConfigError

SEAMS = (
    "async_function_with_fallbacks",
    "make_call",
    "should_retry_this_error",
    "_time_to_sleep_before_retry",
    "_get_routing_context",
    "_select_deployment_async",
    "_select_deployment_sync",
    "_acompletion_streaming_iterator",
    "_completion_streaming_iterator",
)
"""The methods of the host that we stand in front of. All exist in 1.106 and in 1.109; few of them are public."""

_PREFIX = "_core_"
_ABSENT = object()


class Host:
    """One router's inside. Replaces methods and settings of this one instance, and puts them back."""

    def __init__(self, router: Any) -> None:
        """Raises ``ConfigError`` if this is not a router whose inside we know."""
        self.core = inside(router)
        self._kind: type = self.core.__class__
        self._own: dict[str, Any] = getattr(self.core, "__dict__", {})
        self._prefix = _PREFIX if hasattr(self.core, f"{_PREFIX}model_list") else ""
        self._before: dict[str, Any] = {}
        needed = (*SEAMS, f"{self._prefix}model_list", f"{self._prefix}disable_cooldowns")
        if missing := [name for name in needed if not hasattr(self.core, name)]:
            raise ConfigError(
                f"router = {type(router).__name__}: litellm {version('litellm')} has no {missing[0]} there. "
                "Give a litellm.Router of a version from 1.106 to 1.109."
            )

    @property
    def deployments(self) -> list[Mapping[str, Any]]:
        """All deployments, as the router holds them."""
        return list(getattr(self.core, f"{self._prefix}model_list"))

    @property
    def pick(self) -> Callable[..., Any]:
        """The class's own way to pick a deployment, whatever custom strategy has been put in front of it."""
        return self._of_class("get_available_deployment")

    @property
    def apick(self) -> Callable[..., Any]:
        """The same, asynchronous."""
        return self._of_class(f"{self._prefix}async_get_available_deployment")

    def put(self, name: str, value: object) -> Any:
        """Set an attribute of this one router; returns what was there."""
        replaced = getattr(self.core, name, None)
        self._before.setdefault(name, self._own.get(name, _ABSENT))
        setattr(self.core, name, value)
        return replaced

    def own_the_failures(self) -> None:
        """Silence what the host would decide about failures by itself: its cooldowns and its retry policies."""
        for name, value in {f"{self._prefix}disable_cooldowns": True, **_NO_RETRY_POLICIES}.items():
            self.put(name, value)

    def drop_custom_strategy(self) -> None:
        """Take away a strategy that was set before: it would be asked instead of ours."""
        for name in ("get_available_deployment", f"{self._prefix}async_get_available_deployment"):
            if name in self._own:
                self._before.setdefault(name, self._own[name])
                delattr(self.core, name)

    def restore(self) -> None:
        """Put everything back."""
        while self._before:
            name, value = self._before.popitem()
            if value is not _ABSENT:
                setattr(self.core, name, value)
            elif name in self._own:
                delattr(self.core, name)

    def _of_class(self, name: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self._kind, name).__get__(self.core))


_NO_RETRY_POLICIES: Mapping[str, Any] = {"retry_policy": None, "model_group_retry_policy": {}}


def inside(router: Any) -> Any:
    """The object that runs this router's requests: the router itself, or the core behind the façade."""
    return mapping(getattr(router, "__dict__", None)).get("_core", router)


def calling_router() -> Any:
    """The router that is asking for a deployment right now, None if there is none.

    LiteLLM gives a custom strategy everything but its router, so one that was set by ``set_custom_routing_strategy``
    has to look who asks. Done once per strategy.
    """
    frame = inspect.currentframe()
    while frame is not None:
        asking: Any = frame.f_locals.get("self")
        kind: type = asking.__class__
        if all(hasattr(kind, name) for name in SEAMS):
            return asking
        frame = frame.f_back
    return None


def mapping(value: Any) -> Mapping[str, Any]:
    """This untyped value of the host's as a mapping; an empty one if it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
