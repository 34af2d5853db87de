"""OpenRouter's errors: ``{"error": {code, message, metadata}}``, where ``code`` is the status as a number.

"Provider returned error" wraps what the provider behind it said, in ``metadata.raw``: a sentence, or its JSON as text.
``metadata.headers`` has what OpenRouter's own limits say, the reset in milliseconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from failover_plugin.emulator.catalogue.entry import NOON, Documented

_ERRORS = "https://openrouter.ai/docs/api_reference/errors-and-debugging"
_LIMITS = "https://openrouter.ai/docs/api/reference/limits"
_DAY = "https://github.com/Gitlawb/openclaude/issues/936"
_CREDIT = "https://github.com/open-assistant-org/open-assistant/issues/80"
_AFFORD = "https://github.com/astrio-labs/forall/issues/76"
_KEY = "https://github.com/continuedev/continue/issues/9771"
_CAP = "https://github.com/gptme/gptme/issues/1449"
_TOOLS = "https://github.com/bobrware/bobrchat/issues/60"
_POLICY = "https://github.com/ShamanicArts/Flow.Launcher.Plugin.AI-Assistant/issues/2"
_POOL = "https://github.com/open-webui/computer/issues/293"
_RAW = "https://github.com/hotovo/aider-desk/issues/513"
_IMAGES = "https://github.com/diegosouzapw/OmniRoute/issues/3044"
_NO_IMAGES = "https://github.com/NousResearch/hermes-agent/pull/23411"
_BARE = "https://github.com/campfirein/byterover-cli/issues/43"
_CONTEXT = "https://github.com/ai-christianson/RA.Aid/issues/41"


def _error(
    status: int,
    message: str,
    follows: str = _ERRORS,
    *,
    metadata: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Documented:
    error = {"message": message, "code": status} | ({"metadata": metadata} if metadata else {})
    return Documented(status=status, body={"error": error}, follows=follows, headers=headers or {})


def _limited(name: str, limit: int, reset: int, follows: str) -> Documented:
    headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    metadata = {"headers": headers, "provider_name": None}
    return _error(429, f"Rate limit exceeded: {name}.", follows, metadata=metadata, headers=NOON)


def _wrapped(status: int, provider: str, raw: object, follows: str, **more: str) -> Documented:
    text = raw if isinstance(raw, str) else json.dumps(raw)
    return _error(status, "Provider returned error", follows, metadata={"raw": text, "provider_name": provider, **more})


ERRORS = {
    "rate_limit": _limited("free-models-per-min", 20, 1795176034000, _LIMITS),
    "insufficient_quota": _limited("free-models-per-day", 50, 1795219200000, _DAY),
    "credit_balance": _error(
        402,
        "Insufficient credits. Add more in the settings.",
        _CREDIT,
        metadata={"limit_source": "openrouter_credits"},
    ),
    "credit_too_small": _error(
        402,
        "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, "
        "but can only afford 2666.",
        _AFFORD,
        metadata={"provider_name": None},
    ),
    "in_flight_budget": _error(
        402,
        "The requests in flight use up the budget.",
        metadata={"limit_source": "openrouter_in_flight_budget"},
        headers={"retry-after": "5"},
    ),
    "key_limit": _error(403, "Key limit exceeded (monthly limit).", _CAP),
    "invalid_api_key": _error(401, "User not found.", _KEY),
    "permission_denied": _error(403, "Your API key may not use this model."),
    "content_policy": _error(
        403,
        "The chosen model requires moderation and your input was flagged.",
        metadata={
            "reasons": ["violence"],
            "flagged_input": "how to",
            "provider_name": "OpenAI",
            "model_slug": "openai/gpt-5.5",
        },
    ),
    "model_not_found": _error(400, "openai/gpt-unknown is not a valid model ID"),
    "unsupported": _error(404, "No endpoints found that support tool use.", _TOOLS),
    "image_unsupported": _error(404, "No endpoints found that support image input", _NO_IMAGES),
    "data_policy": _error(404, "No endpoints found matching your data policy.", _POLICY),
    "context_length": _wrapped(
        400,
        "DeepInfra",
        {
            "object": "error",
            "message": "This model's maximum context length is 16000 tokens. However, you requested 17165 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        _CONTEXT,
    ),
    "invalid_request": _error(400, "Input required: specify messages."),
    "provider_rate_limit": _wrapped(
        429,
        "BaseTen",
        "z-ai/glm is temporarily rate-limited upstream. Please retry shortly.",
        _POOL,
        limit_source="upstream_provider_shared_pool",
    ),
    "provider_invalid_request": _wrapped(
        400,
        "Anthropic",
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "A maximum of 4 cache_control blocks is allowed."},
            "request_id": "req_emulated",
        },
        _RAW,
    ),
    "provider_unsupported": _wrapped(
        400,
        "Crucible",
        {
            "error": {
                "type": "invalid_request_error",
                "code": "invalid_request_error",
                "message": "Model 'moonshotai/kimi' supports at most 1 image per prompt.",
                "request_id": "req_emulated",
            }
        },
        _IMAGES,
    ),
    "provider_error": _error(400, "Provider returned error", _BARE),
    "timeout": _error(408, "Your request timed out."),
    "server_error": _error(502, "The chosen model is down or its answer was invalid."),
    "overloaded": _error(503, "There is no available provider that meets your routing requirements."),
    "stream_error": Documented(
        status=502,
        body={
            "id": "gen-emulated",
            "object": "chat.completion.chunk",
            "created": 1795176000,
            "model": "openai/gpt-5.5",
            "provider": "OpenAI",
            "error": {"code": "server_error", "message": "Provider disconnected"},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        },
        follows=_ERRORS,
    ),
}
