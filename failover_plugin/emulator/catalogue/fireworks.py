"""Fireworks' errors: ``{"error": {message, param, code, type}, "request_id"}``; a 412 is an account that is suspended.

A model that one has no permission for is a 404, like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://docs.fireworks.ai/guides/inference-error-codes"
_SUSPENDED = "https://github.com/pollinations/pollinations/issues/12136"
_MODEL = "https://github.com/warpdotdev/warp/issues/15107"
_LIMITED = "https://github.com/BerriAI/litellm/pull/11455"
_USAGE = "https://github.com/GordeyZuev/LEAP/issues/6"
_IMAGE = "https://github.com/pydantic/pydantic-ai/issues/2424"
_BUSY = "https://github.com/BerriAI/litellm/pull/9779"


def _error(
    status: int, message: str, code: str | None = None, *, follows: str = _CODES, param: str | None = None
) -> Documented:
    error = {"message": message, "param": param, "code": code, "type": "error"}
    return Documented(status=status, body={"error": error, "request_id": "emulated"}, follows=follows)


def _older(
    status: int, message: str, follows: str, headers: Mapping[str, str] | None = None, **more: object
) -> Documented:
    error = {"object": "error", "type": "invalid_request_error", "message": message, **more}
    return Documented(status=status, body={"error": error}, follows=follows, headers=headers or {})


ERRORS = {
    "rate_limit": _older(
        429, "rate limit exceeded, please try again later", _LIMITED, {"x-ratelimit-over-limit": "yes"}
    ),
    "usage_limit": Documented(
        status=429,
        body={"error": "Too Many Requests", "message": "You have exceeded your usage limits. Please try again later."},
        follows=_USAGE,
    ),
    "insufficient_quota": _error(
        412,
        "Account emulated is suspended, possibly due to reaching the monthly spending limit or failure to pay "
        "past invoices.",
        "PRECONDITION_FAILED",
        follows=_SUSPENDED,
    ),
    "credit_balance": _error(402, "The account is not on a paid plan or has exceeded its usage limits."),
    "invalid_api_key": _error(401, "The API key is invalid."),
    "permission_denied": _error(403, "This key may not do that."),
    "model_not_found": _error(
        404, "Model not found, inaccessible, and/or not deployed", "NOT_FOUND", follows=_MODEL, param="model"
    ),
    "invalid_request": _error(400, "The input or its form is invalid."),
    "unsupported": _older(
        400,
        "Cannot preprocess image len(combined_imgs) = 1, len(image_ranges) = 0",
        _IMAGE,
        code="invalid_request_error",
    ),
    "timeout": _error(408, "The request took too long to complete."),
    "server_error": _error(500, "Internal server error"),
    "overloaded": _older(429, "server overloaded, please try again later", _BUSY),
    "unavailable": _error(503, "The service is temporarily unavailable."),
}
