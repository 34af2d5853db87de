"""In sync code a deadline is handed to the client: its own timeout costs nothing and really ends the call.

Only a model whose class declares a timeout takes one per call, and not each of these; any other would stumble over it
or send it to the provider as an unknown parameter. It is a read timeout: it ends a silence, not a slow drip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from failover_langchain.clients import takes_timeout, timeout_field, with_options
from failover_langchain.wrapping import rebound, unwrapped

Timed = tuple[Runnable[Any, Any], dict[str, Any]]


def timed(runnable: Runnable[Any, Any], kwargs: dict[str, Any], limit: float) -> Timed:
    """Runnable and arguments that give up after ``limit`` seconds, unless model or caller are content with less.

    A chat model takes the limit as an argument. Inside a sequence no argument would reach it, so there a copy of it
    with the limit for its own takes its place, if its package is known.
    """
    limit = max(round(limit, 1), 0.1)  # What is left of a deadline must not make every call a different one to a cache.
    model, bound = unwrapped(runnable)
    if not isinstance(model, BaseChatModel):
        return rebound(
            runnable, lambda inner: inner if _is_content(inner, {}, limit) else with_options(inner, timeout=limit)
        ), kwargs
    if not takes_timeout(type(model)) or _is_content(model, {**bound, **kwargs}, limit):
        return runnable, kwargs
    return runnable, {**kwargs, "timeout": limit}


def _is_content(model: BaseChatModel, kwargs: Mapping[str, Any], limit: float) -> bool:
    """Whether the model, or the caller, grants no more than ``limit`` seconds anyway."""
    field = timeout_field(type(model))
    own = _seconds(kwargs.get("timeout") or (getattr(model, field, None) if field else None))
    return own is not None and own <= limit


def _seconds(timeout: Any) -> float | None:
    """The read timeout of a number, a (connect, read) pair or an httpx ``Timeout``."""
    match timeout:
        case (_, read):
            return _seconds(read)
        case int() | float():
            return float(timeout) if timeout > 0 else None
        case None:
            return None
        case _:
            return _seconds(getattr(timeout, "read", None))
