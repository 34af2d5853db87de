"""Azure's errors where they differ from OpenAI's: ``error.code`` is a string, often the status.

What the model itself refuses comes in OpenAI's shape. ``x-ratelimit-reset-*`` are bare seconds, and a role that is
missing is a 401.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue.entry import Documented

_REFERENCE = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
_LIMITS = "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/azure-openai-429-token-rate-limit"
_QUOTA = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
_DAY = "https://github.com/alex-wolf-ps/dbchatprov2/issues/2"
_DEMAND = "https://www.developersdigest.tech/errors/api/azure-openai"
_NETWORK = "https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks"
_ROLE = "https://github.com/MicrosoftDocs/azure-docs/issues/114370"
_DEPLOYMENT = "https://github.com/MicrosoftDocs/azure-docs/issues/114013"
_FILTER = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"
_PARAMETER = "https://github.com/owndev/Open-WebUI-Functions/issues/136"
_CONTEXT = "https://github.com/Azure/azure-sdk-for-net/issues/41892"
_TOO_LARGE = "https://github.com/charmbracelet/catwalk/issues/41"

_CALLER = "invalid_request_error"
_OPERATION = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded "


def _error(
    status: int, code: str, message: str, follows: str = _REFERENCE, headers: Mapping[str, str] | None = None
) -> Documented:
    body = {"error": {"code": code, "message": message}}
    return Documented(status=status, body=body, follows=follows, headers=headers or {})


def _model(message: str, param: str, code: str, follows: str) -> Documented:
    error = {"message": message, "type": _CALLER, "param": param, "code": code}
    return Documented(status=400, body={"error": error}, follows=follows)


_FILTERED = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
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

ERRORS = {
    "rate_limit": _error(429, "429", "Requests to this deployment have exceeded its call rate limit.", _LIMITS),
    "rate_limit_timed": _error(
        429,
        "RateLimitReached",
        "Your requests to this deployment have exceeded its token rate limit. Please retry after 20 seconds.",
        _QUOTA,
        {
            "retry-after": "20",
            "retry-after-ms": "20000",
            "x-ratelimit-limit-tokens": "8000",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "20",
        },
    ),
    "daily_limit": _error(
        429, "429", f"{_OPERATION}token rate limit of your current tier. Please retry after 86400 seconds.", _DAY
    ),
    "high_demand": _error(
        429, "429", "The system is currently experiencing high demand and cannot process your request.", _DEMAND
    ),
    "invalid_api_key": _error(401, "401", "Access denied due to invalid subscription key or wrong API endpoint."),
    "role_missing": _error(401, "PermissionDenied", "Principal does not have access to API/Operation.", _ROLE),
    "permission_denied": _error(403, "403", "Access denied due to Virtual Network/Firewall rules.", _NETWORK),
    "model_not_found": _error(
        404, "DeploymentNotFound", "The API deployment for this resource does not exist.", _DEPLOYMENT
    ),
    "invalid_request": _model(
        "max_tokens is too large: 20000. This model supports at most 16384 completion tokens.",
        "max_tokens",
        "invalid_value",
        _TOO_LARGE,
    ),
    "context_length": _model(
        "This model's maximum context length is 32768 tokens. However, you requested 35969 tokens "
        "(9969 in the messages, 26000 in the completion).",
        "messages",
        "context_length_exceeded",
        _CONTEXT,
    ),
    "unsupported": _model(
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "max_tokens",
        "unsupported_parameter",
        _PARAMETER,
    ),
    "content_policy": Documented(status=400, body={"error": _FILTERED}, follows=_FILTER),
    "server_error": _error(500, "InternalServerError", "The server had an error while processing your request."),
    "overloaded": _error(503, "ServiceUnavailable", "The service cannot process your request at this time.", _LIMITS),
}
