"""The one module that knows LiteLLM's inside: what a router needs for us to stand in front of it, and how to do that.

LiteLLM 1.109 and later has two places that were the same in every version tried. Its *host* object makes each call to
a provider and each pause. Its *selector* chooses among the deployments that all filters have left over. We put a host
and a selector's pick of our own there, by settings that LiteLLM changes at run time, and take them out again. All of it
is looked for on the object; what is missing is named, and then nothing has been changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from typing import Any, Protocol, cast

import litellm

from failover_plugin import ConfigError

STRATEGY = "latency-based-routing"
"""LiteLLM's strategy whose selector is handed the candidates *and* the request: the one that we stand in for."""
PICKS = ("get_available_deployments", "async_get_available_deployments")
_CUSTOM = ("get_available_deployment", "_core_async_get_available_deployment")
_OF_THE_ROUTER = ("apply", "settings", "registry", "register_plugin", "retry_policy", "model_group_retry_policy")
_OVERRIDE = "_get_request_routing_strategy_override"
"""1.109 chooses by a strategy given with a request where this method names it; 1.110 does so out of our reach."""
_FIRST_PAUSE, _LONGEST_PAUSE, _SPREAD = 0.5, 8.0, 0.75
"""Seconds: LiteLLM's pause after the first failure at a group of one; it doubles with every failure up to the longest,
and chance adds to each. In a group of more it does not pause, nor where it is to make no retry.
"""
_MOST_RETRIES = 10
_ENDPOINTS = ("initialize_router_endpoints", "initialize_assistants_endpoint")


class Hooks(Protocol):
    """What we do where LiteLLM asks and calls."""

    @property
    def pick(self) -> Callable[..., Any]:
        """What answers LiteLLM's question which deployment to call."""
        ...

    @property
    def apick(self) -> Callable[..., Awaitable[Any]]:
        """The same for asynchronous code."""
        ...

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function that makes ``call`` under our eyes."""
        ...


@dataclass(frozen=True, slots=True)
class Before:
    """A router as it was, to be put back."""

    host: Any
    strategy: Any
    strategy_args: Mapping[str, Any]
    groups: Any
    disable_cooldowns: Any
    retry_policy: Any
    group_retry_policy: Any
    plugin: Any
    own_picks: Mapping[str, Any]


class RouterInside:
    """One router's inside."""

    def __init__(self, router: Any) -> None:
        """Raises ``ConfigError``, naming what is missing, for anything but a router whose inside we know."""
        self.router = router
        self.core: Any = core_of(router)
        self._changes = _needed_module(router, "litellm.router_api", "ChangeSet")
        self._retry_policy = _needed_module(router, "litellm.types.router", "RetryPolicy")
        _needs(router, router, _OF_THE_ROUTER)
        _needs(router, self.core, ("_host",))
        _needs(router, self.core._host, ("invoke", "sleep"))
        self._settings: Any = None
        self._timeout: Mapping[str, Any] = {}
        self._registry = router.registry()
        self._before: Before | None = None
        self._placed: tuple[Any, ...] = ()
        self.counts_late = not hasattr(self.core, _OVERRIDE)
        """Whether LiteLLM counts a retry only after it has asked whom to try: since 1.110 it does."""

    # -- what the router has -------------------------------------------------------------------------------------------

    @property
    def deployments(self) -> list[Mapping[str, Any]]:
        """All deployments, as the router holds them."""
        return list(self._registry.all())

    @property
    def version(self) -> int:
        """Another number whenever the deployments have changed."""
        return int(self._registry.version)

    def limits(self, *, streaming: bool) -> Mapping[str, Any]:
        """The time limits that the router was built with, by LiteLLM's names.

        Its ``timeout`` is read anew when its settings have become another object: reading one costs LiteLLM as much as
        a choice costs us.
        """
        settings = getattr(self.core, "_resolved", None)
        if settings is None or settings is not self._settings:
            self._timeout, self._settings = {"timeout": getattr(self.router, "timeout", None)}, settings
        if not streaming:
            return self._timeout
        return {**self._timeout, "stream_timeout": getattr(self.router, "stream_timeout", None)}

    def pauses(self, asked: Mapping[str, Any]) -> float:
        """Seconds that LiteLLM by itself would pause at most for this request at a group of one, before it went on to
        the next.
        """
        given = asked.get("num_retries")
        retries: int = given if isinstance(given, int) else getattr(self.router, "num_retries", None) or 0
        failures = min(retries, _MOST_RETRIES) + 1 if retries > 0 else 0
        return sum(min(_FIRST_PAUSE * 2.0**n, _LONGEST_PAUSE) + _SPREAD for n in range(failures))

    def params(self, given: str) -> Mapping[str, Any]:
        """What the deployment with this id was set up with."""
        return mapping(mapping(self._registry.deployment_dict(given)).get("litellm_params"))

    def fallback_groups(self, kind: str) -> frozenset[str]:
        """The groups that the router's fallbacks of this kind, such as ``"content_policy"``, lead to."""
        return named_groups(getattr(self.router.settings(), f"{kind}_fallbacks", None))

    def is_routing_group(self, name: str) -> bool:
        """Whether requests may ask for a routing group of this name, as if it were a model."""
        groups = _listed(self.router.settings().as_dict().get("routing_groups"))
        return any(mapping(group).get("group_name") == name for group in groups)

    def groups_after(self, group: str, asked: Any) -> tuple[str, ...]:
        """The groups that the plain fallbacks of this one lead to."""
        lists = (asked, getattr(self.router.settings(), "fallbacks", None))
        entries = (mapping(entry) for entry in chain(*map(_listed, lists)))
        led_to = (names for entry in entries for own, names in entry.items() if own in (group, "*"))
        return tuple(name for names in led_to for name in _listed(names) if isinstance(name, str))

    # -- going in and out ----------------------------------------------------------------------------------------------

    def put_in(self, hooks: Hooks, attempts: int, *, registered: bool = False) -> None:
        """Stand in front of the router's calls, pauses and choices, and let its loop ask ``attempts`` times at most.

        ``registered``: the strategy that is registered on the router is our own, and not to be put back some day.
        Raises ``ConfigError`` if the router has no selector to stand in for; then it is as it was before.
        """
        core, router, settings = self.core, self.router, self.router.settings()
        told = settings.as_dict()
        self._before = Before(
            host=core._host,
            strategy=settings.routing_strategy,
            strategy_args=told.get("routing_strategy_args") or {},
            groups=told.get("routing_groups"),
            disable_cooldowns=settings.disable_cooldowns,
            retry_policy=router.retry_policy,
            group_retry_policy=router.model_group_retry_policy,
            plugin=None if registered else getattr(core, "_custom_strategy", None),
            own_picks={} if registered else {name: vars(core)[name] for name in _CUSTOM if name in vars(core)},
        )
        try:
            self._set(hooks, attempts)
        except BaseException:
            self.put_back()
            raise

    def _set(self, hooks: Hooks, attempts: int) -> None:
        keep_asking = self._retry_policy(**dict.fromkeys(self._retry_policy.model_fields, attempts))
        self._apply(assign={"disable_cooldowns": True})
        self._apply(settings={"retry_policy": keep_asking, "model_group_retry_policy": {}})
        self._choose(hooks)
        self.core._host = _Host(self.core._host, hooks)
        if hasattr(self.core, _OVERRIDE):
            _own(self.core)[_OVERRIDE] = _no_strategy
        self._rebind_endpoints()

    def mark(self, name: str, value: object) -> None:
        """Leave this value on the router for whoever looks for it by this name; None takes it away."""
        _own(self.core)[name] = value
        if value is None:
            del _own(self.core)[name]

    def keep(self, hooks: Hooks) -> None:
        """Put our choice back where a change of settings has made LiteLLM build a selector of its own."""
        if self._placed != self._selectors():
            self._choose(hooks)

    def put_back(self) -> None:
        """Everything as it was before."""
        if (before := self._before) is None:
            return
        self._before, self._placed = None, ()
        self.core._host = before.host
        _own(self.core).pop(_OVERRIDE, None)
        self._rebind_endpoints()
        self._apply(assign={"disable_cooldowns": before.disable_cooldowns})
        retries = {"retry_policy": before.retry_policy, "model_group_retry_policy": before.group_retry_policy}
        self._apply(settings={name: value for name, value in retries.items() if value is not None})
        if before.retry_policy is None:
            self.router.retry_policy = None
        for selector in self._selectors():
            for name in PICKS:
                _own(selector).pop(name, None)
        self._strategy("simple-shuffle", {})  # so that one that was ours too is built anew
        self._strategy(before.strategy, before.strategy_args)
        if before.groups:
            self._apply(settings={"routing_groups": before.groups})
        if before.plugin is not None:
            self.router.register_plugin(before.plugin)
        _own(self.core).update(before.own_picks)

    def _choose(self, hooks: Hooks) -> None:
        """Have every selector of the router be one that we stand in for, and stand in for it.

        The selectors' own log of latencies is of no use any more, and so taken out of LiteLLM's callbacks.
        """
        settings = self.router.settings()
        groups = _listed(settings.as_dict().get("routing_groups"))
        if settings.routing_strategy == STRATEGY and self._has_plugin:
            self._strategy("simple-shuffle", {})  # only a change of strategy takes out a strategy of the user's own
        if settings.routing_strategy != STRATEGY or self._has_plugin:
            self._strategy(STRATEGY, {})
        if any(_strategy_of(group) not in (STRATEGY, "priority") for group in groups):
            self._apply(settings={"routing_groups": [_with_our_strategy(group) for group in groups]})
        selectors = self._selectors()
        if not selectors or selectors[0] is None:
            raise _missing(self.router, "lowestlatency_logger")
        for selector in selectors:
            _needs(self.router, selector, PICKS)
        for selector in selectors:
            selector.get_available_deployments = hooks.pick
            selector.async_get_available_deployments = hooks.apick
        litellm.logging_callback_manager.drop_callbacks(list(selectors))  # pyright: ignore[reportUnknownMemberType]
        self._placed = selectors

    @property
    def _has_plugin(self) -> bool:
        return getattr(self.core, "_custom_strategy", None) is not None or _CUSTOM[0] in vars(self.core)

    def _selectors(self) -> tuple[Any, ...]:
        """The selectors that LiteLLM asks: the router's own first, then those of its routing groups."""
        return getattr(self.router, "lowestlatency_logger", None), *_group_selectors(self.core)

    def _strategy(self, name: Any, args: Mapping[str, Any]) -> None:
        self._apply(settings={"routing_strategy": name, "routing_strategy_args": dict(args)})

    def _apply(self, **changes: Any) -> None:
        self.router.apply(self._changes(**changes))

    def _rebind_endpoints(self) -> None:
        """LiteLLM 1.109 took the host's functions for its rarer endpoints when the router was built."""
        for name in _ENDPOINTS:
            if hasattr(self.core, "factory_function") and (bind := getattr(self.core, name, None)) is not None:
                bind()


class _Host:
    """LiteLLM's host with us in front of its calls, and without pauses; all else is the other's."""

    def __init__(self, other: Any, hooks: Hooks) -> None:
        self._other = other
        self._around = lru_cache(hooks.around)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other, name)

    def invoke(self, op: str) -> Any:
        """LiteLLM's function of this name, called under our eyes."""
        return self._around(self._other.invoke(op))

    def sleep(self, _seconds: float) -> Any:
        """No pause before the next try: how long to wait, the core says, and the call waits."""
        return self._other.sleep(0)

    def sleep_sync(self, _seconds: float) -> None:
        """No pause before the next try."""


def _own(holder: Any) -> dict[str, Any]:
    """The attributes that an object has of its own, to be set past whatever its class does at that."""
    return cast("dict[str, Any]", vars(holder))


def _no_strategy(_request_kwargs: Any) -> None:
    """The strategy that a request names, as we have it."""


def core_of(router: Any) -> Any:
    """The object that runs a router's requests. Raises ``ConfigError`` for anything but a router of 1.109 or later."""
    core = mapping(getattr(router, "__dict__", None)).get("_core")
    if core is None:
        raise _missing(router, "_core")
    return core


def remaining() -> float | None:
    """Seconds that the request's ``total_timeout``, which LiteLLM's proxy sets, leaves; None without one."""
    try:
        deadline: Any = _total_deadlines().current_total_deadline()
        return None if deadline is None or deadline._released else float(deadline._at - deadline._clock())
    except AttributeError:
        return None


@cache
def _total_deadlines() -> Any:
    """LiteLLM's module of that; None in a release without it."""
    try:
        return import_module("litellm.litellm_core_utils.total_deadline")
    except ImportError:
        return None


def named_groups(fallbacks: Any) -> frozenset[str]:
    """The groups that a list of fallbacks, as LiteLLM writes them, leads to."""
    lists = [names for entry in _listed(fallbacks) for names in mapping(entry).values()]
    return frozenset(name for names in lists for name in _listed(names) if isinstance(name, str))


def mapping(value: Any) -> Mapping[str, Any]:
    """This untyped value of the host's as a mapping; an empty one if it is none. Dicts and None are told quickly."""
    if type(value) is dict:
        return value  # pyright: ignore[reportUnknownVariableType] - the host's
    return {} if value is None or not isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownVariableType]


def _group_selectors(core: Any) -> tuple[Any, ...]:
    """The selectors of the router's routing groups: 1.110 keeps one for each group, 1.109 a mapping for each."""
    held = mapping(
        getattr(getattr(core, "_selectors", None), "_groups", None) or getattr(core, "_group_selectors", None)
    )
    found = [s for one in held.values() for s in (mapping(one).values() if isinstance(one, Mapping) else (one,))]
    return tuple(selector for selector in found if all(hasattr(selector, name) for name in PICKS))


def _strategy_of(group: Any) -> str:
    strategy = mapping(group).get("routing_strategy")
    return str(getattr(strategy, "value", strategy))


def _with_our_strategy(group: Any) -> dict[str, Any]:
    """A routing group that is asked as the router is. One by priority is a list of levels, which LiteLLM goes down."""
    kept = dict(mapping(group))
    return (
        kept
        if _strategy_of(group) == "priority"
        else {**kept, "routing_strategy": STRATEGY, "routing_strategy_args": {}}
    )


def _listed(value: Any) -> list[Any]:
    return list(cast("Iterable[Any]", value)) if isinstance(value, list | tuple) else []


def _needs(router: Any, holder: Any, names: Iterable[str]) -> None:
    for name in names:
        if not hasattr(holder, name):
            raise _missing(router, name)


def _needed_module(router: Any, module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise _missing(router, f"{module}.{name}") from None


def _missing(router: Any, name: str) -> ConfigError:
    return ConfigError(
        f"router = {type(router).__name__}: litellm {version('litellm')} has no {name} there, and nothing was changed. "
        "Give a litellm.Router of litellm 1.109 or later; of a release that is newer than this package, say so to us."
    )
