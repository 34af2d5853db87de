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
    return documented("rate_limit", _retry_after(retry_after))


def insufficient_quota() -> Fault:
    """429 that does not refill by itself: the month's quota or spend limit is used up."""
    return documented("insufficient_quota")


def credit_balance() -> Fault:
    """No prepaid credit left: OpenAI's 429 ``credit_balance_exhausted``, Anthropic's 400."""
    return documented("credit_balance")


def invalid_api_key() -> Fault:
    """401: the key is wrong."""
    return documented("invalid_api_key")


def permission_denied() -> Fault:
    """403: the key is right and may not do this."""
    return documented("permission_denied")


def model_not_found() -> Fault:
    """404: no such model or deployment."""
    return documented("model_not_found")


def context_length() -> Fault:
    """400: the prompt is longer than the model's window."""
    return documented("context_length")


def invalid_request() -> Fault:
    """400: the caller's own mistake."""
    return documented("invalid_request")


def prefill_unsupported() -> Fault:
    """400: the model does not go on from a text that the caller begins."""
    return documented("prefill_unsupported")


def unsupported() -> Fault:
    """400: the model cannot do what was asked of it: tools, images, a parameter."""
    return documented("unsupported")


def payload_too_large() -> Fault:
    """413: the request is too large for the edge, or for the account."""
    return documented("payload_too_large")


def content_policy() -> Fault:
    """400: blocked by a safety system."""
    return documented("content_policy")


def server_error() -> Fault:
    """500: the provider's own mistake."""
    return documented("server_error")


def overloaded(retry_after: float | None = None) -> Fault:
    """Out of capacity: 503 in OpenAI's format, 529 in Anthropic's."""
    return documented("overloaded", _retry_after(retry_after))


def documented(name: str, headers: Mapping[str, str] | None = None) -> Fault:
    """The error of this name in the catalogue of the site's provider, and extra ``headers``.

    A provider's own names, such as Groq's ``flex_capacity``, are keys of ``catalogue.ERRORS_OF``; ``KeyError`` in
    answering for one that neither the provider nor the maker of the request's wire format has.
    """

    def plan(call: Call) -> Plan:
        entry = call.documented(name)
        return call.refused(entry.status, entry.body, {**entry.headers, **(headers or {})})

    return Fault(name, plan)


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": f"{seconds:g}"}
