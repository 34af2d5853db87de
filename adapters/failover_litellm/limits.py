"""How long a call may take: the shortest of what the router, the deployment, the caller and the policy say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover_plugin import Permit

_PLAIN = ("timeout", "request_timeout")
_STREAMED = ("stream_timeout", *_PLAIN)


class _Zero(int):
    """0, but true: LiteLLM's embeddings take a false ``max_retries`` for a missing one, and retry twice."""

    def __bool__(self) -> bool:
        return True


_NO_RETRIES = _Zero(0)


def hand_over(permit: Permit, kwargs: dict[str, Any], *configured: Mapping[str, Any], watched: bool) -> float:
    """Write the limits for the client into the call; returns the seconds until its answer, or first content, is late.

    ``configured`` is what the deployment and the router were set up with. A client knows one limit for every silence of
    a stream. Where we watch the time ourselves (``watched``) it is the longer of ours, elsewhere the shorter. Its own
    retries are switched off: nobody would see them.
    """
    streaming = bool(kwargs.get("stream"))
    if streaming:
        first, idle = permit.first_content_timeout, permit.idle_timeout
        client = max(first, idle) if watched else min(first, idle)
    else:
        first = client = permit.timeout
    for level in (kwargs, *configured):
        if (given := _limit(level, streaming=streaming)) is not None and (given < first or given < client):
            first, client = min(first, given), min(client, given)
    kwargs["timeout"] = client
    for name in ("request_timeout", "stream_timeout"):
        if kwargs.get(name) is not None:
            kwargs[name] = client
    kwargs["max_retries"] = _NO_RETRIES
    return first


def own_limit(asked: Mapping[str, Any]) -> float | None:
    """The limit in seconds that a caller gave for this very call, None for none."""
    return _limit(asked, streaming=bool(asked.get("stream")))


def _limit(level: Mapping[str, Any], *, streaming: bool) -> float | None:
    """One level's limit in seconds; of a stream, that for streams if there is one, as LiteLLM has it."""
    for name in _STREAMED if streaming else _PLAIN:
        if (given := level.get(name)) is None:
            continue
        limit: Any = getattr(given, "read", given)  # an object of httpx's has one for every phase
        if isinstance(limit, int | float) and limit > 0:
            return float(limit)
    return None
