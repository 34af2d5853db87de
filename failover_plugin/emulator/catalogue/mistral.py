"""Mistral's errors: a flat object with a numeric ``code`` in a string, or what its validation or its gateway says.

Code 3051 is both a prompt that is too long and a parameter that is not supported; the gateway's errors are a bare
``message``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover_plugin.emulator.catalogue.entry import Documented

_GLOSSARY = "https://docs.mistral.ai/resources/error-glossary"
_API = "https://docs.mistral.ai/api"
_LIMITED = "https://github.com/raycast/extensions/issues/31107"
_GATEWAY = "https://github.com/pydantic/pydantic-ai/issues/1885"
_CAPACITY = "https://github.com/continuedev/continue/issues/6185"
_TOOL_ID = "https://github.com/nearai/ironclaw/issues/1241"
_KEY = "https://github.com/coolcline/CoolCline/issues/36"

_CALLER = "invalid_request_error"


def _error(
    status: int,
    message: str,
    kind: str,
    code: str | None = None,
    *,
    follows: str = _GLOSSARY,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Documented:
    body: dict[str, Any] = {"object": "error", "message": message, "type": kind, "param": param, "code": code}
    raw = {"raw_status_code": status} if code else {}
    return Documented(status=status, body=body | raw, follows=follows, headers=headers or {})


ERRORS = {
    "rate_limit": _error(
        429,
        "Rate limit exceeded",
        "rate_limited",
        "1300",
        follows=_LIMITED,
        headers={"x-ratelimit-limit-tokens-minute": "500000", "x-ratelimit-remaining-tokens-minute": "0"},
    ),
    "gateway_rate_limit": Documented(status=429, body={"message": "Requests rate limit exceeded"}, follows=_GATEWAY),
    "capacity": _error(429, "Service tier capacity exceeded for this model.", _CALLER, follows=_CAPACITY),
    "invalid_api_key": Documented(status=401, body={"message": "Unauthorized", "request_id": "emulated"}, follows=_KEY),
    "permission_denied": _error(403, "Your subscription tier has no access to this model.", _CALLER, param="model"),
    "model_not_found": _error(400, "Invalid model: mistral-unknown", "invalid_model", "1500", param="model"),
    "context_length": _error(
        400,
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        _CALLER,
        "3051",
    ),
    "unsupported": _error(400, "reasoning_effort is not supported for this model", _CALLER, "3051"),
    "tool_call_id": _error(
        400,
        "Tool call id was turn1_0 but must be a-z, A-Z, 0-9, with a length of 9.",
        "invalid_function_call",
        "3280",
        follows=_TOOL_ID,
    ),
    "invalid_request": Documented(
        status=422,
        body={
            "detail": [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "temperature"],
                    "msg": "Input should be less than or equal to 1.5",
                    "input": 9,
                }
            ]
        },
        follows=_API,
    ),
    "server_error": _error(500, "Internal error", "server_error", "1000"),
    "overloaded": _error(503, "Service unavailable, try again later.", "server_error"),
}
