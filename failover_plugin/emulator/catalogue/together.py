"""Together's errors: OpenAI's shape; ``credit_limit`` is both the type of an empty account and of a minute's limit."""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://docs.together.ai/docs/error-codes"
_LIMITED = "https://github.com/togethercomputer/MoA/issues/27"
_MODEL_LIMIT = "https://github.com/xtekky/gpt4free/issues/3032"
_CREDIT = "https://github.com/expectedparrot/edsl/issues/2098"
_KEY = "https://github.com/harshitv804/LawGPT/issues/4"
_MODEL = "https://github.com/can1357/oh-my-pi/pull/8333"

_CALLER = "invalid_request_error"


def _error(
    status: int,
    message: str,
    kind: str | None = _CALLER,
    code: str | None = None,
    *,
    follows: str = _CODES,
    headers: Mapping[str, str] | None = None,
) -> Documented:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Documented(status=status, body={"id": "emulated", "error": error}, follows=follows, headers=headers or {})


ERRORS = {
    "rate_limit": _error(
        429,
        "You have been rate limited. Your rate limit is 60 queries per minute.",
        "credit_limit",
        follows=_LIMITED,
        headers={"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
    ),
    "model_rate_limit": _error(
        429,
        "You have reached the rate limit specific to this model, 9.0 queries per minute.",
        None,
        follows=_MODEL_LIMIT,
    ),
    "insufficient_quota": _error(
        402, "Credit limit exceeded. Add credit or upgrade your plan.", "credit_limit", follows=_CREDIT
    ),
    "invalid_api_key": _error(401, "Invalid API key provided.", code="invalid_api_key", follows=_KEY),
    "model_not_found": _error(404, "Unable to access model unknown/model.", code="model_not_available"),
    "model_not_serverless": _error(
        400,
        "Unable to access non-serverless model moonshotai/kimi. Create a dedicated endpoint for it.",
        code="model_not_available",
        follows=_MODEL,
    ),
    "context_length": _error(
        403, "Input token count + max_tokens parameter must be less than the context length of the model."
    ),
    "invalid_request": _error(400, "temperature must be at most 2."),
    "server_error": _error(500, "Unknown server error", None),
    "overloaded": _error(503, "Engine overloaded, please try again after a brief wait.", None),
}
