"""OpenAI's errors: ``{"error": {message, type, param, code}}``."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://platform.openai.com/docs/guides/error-codes"
_LIMITS = "https://platform.openai.com/docs/guides/rate-limits"
_CHAT = "https://platform.openai.com/docs/api-reference/chat"
_QUOTA = "https://help.openai.com/en/articles/6891831"
_CREDIT = "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/openai-insufficient-quota"
_CONTEXT = "https://github.com/crewAIInc/crewAI-examples/issues/121"
_SAFETY = "https://portkey.ai/error-library/safety-violation-error-10079"

_CALLER = "invalid_request_error"


def _error(
    status: int, message: str, kind: str, code: str | None = None, *, follows: str = _CODES, param: str | None = None
) -> Documented:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Documented(status=status, body=body, follows=follows)


ERRORS = {
    "rate_limit": _error(
        429,
        "Rate limit reached on requests per minute (RPM): Limit 500, Used 500, Requested 1.",
        "requests",
        "rate_limit_exceeded",
        follows=_LIMITS,
    ),
    "insufficient_quota": _error(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
        follows=_QUOTA,
    ),
    "credit_balance": _error(
        429,
        "Your organization has no prepaid credits left.",
        "insufficient_quota",
        "credit_balance_exhausted",
        follows=_CREDIT,
    ),
    "invalid_api_key": _error(401, "Incorrect API key provided.", _CALLER, "invalid_api_key"),
    "permission_denied": _error(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "model_not_found": _error(
        404, "This model does not exist or you do not have access to it.", _CALLER, "model_not_found", follows=_CHAT
    ),
    "context_length": _error(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000 tokens.",
        _CALLER,
        "context_length_exceeded",
        follows=_CONTEXT,
        param="messages",
    ),
    "invalid_request": _error(400, "temperature must be at most 2.", _CALLER, follows=_CHAT, param="temperature"),
    "prefill_unsupported": _error(
        400, "The last message must come from the user.", _CALLER, follows=_CHAT, param="messages"
    ),
    "content_policy": _error(
        400,
        "Your request was rejected as a result of our safety system.",
        _CALLER,
        "content_policy_violation",
        follows=_SAFETY,
    ),
    "server_error": _error(500, "The server had an error while processing your request.", "server_error"),
    "overloaded": _error(503, "Our servers are overloaded.", "service_unavailable_error", "server_is_overloaded"),
}
