"""Anthropic's errors: ``{"type": "error", "error": {type, message}, "request_id"}``.

A request too large for the edge is told so without ``type`` and ``request_id``. A 429 that no wait cures says so by
``x-should-retry: false`` and has no ``retry-after``.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import NOON, Documented

_ERRORS = "https://platform.claude.com/docs/en/api/errors"
_LIMITS = "https://platform.claude.com/docs/en/api/rate-limits"
_STREAM = "https://platform.claude.com/docs/en/build-with-claude/streaming"
_PREFILL = "https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response"
_EFFORT = "https://github.com/anthropics/claude-code/issues/30010"
_CREDIT = "https://github.com/anthropics/claude-quickstarts/issues/229"
_USAGE = "https://github.com/anthropics/claude-code/issues/38035"
_SIGNATURE = "https://github.com/anthropics/claude-code/issues/10627"
_THINKING = "https://github.com/lbjlaq/Antigravity-Manager/issues/139"
_EXTRA = "https://github.com/anthropics/claude-code/issues/45232"
_UNIFIED = "https://github.com/griffinwork40/agent-afk/pull/490"
_CONTEXT = "https://github.com/coder/aibridge/issues/56"
_LONG = "https://github.com/anthropics/claude-code/issues/37943"
_LARGE = "https://github.com/anthropics/claude-code/issues/10314"
_TOKENS = "https://github.com/continuedev/continue/issues/9623"
_FILTER = "https://github.com/anthropics/claude-code/issues/37547"

_CALLER = "invalid_request_error"
_RESETS = {
    **NOON,
    "retry-after": "12",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:12Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "21000",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:18Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-20T12:00:00Z",
}


def _error(
    status: int,
    kind: str,
    message: str,
    follows: str = _ERRORS,
    *,
    retry: bool = False,
    headers: Mapping[str, str] | None = None,
    **details: str,
) -> Documented:
    error = {"type": kind, "message": message} | ({"details": details} if details else {})
    body = {"type": "error", "error": error, "request_id": "req_emulated"}
    advice = {"x-should-retry": str(retry).lower(), **(headers or {})}
    return Documented(status=status, body=body, follows=follows, headers=advice)


ERRORS = {
    "rate_limit": _error(
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
        _LIMITS,
        retry=True,
    ),
    "rate_limit_timed": _error(
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
        _LIMITS,
        retry=True,
        headers=_RESETS,
    ),
    "request_too_large": _error(
        429,
        "rate_limit_error",
        "This request would exceed the rate limit for your organization of 30,000 input tokens per minute.",
        _TOKENS,
    ),
    "long_context": _error(429, "rate_limit_error", "Extra usage is required for long context requests.", _LONG),
    "insufficient_quota": _error(
        429,
        "rate_limit_error",
        "Your organization has reached its monthly spend limit.",
        error_code="enforced_spend_limit_reached",
    ),
    "usage_limit": _error(
        400,
        _CALLER,
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        _USAGE,
        headers=NOON,
    ),
    "credit_balance": _error(
        400,
        _CALLER,
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
        _CREDIT,
    ),
    "extra_usage": _error(400, _CALLER, "You're out of extra usage. Add more and keep going.", _EXTRA),
    "subscription_limit": _error(
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit. Please try again later.",
        _UNIFIED,
        headers=NOON
        | {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": "1795186800"},
    ),
    "billing": _error(402, "billing_error", "There is an issue with your billing or payment information."),
    "invalid_api_key": _error(401, "authentication_error", "invalid x-api-key"),
    "permission_denied": _error(
        403, "permission_error", "Your API key does not have permission to use the specified resource."
    ),
    "model_not_found": _error(404, "not_found_error", "The requested model was not found."),
    "context_length": _error(400, _CALLER, "prompt is too long: 210000 tokens > 200000 maximum", _CONTEXT),
    "invalid_request": _error(400, _CALLER, "temperature: must be at most 1"),
    "prefill_unsupported": _error(400, _CALLER, "Prefilling assistant messages is not supported.", _PREFILL),
    "unsupported": _error(400, _CALLER, "This model does not support the effort parameter.", _EFFORT),
    "thinking_signature": _error(
        400, _CALLER, "messages.1.content.0: Invalid `signature` in `thinking` block", _SIGNATURE
    ),
    "thinking_missing": _error(
        400,
        _CALLER,
        "messages.5.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
        _THINKING,
    ),
    "payload_too_large": Documented(
        status=413,
        body={"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}},
        follows=_LARGE,
        headers={"server": "cloudflare"},
    ),
    "content_policy": _error(400, _CALLER, "Output blocked by content filtering policy", _FILTER),
    "server_error": _error(500, "api_error", "An unexpected error has occurred.", retry=True),
    "timeout": _error(504, "timeout_error", "The request timed out.", retry=True),
    "overloaded": _error(529, "overloaded_error", "Overloaded", retry=True),
    "stream_error": Documented(
        status=529,
        body={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        follows=_STREAM,
    ),
}
