"""Qwen's errors, of Alibaba's Model Studio in its OpenAI-compatible mode: a debt is a 400 of the code ``Arrearage``."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://help.aliyun.com/en/model-studio/error-code"
_START = "https://help.aliyun.com/en/model-studio/error-code-start"
_PLAN = "https://github.com/Wei-Shaw/sub2api/pull/6748"
_DEBT = "https://github.com/hsliuping/TradingAgents-CN/issues/170"

_CALLER = "invalid_request_error"


def _error(
    status: int, code: str | None, kind: str, message: str, follows: str = _CODES, param: str | None = None
) -> Documented:
    error = {"code": code, "param": param, "message": message, "type": kind}
    return Documented(status=status, body={"error": error, "request_id": "emulated"}, follows=follows)


ERRORS = {
    "rate_limit": _error(429, "limit_requests", "limit_requests", "You exceeded your current requests list.", _START),
    "tokens_per_minute": _error(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "Allocated quota exceeded: the tokens per minute are used up.",
        _START,
    ),
    "insufficient_quota": _error(
        403, "AllocationQuota.FreeTierOnly", "AllocationQuota.FreeTierOnly", "The free tier of the model is exhausted."
    ),
    "token_plan": _error(
        429, "insufficient_quota", "insufficient_quota", "Your token-plan quota has been exhausted.", _PLAN
    ),
    "credit_balance": _error(
        400,
        "Arrearage",
        "Arrearage",
        "Access denied, please make sure your account is in good standing.",
        _DEBT,
    ),
    "invalid_api_key": _error(401, "invalid_api_key", _CALLER, "Incorrect API key provided.", _START),
    "permission_denied": _error(403, "access_denied", "access_denied", "Access denied.", _START),
    "model_not_found": _error(404, "model_not_found", _CALLER, "The model `qwen-unknown` does not exist.", _START),
    "context_length": _error(400, "invalid_parameter_error", _CALLER, "Range of input length should be [1, 129024]"),
    "invalid_request": _error(
        400, "invalid_parameter_error", _CALLER, "The thinking_budget parameter must be a positive integer"
    ),
    "unsupported": _error(
        400,
        "invalid_parameter_error",
        _CALLER,
        "parameter.enable_thinking must be set to false for non-streaming calls",
    ),
    "content_policy": _error(
        400, "data_inspection_failed", "data_inspection_failed", "Input data may contain inappropriate content."
    ),
    "server_error": _error(500, "internal_error", "internal_error", "An internal error has occurred."),
    "overloaded": _error(
        503, "ModelServingError", "ModelServingError", "Requests are throttled due to system capacity limits."
    ),
}
