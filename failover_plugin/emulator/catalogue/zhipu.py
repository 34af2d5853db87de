"""Zhipu's errors: ``{"error": {code, message}}`` with a number in a string; a 429 can be a rate, a load or a debt."""

from __future__ import annotations

from typing import Any

from failover_plugin.emulator.catalogue.entry import NOON, Documented

_CODES = "https://docs.z.ai/api-reference/api-code"
_BIGMODEL = "https://docs.bigmodel.cn/cn/api/api-code"
_BALANCE = "https://github.com/zai-org/GLM-5/issues/148"
_CHINESE = "https://github.com/edison7009/EchoBird/issues/104"
_MODEL = "https://github.com/lidge-jun/opencodex/issues/41"


def _error(status: int, code: str, message: str, follows: str = _CODES, **more: Any) -> Documented:
    return Documented(status=status, body={"error": {"code": code, "message": message}, **more}, follows=follows)


def _quota(code: str, message: str) -> Documented:
    body = {"error": {"code": code, "message": message}}
    return Documented(status=429, body=body, follows=_BIGMODEL, headers=NOON)


ERRORS = {
    "rate_limit": _error(429, "1302", "High concurrency usage of this API, please reduce concurrency."),
    "frequency": _error(429, "1303", "High frequency usage of this API, please reduce frequency."),
    "insufficient_quota": _error(429, "1304", "The daily call limit for this API has been reached."),
    "credit_balance": _error(429, "1113", "Insufficient balance or no resource package. Please recharge.", _BALANCE),
    "balance_in_chinese": _error(429, "1113", "余额不足或无可用资源包,请充值。", _CHINESE),
    "plan_limit": _quota("1308", "Usage limit reached for 5 hour. Your limit will reset at 2026-11-20 14:30:00"),
    "plan_limit_monthly": _quota("1310", "Monthly limit exhausted. Your limit will reset at 2026-12-01 00:00:00"),
    "invalid_api_key": _error(401, "1000", "Authentication Failed"),
    "model_not_found": _error(400, "1211", "Unknown Model, please check the model code.", _MODEL),
    "context_length": _error(400, "1261", "Prompt exceeds max length", _BIGMODEL),
    "invalid_request": _error(400, "1214", "The temperature parameter is illegal."),
    "unsupported": _error(400, "1212", "The current model does not support the SSE call method."),
    "content_policy": _error(
        400,
        "1301",
        "System detected potentially unsafe or sensitive content in input or generation.",
        contentFilter=[{"level": 1, "role": "user"}],
    ),
    "server_error": _error(500, "1234", "Network error, please contact customer service."),
    "overloaded": _error(429, "1305", "The API has triggered a traffic limit.", _BIGMODEL),
    "model_busy": _error(429, "1312", "This model is currently under heavy use, please try again later.", _BIGMODEL),
}
