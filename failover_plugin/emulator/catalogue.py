"""The errors the providers document, one entry per name and wire format.

Each entry cites the public page it follows. Status, type and code are the documented ones; where a page gives only the
shape, the sentence is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPENAI_CODES = "https://platform.openai.com/docs/guides/error-codes"
_OPENAI_CHAT = "https://platform.openai.com/docs/api-reference/chat"
_OPENAI_LIMITS = "https://platform.openai.com/docs/guides/rate-limits"
_AZURE = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
_AZURE_QUOTA = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
_AZURE_FILTER = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"
_ANTHROPIC = "https://platform.claude.com/docs/en/api/errors"
_ANTHROPIC_LIMITS = "https://platform.claude.com/docs/en/api/rate-limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """One documented error. ``follows`` is the page that documents it."""

    status: int
    body: Mapping[str, Any]
    follows: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def documented(name: str, wire: str) -> Documented:
    """The entry of this name in this wire format; Azure answers as OpenAI where it has no words of its own."""
    entries = _CATALOGUE[name]
    return entries.get(wire) or entries["openai"]


def names() -> tuple[str, ...]:
    """The names of all entries."""
    return tuple(_CATALOGUE)


def _openai(
    status: int, message: str, kind: str, code: str | None, follows: str = _OPENAI_CODES, param: str | None = None
) -> Documented:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Documented(status=status, body={"error": error}, follows=follows)


def _azure(status: int, code: str, message: str, follows: str = _AZURE) -> Documented:
    return Documented(status=status, body={"error": {"code": code, "message": message}}, follows=follows)


def _anthropic(status: int, kind: str, message: str, follows: str = _ANTHROPIC, *, retry: bool = False) -> Documented:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_emulated"}
    return Documented(status=status, body=body, follows=follows, headers={"x-should-retry": str(retry).lower()})


_FILTERED = {
    "message": "The response was filtered due to the prompt triggering the content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {
            "hate": {"filtered": False, "severity": "safe"},
            "self_harm": {"filtered": False, "severity": "safe"},
            "sexual": {"filtered": False, "severity": "safe"},
            "violence": {"filtered": True, "severity": "high"},
        },
    },
}

_CATALOGUE: Mapping[str, Mapping[str, Documented]] = {
    "rate_limit": {
        "openai": _openai(
            429,
            "Rate limit reached for requests per minute (RPM): Limit 500, Used 500, Requested 1.",
            "requests",
            "rate_limit_exceeded",
            _OPENAI_LIMITS,
        ),
        "azure": _azure(
            429,
            "429",
            "Requests to this deployment have exceeded the call rate limit. Please retry later.",
            _AZURE_QUOTA,
        ),
        "anthropic": _anthropic(
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 50 requests per minute.",
            _ANTHROPIC_LIMITS,
            retry=True,
        ),
    },
    "insufficient_quota": {
        "openai": _openai(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        "anthropic": _anthropic(
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. "
            "Please go to Plans & Billing to upgrade or purchase credits.",
        ),
    },
    "invalid_api_key": {
        "openai": _openai(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
        "azure": _azure(
            401, "401", "Access denied due to invalid subscription key or wrong API endpoint for this resource."
        ),
        "anthropic": _anthropic(401, "authentication_error", "invalid x-api-key"),
    },
    "permission_denied": {
        "openai": _openai(
            403,
            "Country, region, or territory not supported.",
            "request_forbidden",
            "unsupported_country_region_territory",
        ),
        "azure": _azure(403, "403", "Access denied due to Virtual Network/Firewall rules."),
        "anthropic": _anthropic(
            403, "permission_error", "Your API key does not have permission to use the specified resource."
        ),
    },
    "model_not_found": {
        "openai": _openai(
            404, "The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"
        ),
        "azure": _azure(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
        "anthropic": _anthropic(404, "not_found_error", "model: no such model"),
    },
    "context_length": {
        "openai": _openai(
            400,
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000 tokens.",
            "invalid_request_error",
            "context_length_exceeded",
            _OPENAI_CHAT,
            "messages",
        ),
        "anthropic": _anthropic(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    },
    "invalid_request": {
        "openai": _openai(
            400,
            "Invalid value for 'temperature': must be at most 2.",
            "invalid_request_error",
            None,
            param="temperature",
        ),
        "anthropic": _anthropic(400, "invalid_request_error", "temperature: must be at most 1"),
    },
    "prefill_unsupported": {
        "openai": _openai(
            400, "The last message must be from the user.", "invalid_request_error", None, _OPENAI_CHAT, "messages"
        ),
        "anthropic": _anthropic(
            400,
            "invalid_request_error",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
    },
    "content_policy": {
        "openai": _openai(
            400,
            "Your request was rejected as a result of our safety system.",
            "invalid_request_error",
            "content_policy_violation",
        ),
        "azure": Documented(status=400, body={"error": _FILTERED}, follows=_AZURE_FILTER),
        "anthropic": _anthropic(400, "invalid_request_error", "Output blocked by content filtering policy"),
    },
    "server_error": {
        "openai": _openai(500, "The server had an error while processing your request.", "server_error", None),
        "azure": _azure(500, "InternalServerError", "The server had an error while processing your request."),
        "anthropic": _anthropic(500, "api_error", "Internal server error", retry=True),
    },
    "overloaded": {
        "openai": _openai(503, "The engine is currently overloaded, please try again later.", "server_error", None),
        "azure": _azure(503, "ServiceUnavailable", "The service is temporarily unable to process your request."),
        "anthropic": _anthropic(529, "overloaded_error", "Overloaded", retry=True),
    },
}
