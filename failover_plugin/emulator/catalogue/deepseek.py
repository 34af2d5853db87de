"""DeepSeek's errors: OpenAI's shape, in which ``code`` says ``invalid_request_error`` whatever happened.

The page shows no bodies; a ``type`` that nobody has reported either is null here.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://api-docs.deepseek.com/quick_start/error_codes"
_BALANCE = "https://github.com/Aider-AI/aider/issues/4851"
_KEY = "https://github.com/BerriAI/litellm/issues/10403"
_MODEL = "https://github.com/ConardLi/easy-dataset/issues/9"
_CONTEXT = "https://github.com/evalstate/fast-agent/issues/621"
_IMAGES = "https://github.com/instry/ocbot/issues/5"
_REASONING = "https://github.com/continuedev/continue/issues/10193"
_NAMES = "https://github.com/duanyytop/agents-radar/pull/2311"
_RISK = "https://github.com/666ghj/BettaFish/issues/108"

_CALLER = "invalid_request_error"


def _error(status: int, message: str, kind: str | None = _CALLER, *, follows: str = _CODES) -> Documented:
    body = {"error": {"message": message, "type": kind, "param": None, "code": _CALLER}}
    return Documented(status=status, body=body, follows=follows)


ERRORS = {
    "rate_limit": _error(429, "Rate limit reached: requests come too fast.", None),
    "insufficient_quota": _error(402, "Insufficient Balance", "unknown_error", follows=_BALANCE),
    "invalid_api_key": _error(
        401, "Authentication Fails, the api key is invalid", "authentication_error", follows=_KEY
    ),
    "model_not_found": _error(400, "Model Not Exist", follows=_MODEL),
    "model_retired": _error(
        400, "The supported names are deepseek-v4-pro and deepseek-v4-flash, not deepseek-chat.", follows=_NAMES
    ),
    "context_length": _error(
        400,
        "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens "
        "(122942 in the messages, 8192 in the completion).",
        follows=_CONTEXT,
    ),
    "invalid_request": _error(422, "Invalid temperature value, the valid range is [0, 2]"),
    "unsupported": _error(
        400,
        "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, "
        "expected `text` at line 1 column 102905",
        follows=_IMAGES,
    ),
    "reasoning_content": _error(
        400, "Missing `reasoning_content` field in the assistant message at message index 4.", follows=_REASONING
    ),
    "content_policy": _error(400, "Content Exists Risk", follows=_RISK),
    "server_error": _error(500, "Our server encounters an issue.", None),
    "overloaded": _error(503, "The server is overloaded due to high traffic.", None),
}
