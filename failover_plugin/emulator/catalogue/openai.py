"""OpenAI's errors: ``{"error": {message, type, param, code}}``.

Money shows in ``code`` alone: its 429s are of the type ``insufficient_quota`` or none. A model that does not exist is a
404 in chat and a 400 in Responses, one that a project may not use a 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://platform.openai.com/docs/guides/error-codes"
_LIMITS = "https://platform.openai.com/docs/guides/rate-limits"
_CHAT = "https://platform.openai.com/docs/api-reference/chat"
_QUOTA = "https://help.openai.com/en/articles/6891831"
_CREDIT = "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/openai-insufficient-quota"
_CONTEXT = "https://github.com/crewAIInc/crewAI-examples/issues/121"
_HELP = "https://help.openai.com/en/articles/5955604"
_TOKENS = "https://github.com/continuedev/continue/issues/10502"
_DAY = "https://github.com/feder-cr/invisible_playwright_mcp/issues/109"
_LARGE = "https://github.com/vanna-ai/vanna-flask/issues/11"
_PACE = "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/openai-rate-limit-reached"
_RESPONSES = "https://github.com/samuelcardillo/StarCitizen-AI/issues/1"
_ACCESS = "https://github.com/cursor/cursor/issues/2953"
_PARAMETER = "https://github.com/tailcallhq/forgecode/issues/1081"
_STREAM = "https://github.com/Wei-Shaw/sub2api/issues/6631"
_FAILED = "https://github.com/Wei-Shaw/sub2api/pull/3476"
_IN_STREAM = "https://github.com/openai/codex/issues/88"
_ITEM = "https://github.com/continuedev/continue/issues/8933"
_STORED = "https://github.com/vercel/ai/issues/7543"
_PREVIOUS = "https://github.com/bigduu/Bamboo-agent/issues/64"
_FILE = "https://github.com/sbslee/streamlit-openai/issues/18"
_SAFETY = "https://portkey.ai/error-library/safety-violation-error-10079"

_CALLER = "invalid_request_error"


def _error(
    status: int,
    message: str,
    kind: str,
    code: str | None = None,
    *,
    follows: str = _CODES,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Documented:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Documented(status=status, body=body, follows=follows, headers=headers or {})


def _spent(code: str, message: str, follows: str = _HELP) -> Documented:
    return _error(429, message, "insufficient_quota", code, follows=follows)


_BUSY: dict[str, Any] = {
    "type": "service_unavailable_error",
    "code": "server_is_overloaded",
    "message": "Our servers are currently overloaded.",
    "param": None,
}


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
    "rate_limit_timed": _error(
        429,
        "Rate limit reached for gpt-5.5 on tokens per min (TPM): Limit 30000, Used 28039, Requested 3906. "
        "Please try again in 3.89s.",
        "tokens",
        "rate_limit_exceeded",
        follows=_TOKENS,
        headers={
            "retry-after": "4",
            "retry-after-ms": "3890",
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-remaining-tokens": "1961",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-reset-tokens": "56.078s",
        },
    ),
    "daily_limit": _error(
        429,
        "Rate limit reached for gpt-5.5 on requests per day (RPD): Limit 200, Used 200, Requested 1. "
        "Please try again in 7m12s.",
        "requests",
        "rate_limit_exceeded",
        follows=_DAY,
    ),
    "request_too_large": _error(
        429,
        "Request too large for gpt-5.5 on tokens per min (TPM): Limit 30000, Requested 342389. "
        "The input or output tokens must be reduced in order to run successfully.",
        "tokens",
        "rate_limit_exceeded",
        follows=_LARGE,
    ),
    "slow_down": _error(429, "Your traffic grew too fast.", "rate_limit_error", "slow_down", follows=_PACE),
    "credit_balance": _spent(
        "credit_balance_exhausted", "Your organization has no prepaid credits left.", follows=_CREDIT
    ),
    "organization_spend_limit": _spent(
        "organization_spend_limit_exceeded", "Your organization has reached its monthly spend limit."
    ),
    "project_spend_limit": _spent("project_spend_limit_exceeded", "Your project has reached its monthly spend limit."),
    "organization_usage_limit": _spent(
        "organization_usage_limit_exceeded", "Your organization has reached its approved usage limit."
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
    "model_not_found_responses": _error(
        400,
        "The requested model 'gpt-unknown' does not exist.",
        _CALLER,
        "model_not_found",
        follows=_RESPONSES,
        param="model",
    ),
    "model_access": _error(
        403, "Your project does not have access to model `gpt-5.5`", _CALLER, "model_not_found", follows=_ACCESS
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
    "unsupported": _error(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        _CALLER,
        "unsupported_parameter",
        follows=_PARAMETER,
        param="max_tokens",
    ),
    "reasoning_item": _error(
        400,
        "Item 'rs_emulated' of type 'reasoning' was provided without its required following item.",
        _CALLER,
        follows=_ITEM,
        param="input",
    ),
    "item_not_found": _error(
        404,
        "Item with id 'rs_emulated' not found. Items are not persisted when `store` is set to false.",
        _CALLER,
        follows=_STORED,
        param="input",
    ),
    "response_not_found": _error(
        400,
        "Previous response with id 'resp_emulated' not found.",
        _CALLER,
        "previous_response_not_found",
        follows=_PREVIOUS,
        param="previous_response_id",
    ),
    "file_not_found": _error(404, "File cfile_emulated not found on container cntr_emulated.", _CALLER, follows=_FILE),
    "content_policy": _error(
        400,
        "Your request was rejected as a result of our safety system.",
        _CALLER,
        "content_policy_violation",
        follows=_SAFETY,
    ),
    "server_error": _error(500, "The server had an error while processing your request.", "server_error"),
    "overloaded": _error(503, "Our servers are overloaded.", "service_unavailable_error", "server_is_overloaded"),
    "stream_error": Documented(
        status=503, body={"type": "error", "sequence_number": 2, "error": _BUSY}, follows=_STREAM
    ),
    "stream_rate_limit": _error(
        429,
        "Rate limit reached for gpt-5.5 on tokens per min (TPM): Limit 200000, Used 162960, Requested 42288. "
        "Please try again in 1.574s.",
        "tokens",
        "rate_limit_exceeded",
        follows=_IN_STREAM,
    ),
    "stream_response_failed": Documented(
        status=503,
        body={
            "type": "response.failed",
            "sequence_number": 3,
            "response": {
                "id": "resp_emulated",
                "created_at": 1795176000,
                "status": "failed",
                "error": {"code": "server_is_overloaded", "message": "Our servers are currently overloaded."},
                "model": "gpt-5.5",
                "usage": None,
                "output": [],
            },
        },
        follows=_FAILED,
        event="response.failed",
    ),
}
