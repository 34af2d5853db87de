"""Errors a provider answers with, in its own words or those of whatever wire format the request came in."""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.call import Call
from failover_plugin.emulator.faults.fault import Fault
from failover_plugin.emulator.plan import Plan


def status(code: int, body: object = None, *, headers: Mapping[str, str] | None = None) -> Fault:
    """Any status with any body (JSON, text or bytes) and extra headers; without a body, a plain one in the format."""

    def plan(call: Call) -> Plan:
        default = call.format.error_body(f"emulated status {code}", code)
        return call.refused(code, default if body is None else body, headers)

    return Fault(f"status {code}", plan)


def rate_limit(retry_after: float | None = None) -> Fault:
    """429: a limit that refills; ``retry_after``, in seconds, is sent as a header if given."""
    return _documented("rate_limit", _retry_after(retry_after))


def insufficient_quota() -> Fault:
    """429 that does not refill by itself: the month's quota or spend limit is used up."""
    return _documented("insufficient_quota")


def credit_balance() -> Fault:
    """No prepaid credit left: OpenAI's 429 ``credit_balance_exhausted``, Anthropic's 400."""
    return _documented("credit_balance")


def invalid_api_key() -> Fault:
    """401: the key is wrong."""
    return _documented("invalid_api_key")


def permission_denied() -> Fault:
    """403: the key is right and may not do this."""
    return _documented("permission_denied")


def model_not_found() -> Fault:
    """404: no such model or deployment."""
    return _documented("model_not_found")


def context_length() -> Fault:
    """400: the prompt is longer than the model's window."""
    return _documented("context_length")


def invalid_request() -> Fault:
    """400: the caller's own mistake."""
    return _documented("invalid_request")


def prefill_unsupported() -> Fault:
    """400: the model does not go on from a text that the caller begins."""
    return _documented("prefill_unsupported")


def content_policy() -> Fault:
    """400: blocked by a safety system."""
    return _documented("content_policy")


def server_error() -> Fault:
    """500: the provider's own mistake."""
    return _documented("server_error")


def overloaded(retry_after: float | None = None) -> Fault:
    """Out of capacity: 503 in OpenAI's format, 529 in Anthropic's."""
    return _documented("overloaded", _retry_after(retry_after))


def _documented(name: str, headers: Mapping[str, str] | None = None) -> Fault:
    def plan(call: Call) -> Plan:
        entry = call.documented(name)
        return call.refused(entry.status, entry.body, {**entry.headers, **(headers or {})})

    return Fault(name, plan)


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": f"{seconds:g}"}
