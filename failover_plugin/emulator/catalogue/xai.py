"""xAI's errors: ``{"code", "error"}``, both of them text; a wrong key is a 400, an unsafe prompt a 403.

The same ``code`` is sent for a permission that is missing and for content that is refused; only ``error`` tells. Codes
are the sentences that tonic has for gRPC codes (docs.rs/tonic, ``Code::description``), or newer ones of their own.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_ERRORS = "https://docs.x.ai/developers/debugging"
_CREDIT = "https://github.com/continuedev/continue/issues/10373"
_TEAM = "https://github.com/can1357/oh-my-pi/pull/4913"
_KEY = "https://github.com/continuedev/continue/issues/10778"
_ARGUMENT = "https://github.com/nocmt/LLMSearchPlus/issues/2"
_CONTEXT = "https://github.com/cline/cline/issues/3120"
_SAFETY = "https://github.com/Wei-Shaw/sub2api/pull/5359"

_EXHAUSTED = "Some resource has been exhausted"
_INVALID = "Client specified an invalid argument"
_DENIED = "permission-denied"


def _error(status: int, code: str, error: str, follows: str = _ERRORS) -> Documented:
    return Documented(status=status, body={"code": code, "error": error}, follows=follows)


ERRORS = {
    "rate_limit": _error(429, _EXHAUSTED, "Too many requests for this team: 8 requests per second are allowed."),
    "insufficient_quota": _error(
        429,
        _EXHAUSTED,
        "Your team has either used all available credits or reached its monthly spending limit.",
        _CREDIT,
    ),
    "credit_balance": _error(
        403, "personal-team-blocked:spending-limit", "You have run out of credits for this team.", _TEAM
    ),
    "invalid_api_key": _error(400, _INVALID, "Incorrect API key provided. Get one from https://console.x.ai.", _KEY),
    "missing_api_key": _error(
        401, "The request does not have valid authentication credentials", "No authorization header was provided."
    ),
    "permission_denied": _error(403, _DENIED, "Access to the chat endpoint is denied.", _SAFETY),
    "content_policy": _error(403, _DENIED, "Content violates usage guidelines.", _SAFETY),
    "model_not_found": _error(
        404, "Some requested entity was not found", "The model grok-unknown does not exist or you have no access to it."
    ),
    "context_length": _error(
        400,
        _INVALID,
        "This model's maximum prompt length is 131072 but the request contains 136973 tokens.",
        _CONTEXT,
    ),
    "invalid_request": _error(400, _INVALID, "temperature must be at most 2.", _ARGUMENT),
    "unsupported": _error(400, _INVALID, "The model expects a single `text` element per message.", _ARGUMENT),
    "server_error": _error(500, "Internal error", "The service had an error, please try again."),
    "overloaded": _error(503, "The service is currently unavailable", "The model is at capacity, please try again."),
}
