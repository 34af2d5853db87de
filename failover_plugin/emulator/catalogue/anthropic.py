"""Anthropic's errors: ``{"type": "error", "error": {type, message}, "request_id"}``."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_ERRORS = "https://platform.claude.com/docs/en/api/errors"
_LIMITS = "https://platform.claude.com/docs/en/api/rate-limits"
_PREFILL = "https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response"
_CREDIT = "https://github.com/anthropics/claude-quickstarts/issues/229"
_CONTEXT = "https://github.com/coder/aibridge/issues/56"
_FILTER = "https://github.com/anthropics/claude-code/issues/37547"

_CALLER = "invalid_request_error"


def _error(
    status: int, kind: str, message: str, follows: str = _ERRORS, *, retry: bool = False, **details: str
) -> Documented:
    error = {"type": kind, "message": message} | ({"details": details} if details else {})
    body = {"type": "error", "error": error, "request_id": "req_emulated"}
    return Documented(status=status, body=body, follows=follows, headers={"x-should-retry": str(retry).lower()})


ERRORS = {
    "rate_limit": _error(
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
        _LIMITS,
        retry=True,
    ),
    "insufficient_quota": _error(
        429,
        "rate_limit_error",
        "Your organization has reached its monthly spend limit.",
        error_code="enforced_spend_limit_reached",
    ),
    "credit_balance": _error(
        400,
        _CALLER,
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
        _CREDIT,
    ),
    "invalid_api_key": _error(401, "authentication_error", "invalid x-api-key"),
    "permission_denied": _error(
        403, "permission_error", "Your API key does not have permission to use the specified resource."
    ),
    "model_not_found": _error(404, "not_found_error", "The requested model was not found."),
    "context_length": _error(400, _CALLER, "prompt is too long: 210000 tokens > 200000 maximum", _CONTEXT),
    "invalid_request": _error(400, _CALLER, "temperature: must be at most 1"),
    "prefill_unsupported": _error(400, _CALLER, "Prefilling assistant messages is not supported.", _PREFILL),
    "content_policy": _error(400, _CALLER, "Output blocked by content filtering policy", _FILTER),
    "server_error": _error(500, "api_error", "An unexpected error has occurred.", retry=True),
    "overloaded": _error(529, "overloaded_error", "Overloaded", retry=True),
}
