"""Cohere's errors: ``{"id", "message"}``; a trial key's limit per minute and per month differ only in the words.

A 403 is a web page of what stands before it.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_ERRORS = "https://docs.cohere.com/reference/errors"
_LIMITS = "https://docs.cohere.com/docs/rate-limits"
_FORBIDDEN = "https://github.com/Cinnamon/kotaemon/issues/372"
_STREAM = "https://docs.cohere.com/reference/chat-stream"


def _error(status: int, message: str, follows: str = _ERRORS) -> Documented:
    return Documented(status=status, body={"id": "emulated", "message": message}, follows=follows)


ERRORS = {
    "rate_limit": _error(429, "You are using a Trial key, which is limited to 20 API calls / minute.", _LIMITS),
    "insufficient_quota": _error(
        429, "You are using a Trial key, which is limited to 1000 API calls / month.", _LIMITS
    ),
    "credit_balance": _error(402, "Please add or update your payment method to continue."),
    "invalid_api_key": _error(401, "invalid api token"),
    "permission_denied": Documented(
        status=403,
        body='<!doctype html><meta charset="utf-8"><title>403</title>403 Forbidden',
        follows=_FORBIDDEN,
        headers={"content-type": "text/html; charset=utf-8"},
    ),
    "model_not_found": _error(
        404,
        "model 'command-unknown' not found, make sure the correct model ID was used and that you have access to it.",
    ),
    "context_length": _error(
        400, "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292."
    ),
    "invalid_request": _error(400, "invalid request: temperature must be between 0 and 1.0 inclusive."),
    "unsupported": _error(400, "invalid request: response_format is not supported with RAG."),
    "server_error": _error(500, "internal server error, this has been reported to our developers"),
    "stream_error": Documented(
        status=500,
        body={
            "type": "message-end",
            "delta": {"finish_reason": "ERROR", "error": "internal server error during the generation"},
        },
        follows=_STREAM,
        event="message-end",
    ),
}
