"""LiteLLM's question which deployment to call, as a ``Request``; and the answer when none can be asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Any

from litellm.exceptions import ServiceUnavailableError
from pydantic import TypeAdapter, ValidationError

from failover_litellm.host import mapping, remaining
from failover_litellm.request import mark
from failover_plugin import ConfigError, Failover, Request

SAID = ("require_tags", "forbid_tags", "deadline", "affinity", "needs")
"""What a request may say of itself in ``metadata["failover"]``."""
_SETS = ("require_tags", "forbid_tags", "needs")
_REMEDY = f"Give a mapping with some of {', '.join(SAID)}."


def describe(model: str, messages: Any, asked: Mapping[str, Any]) -> Request:
    """The facts of a request, without its payload.

    Raises ``ConfigError`` if what stands in its ``metadata["failover"]`` is not understood.
    """
    metadata = mapping(asked.get("litellm_metadata")), mapping(asked.get("metadata"))
    needs, session, left, said = _needs(messages, asked), _session(asked, metadata), remaining(), _said(metadata)
    if not said:
        plain = session is None and left is None
        return _plain(model, needs) if plain else Request(model=model, needs=needs, affinity=session, deadline=left)
    limits = [limit for limit in (said.pop("deadline", None), left) if limit is not None]
    return _request(
        model=model,
        needs=needs | said.pop("needs", frozenset[str]()),
        affinity=said.pop("affinity", None) or session,
        deadline=min(limits, default=None),
        **said,
    )


@lru_cache
def _plain(model: str, needs: frozenset[str]) -> Request:
    """A request that says no more: one object for all that say the same."""
    return Request(model=model, needs=needs)


def nobody(failover: Failover, request: Request, offered: Collection[str]) -> Exception:
    """Why nobody on offer can be asked, as an error that LiteLLM's callers know."""
    skips = [skip for skip in failover.explain(request).skips if skip.target in offered]
    returns = [skip.returns_in for skip in skips if skip.returns_in is not None]
    why = "; ".join(str(skip).strip() for skip in skips) or "none is on offer"
    error = ServiceUnavailableError(f"No deployment can be asked: {why}.", llm_provider="", model=request.model or "")
    mark(error, retry_after=min(returns, default=None))
    return error


def _needs(messages: Any, asked: Mapping[str, Any]) -> frozenset[str]:
    """The capabilities that the request needs."""
    needs: list[str] = []
    if asked.get("tools") or asked.get("functions"):
        needs.append("tools")
    if _kind(asked.get("response_format")) == "json_schema":
        needs.append("schema")
    for message in messages or ():
        parts: list[Any] | str | None = mapping(message).get("content")
        if isinstance(parts, list) and any(_kind(part) == "image_url" for part in parts):
            needs.append("images")
            break
    return frozenset(needs)


def _said(metadata: tuple[Mapping[str, Any], Mapping[str, Any]]) -> dict[str, Any]:
    """What the request says in ``metadata["failover"]``."""
    one, other = metadata
    said = one["failover"] if "failover" in one else other.get("failover")
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        raise ConfigError(f"metadata.failover is a {type(said).__name__}. {_REMEDY}")
    facts = dict(mapping(said))
    for name in facts:
        if name not in SAID:
            raise ConfigError(f"metadata.failover.{name} is not known. {_REMEDY}")
    listed = {name: _set(name, facts[name]) for name in _SETS if name in facts}
    return {**facts, **listed}


def _set(name: str, value: Any) -> frozenset[str]:
    """A list of names as a set; one name alone would be taken for its letters."""
    if not isinstance(value, list | tuple | set | frozenset):
        raise ConfigError(f"metadata.failover.{name} is a {type(value).__name__}. Give a list of names.")
    return frozenset(map(str, value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _request(**facts: Any) -> Request:
    try:
        return _requests().validate_python(facts)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise ConfigError(f"metadata.failover.{', '.join(wrong)}. {_REMEDY}") from None


@cache
def _requests() -> TypeAdapter[Request]:
    return TypeAdapter(Request)


def _session(asked: Mapping[str, Any], metadata: tuple[Mapping[str, Any], Mapping[str, Any]]) -> str | None:
    """The conversation that the request belongs to, by the ids that LiteLLM itself goes by."""
    one, other = metadata
    given = asked.get("litellm_session_id") or one.get("session_id") or other.get("session_id")
    return str(given) if given else None


def _kind(value: Any) -> Any:
    return mapping(value).get("type")
