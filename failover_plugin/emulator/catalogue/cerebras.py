"""Cerebras' errors: a flat ``{message, type, param, code}``; its quotas are of a second, a minute or a day."""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://inference-docs.cerebras.ai/support/error"
_LIMITS = "https://inference-docs.cerebras.ai/support/rate-limits"
_REQUESTS = "https://github.com/nminaya/grammar-nazi-bot/issues/958"
_MODEL = "https://github.com/decolua/9router/issues/1106"
_CONTEXT = "https://github.com/cline/cline/issues/5140"
_PROPERTY = "https://github.com/Alishahryar1/free-claude-code/issues/1136"
_SCHEMA = "https://github.com/musistudio/claude-code-router/issues/708"

_CALLER = "invalid_request_error"


def _error(
    status: int,
    message: str,
    kind: str | None = _CALLER,
    code: str | None = None,
    *,
    follows: str = _CODES,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Documented:
    body = {"message": message, "type": kind, "param": param, "code": code}
    return Documented(status=status, body=body, follows=follows, headers=headers or {})


ERRORS = {
    "rate_limit": _error(
        429,
        "Requests per minute limit exceeded - too many requests sent.",
        "too_many_requests_error",
        "request_quota_exceeded",
        follows=_REQUESTS,
        param="quota",
        headers={"retry-after-ms": "660"},
    ),
    "tokens_per_minute": _error(
        429,
        "Tokens per minute limit exceeded - too many tokens processed.",
        "too_many_tokens_error",
        "token_quota_exceeded",
        follows=_LIMITS,
        param="quota",
        headers={
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-limit-tokens-minute": "60000",
            "x-ratelimit-remaining-requests-day": "13870",
            "x-ratelimit-remaining-tokens-minute": "0",
            "x-ratelimit-reset-requests-day": "33011.382867",
            "x-ratelimit-reset-tokens-minute": "11.382867",
        },
    ),
    "invalid_api_key": _error(401, "Wrong API Key", None),
    "permission_denied": _error(403, "This key may not use that.", None),
    "model_not_found": _error(
        404,
        "Model unknown does not exist or you do not have access to it.",
        "not_found_error",
        "model_not_found",
        follows=_MODEL,
        param="model",
    ),
    "context_length": _error(
        400,
        "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000",
        code="context_length_exceeded",
        follows=_CONTEXT,
        param="messages",
    ),
    "insufficient_quota": _error(402, "Payment is required to go on.", None),
    "invalid_request": _error(422, "temperature must be at most 1.5", param="temperature"),
    "unsupported": _error(
        400,
        "messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported",
        code="wrong_api_format",
        follows=_PROPERTY,
        param="validation_error",
    ),
    "schema_unsupported": _error(
        400,
        "Unsupported JSON schema fields: {'minItems'}",
        code="wrong_api_format",
        follows=_SCHEMA,
        param="response_format",
    ),
    "server_error": _error(500, "Internal server error", None),
    "overloaded": _error(503, "The service is temporarily unavailable.", None),
}
