"""Copies of models whose clients do not retry behind our back; the caller's own objects stay as they are.

A client that tries three times before it says "rate limited" makes failover three times as slow and asks a struggling
provider three times as often. Where a package lets us, attempts are made by a copy that shares the connection pool of
the original and has its retries switched off. Where it does not, one warning says what to do.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from langchain_core.language_models import BaseChatModel

_OPENAI = ("langchain_openai", "BaseChatOpenAI")
_ANTHROPIC = ("langchain_anthropic", "ChatAnthropic")
_SET_ONCE = frozenset({"langchain_aws", "langchain_mistralai", "langchain_openrouter"})
"""Packages whose models have a timeout and take none with a call."""

_TIMEOUTS = ("timeout", "request_timeout", "default_request_timeout")


def descends(model: object, root: str, name: str) -> bool:
    """Whether the model's class is, or is derived from, ``name`` of the package ``root``: told without importing it."""
    return any(kind.__name__ == name and kind.__module__.split(".")[0] == root for kind in type(model).__mro__)


def is_openai(model: object) -> bool:
    """Whether the model is one of langchain-openai's, or derived from one (Azure, xAI, DeepSeek …)."""
    return descends(model, *_OPENAI)


def is_anthropic(model: object) -> bool:
    """Whether the model is langchain-anthropic's."""
    return descends(model, *_ANTHROPIC)


@cache
def takes_timeout(kind: type[BaseChatModel]) -> bool:
    """Whether models of this class take a timeout per call, and do not just send it to their provider."""
    return timeout_field(kind) is not None and not any(
        base.__module__.split(".")[0] in _SET_ONCE for base in kind.__mro__
    )


@cache
def timeout_field(kind: type[BaseChatModel]) -> str | None:
    """The field in which models of this class keep their client's timeout, None if they take none."""
    for name, field in kind.model_fields.items():
        if name in _TIMEOUTS or field.alias in _TIMEOUTS:
            return name
    return None


def without_retries(model: BaseChatModel) -> BaseChatModel:
    """The model itself if its client makes one try per call, else a copy that does; else the model, and a warning."""
    retries = getattr(model, "max_retries", 0)
    if is_openai(model) or is_anthropic(model):
        return model if retries == 0 else with_options(model, max_retries=0)
    if retries:
        _warn(model)
    return model


def with_options(model: BaseChatModel, **options: Any) -> BaseChatModel:
    """A copy whose clients have these options (``max_retries``, ``timeout``); the model itself if that is unknown."""
    if is_openai(model):
        return model.model_copy(update={**_fields(model, options), **_openai_clients(model, options)})
    if is_anthropic(model):
        copy = model.model_copy(update=_fields(model, options))
        vars(copy).pop("_client_params", None)
        vars(copy).update(_anthropic_clients(model, options))
        return copy
    return model


def _fields(model: BaseChatModel, options: dict[str, Any]) -> dict[str, Any]:
    """The options under the names of the model's own fields."""
    timeout = timeout_field(type(model)) or "timeout"
    return {timeout if option == "timeout" else option: value for option, value in options.items()}


def _openai_clients(model: BaseChatModel, options: dict[str, Any]) -> dict[str, Any]:
    """The model's clients with other options: they share the connection pool of the originals."""
    clients: dict[str, Any] = {}
    for root, client in (("root_client", "client"), ("root_async_client", "async_client")):
        original: Any = getattr(model, root, None)
        if hasattr(original, "with_options"):
            clients[root] = original.with_options(**options)
            clients[client] = clients[root].chat.completions
    return clients


def _anthropic_clients(model: BaseChatModel, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the model's clients that exist already: it makes them when it first needs them."""
    made: dict[str, Any] = {name: vars(model).get(name) for name in ("_client", "_async_client")}
    return {name: client.with_options(**options) for name, client in made.items() if hasattr(client, "with_options")}


def _warn(model: BaseChatModel) -> None:
    name = type(model).__name__
    remedy = (
        "use ChatOpenAI with OpenRouter's base_url and max_retries=0: this client takes 0 for its own default"
        if name == "ChatOpenRouter"
        else f"build it with {name}(..., max_retries=0)"
    )
    warnings.warn(
        f"{name} retries by itself before failover hears of an error, and cannot be stopped from here; {remedy}.",
        UserWarning,
        stacklevel=2,
    )
