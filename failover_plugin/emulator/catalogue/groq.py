"""Groq's errors: OpenAI's shape without ``param``; only the words tell a minute's limit from a day's.

``x-ratelimit-*-requests`` counts the day's requests and ``-tokens`` the minute's tokens; ``retry-after`` is in seconds
and comes only with a 429.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import Documented

_ERRORS = "https://console.groq.com/docs/errors"
_MINUTE = "https://github.com/elizaOS/eliza/issues/4040"
_DAY = "https://github.com/continuedev/continue/issues/10920"
_LARGE = "https://github.com/continuedev/continue/issues/10218"
_KEY = "https://github.com/continuedev/continue/issues/11714"
_CONTEXT = "https://github.com/thepersonalaicompany/amurex-backend/issues/51"
_PARAMETER = "https://github.com/iamsrikanthnani/pluely/issues/242"
_TOOLS = "https://github.com/groq/groq-typescript/issues/28"
_JSON = "https://github.com/thepersonalaicompany/amurex-backend/issues/38"
_BLOCKED = "https://github.com/orbi-build/orbi/issues/561"
_RESTRICTED = "https://github.com/songquanpeng/one-api/issues/1764"
_STREAM = "https://github.com/anomalyco/opencode/issues/1018"

_CALLER = "invalid_request_error"
_LIMITED = "rate_limit_exceeded"
_MODEL = "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_emulated` "


def _error(
    status: int,
    message: str,
    kind: str = _CALLER,
    code: str | None = None,
    *,
    follows: str = _ERRORS,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Documented:
    error = {"message": message, "type": kind} | ({"code": code} if code else {}) | more
    return Documented(status=status, body={"error": error}, follows=follows, headers=headers or {})


def _limits(retry_after: int, requests_left: int, tokens_left: int, tokens_reset: str) -> dict[str, str]:
    return {
        "retry-after": str(retry_after),
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-requests": str(requests_left),
        "x-ratelimit-remaining-tokens": str(tokens_left),
        "x-ratelimit-reset-requests": "2m52.8s",
        "x-ratelimit-reset-tokens": tokens_reset,
    }


ERRORS = {
    "rate_limit": _error(
        429,
        f"{_MODEL}on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443. Please try again in 4.77s.",
        "tokens",
        _LIMITED,
        follows=_MINUTE,
        headers=_limits(5, 998, 966, "50.34s"),
    ),
    "insufficient_quota": _error(
        429,
        f"{_MODEL}on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s.",
        "tokens",
        _LIMITED,
        follows=_DAY,
        headers=_limits(579, 920, 6000, "0s"),
    ),
    "payload_too_large": _error(
        413,
        "Request too large for model `llama-3.3-70b-versatile` on tokens per minute (TPM): Limit 12000, "
        "Requested 14137, please reduce your message size and try again.",
        "tokens",
        _LIMITED,
        follows=_LARGE,
    ),
    "invalid_api_key": _error(401, "Invalid API Key", code="invalid_api_key", follows=_KEY),
    "permission_denied": _error(403, "This API key may not do this."),
    "model_not_found": _error(
        404, "The model `llama-unknown` does not exist or you do not have access to it.", code="model_not_found"
    ),
    "context_length": _error(
        400,
        "Please reduce the length of the messages or completion.",
        code="context_length_exceeded",
        follows=_CONTEXT,
        param="messages",
    ),
    "invalid_request": _error(400, "'temperature' : must be at most 2"),
    "unsupported": _error(400, "`reasoning_effort` is not supported with this model", follows=_PARAMETER),
    "tool_use_failed": _error(
        400,
        "Failed to call a function. See 'failed_generation' for more details.",
        code="tool_use_failed",
        follows=_TOOLS,
        failed_generation="<function=lookup>",
    ),
    "json_validate_failed": _error(
        400,
        "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
        code="json_validate_failed",
        follows=_JSON,
        failed_generation="```json",
    ),
    "model_blocked": _error(
        403,
        "The model `groq/compound` is blocked at the organization level.",
        "permissions_error",
        "model_permission_blocked_org",
        follows=_BLOCKED,
    ),
    "organization_restricted": _error(
        400,
        "Organization has been restricted. Please reach out to support if you believe this was in error.",
        code="organization_restricted",
        follows=_RESTRICTED,
    ),
    "server_error": _error(500, "Internal Server Error", "internal_server_error"),
    "overloaded": _error(503, "Service unavailable, please try again later.", "internal_server_error"),
    "flex_capacity": _error(498, "Flex capacity exceeded, please try again later.", code="capacity_exceeded"),
    "stream_error": Documented(
        status=400,
        body={
            "error": {
                "message": "Failed to call a function. See 'failed_generation' for more details.",
                "type": _CALLER,
                "code": "tool_use_failed",
                "failed_generation": "Tool use failed: JSON does not match the expected schema for tool calls",
                "status_code": 400,
            }
        },
        follows=_STREAM,
        event="error",
    ),
}
