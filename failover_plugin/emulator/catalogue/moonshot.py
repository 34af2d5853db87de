"""Moonshot's errors: ``{"error": {type, message}}``; ``type`` tells an overloaded engine from one's own limit."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_ERRORS = "https://platform.kimi.com/docs/api/errors"
_LIMITS = "https://github.com/MoonshotAI/kimi-cli/issues/1599"
_QUOTA = "https://github.com/MoonshotAI/Kimi-K2/issues/5"
_CONTEXT = "https://github.com/MoonshotAI/kimi-cli/issues/2011"
_TEMPERATURE = "https://github.com/opencyvis/opencyvis-phone/issues/12"
_CODING = "https://github.com/MoonshotAI/kimi-code/issues/414"
_BUSY = "https://forum.moonshot.ai/t/the-engine-is-currently-overloaded/569"

_CALLER = "invalid_request_error"
_LIMITED = "rate_limit_reached_error"
_ACCOUNT = "Your account org-emulated request reached organization "


def _error(status: int, kind: str, message: str, follows: str = _ERRORS) -> Documented:
    return Documented(status=status, body={"error": {"message": message, "type": kind}}, follows=follows)


ERRORS = {
    "rate_limit": _error(429, _LIMITED, f"{_ACCOUNT}max RPM: 20, please try again after 1 seconds", _LIMITS),
    "insufficient_quota": _error(429, _LIMITED, f"{_ACCOUNT}TPD rate limit, current: 1526210, limit: 1500000", _LIMITS),
    "credit_balance": _error(
        403,
        "exceeded_current_quota_error",
        "Your account is not active, organization exceeded current quota, please check your plan and billing details",
        _QUOTA,
    ),
    "invalid_api_key": _error(401, "invalid_authentication_error", "Invalid Authentication"),
    "wrong_api_key": _error(401, "incorrect_api_key_error", "Incorrect API key provided"),
    "permission_denied": _error(403, "permission_denied_error", "You do not have permission to use this."),
    "coding_agents_only": _error(
        403, "access_terminated_error", "Kimi For Coding is currently only available for Coding Agents.", _CODING
    ),
    "model_not_found": _error(404, "resource_not_found_error", "Not found the model kimi-unknown or Permission denied"),
    "context_length": _error(
        400, _CALLER, "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)", _CONTEXT
    ),
    "invalid_request": _error(400, _CALLER, "Invalid request: temperature must be at most 1"),
    "unsupported": _error(400, _CALLER, "invalid temperature: only 1 is allowed for this model", _TEMPERATURE),
    "content_policy": _error(400, "content_filter", "The request was rejected because it was considered high risk"),
    "server_error": _error(500, "server_error", "An unexpected error has occurred."),
    "overloaded": _error(429, "engine_overloaded_error", "The engine is currently overloaded", _BUSY),
}
