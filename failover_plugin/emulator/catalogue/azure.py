"""Azure's errors where they differ from OpenAI's: ``error.code`` is a string, often the status."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_REFERENCE = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
_LIMITS = "https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/azure-openai-429-token-rate-limit"
_NETWORK = "https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks"
_DEPLOYMENT = "https://github.com/MicrosoftDocs/azure-docs/issues/114013"
_FILTER = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"


def _error(status: int, code: str, message: str, follows: str = _REFERENCE) -> Documented:
    return Documented(status=status, body={"error": {"code": code, "message": message}}, follows=follows)


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
    "invalid_api_key": _error(401, "401", "Access denied due to invalid subscription key or wrong API endpoint."),
    "permission_denied": _error(403, "403", "Access denied due to Virtual Network/Firewall rules.", _NETWORK),
    "model_not_found": _error(
        404, "DeploymentNotFound", "The API deployment for this resource does not exist.", _DEPLOYMENT
    ),
    "content_policy": Documented(status=400, body={"error": _FILTERED}, follows=_FILTER),
    "server_error": _error(500, "InternalServerError", "The server had an error while processing your request."),
    "overloaded": _error(503, "ServiceUnavailable", "The service cannot process your request at this time.", _LIMITS),
}
