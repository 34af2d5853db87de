"""A simulated server fails in the words that real ones use, so that policies judge it by the rules they have.

The core gets an exception and classifies it as any other; the other designs get the class that ``classify`` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from random import Random

from failover_plugin.classify import classify
from failover_plugin.errors import StreamInterrupted
from failover_plugin.model import ErrorClass
from failover_plugin.simulation.faults import ActiveFault

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Wall time at the start of every run, for headers that name a date."""


class ProviderError(Exception):
    """An error response, with the attributes that every SDK's error has."""

    def __init__(self, status: int | None, body: Mapping[str, object], headers: Mapping[str, str]) -> None:
        super().__init__(f"Error code: {status} - {body}" if status else str(body))
        self.status_code = status
        self.body = body
        self.headers = headers


def failure(kind: str, headers: Mapping[str, str] | None = None) -> Exception:
    """The exception that a client sees for this kind of failure."""
    return _MAKERS[kind](headers or {})


@cache
def error_class(kind: str) -> ErrorClass:
    """What ``classify`` makes of this kind of failure."""
    return ErrorClass.STREAM_INTERRUPTED if kind in ("mid", "stall") else classify(failure(kind)).error_class


def retry_after_headers(fault: ActiveFault, now: float, rng: Random) -> dict[str, str]:
    """What a 429 says about coming back."""
    if fault.retry_after is None:
        return {}
    if isinstance(fault.retry_after, str):
        return {"retry-after": fault.retry_after}
    seconds = rng.uniform(*fault.retry_after)
    if fault.date_skew is None:
        return {"retry-after": f"{seconds:.3f}"}
    sent = _EPOCH + timedelta(seconds=now + fault.date_skew)
    due = sent + timedelta(seconds=seconds)
    return {"date": format_datetime(sent, usegmt=True), "retry-after": format_datetime(due, usegmt=True)}


def _response(status: int | None, code: str, message: str) -> Callable[[Mapping[str, str]], Exception]:
    body = {"error": {"message": message, "type": code, "code": code}}
    return lambda headers: ProviderError(status, body, headers)


_MAKERS: dict[str, Callable[[Mapping[str, str]], Exception]] = {
    "error": _response(500, "server_error", "The server had an error while processing your request."),
    "429": _response(429, "rate_limit_exceeded", "Rate limit reached."),
    "quota": _response(429, "insufficient_quota", "You exceeded your current quota."),
    "auth": _response(401, "invalid_api_key", "Incorrect API key provided."),
    "529": _response(529, "overloaded_error", "Overloaded"),
    "ctx": _response(400, "context_length_exceeded", "Your input exceeds the context window of this model."),
    "unsupported": _response(400, "unsupported_value", "This model does not support tools."),
    "error_body": _response(None, "server_error", "The server had an error while processing your request."),
    "refuse": lambda _: ConnectionRefusedError(111, "Connection refused"),
    "mid": lambda _: ConnectionResetError(104, "Connection reset by peer"),
    "empty": lambda _: StreamInterrupted("The stream ended without a finish mark."),
    "truncated": lambda _: StreamInterrupted("The stream ended without a finish mark."),
    "bug": lambda _: TypeError("create() got an unexpected keyword argument 'foo'"),
    "timeout": lambda _: TimeoutError("The target sent no content in time."),
    "stall": lambda _: TimeoutError("The target fell silent."),
}
