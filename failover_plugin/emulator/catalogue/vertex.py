"""Vertex AI's errors: Google's envelope as in the Gemini API; there is no key, and shared capacity has no details."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented
from failover_plugin.emulator.catalogue.gemini import error, info

_ERRORS = "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors"
_BUSY = "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/error-code-429"
_REASONS = "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto"
_QUOTA = "https://github.com/felixbinder/introspection_self_prediction/issues/66"
_ROLE = "https://github.com/rpurinton/gemini-php/issues/4"
_MODEL = "https://github.com/truefoundry/models/pull/946"
_CONTEXT = "https://github.com/google-gemini/gemini-cli/issues/27197"
_ARRAY = "https://github.com/google-gemini/gemini-cli/issues/14811"
_TOOLS = "https://github.com/googleapis/python-aiplatform/issues/4366"
_ENDPOINT = "https://github.com/egoist/chatwise-releases/issues/1009"

_SERVICE = "aiplatform.googleapis.com"
_RESOURCE = f"//{_SERVICE}/projects/emulated/locations/us-central1/publishers/google/models/gemini-3-flash"
_BUSY_WORDS = "Resource exhausted. Please try again later."

ERRORS = {
    "rate_limit": error(429, "RESOURCE_EXHAUSTED", _BUSY_WORDS, _BUSY),
    "quota_per_minute": error(
        429,
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for {_SERVICE}/generate_content_requests_per_minute_per_project_per_base_model "
        "with base model: gemini-3-flash. Please submit a quota increase request.",
        _QUOTA,
    ),
    "provisioned_throughput": error(
        429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput.", _BUSY
    ),
    "credit_balance": error(
        403,
        "PERMISSION_DENIED",
        "This API method requires billing to be enabled.",
        _REASONS,
        info("BILLING_DISABLED", _SERVICE, consumer="projects/emulated"),
    ),
    "service_disabled": error(
        403,
        "PERMISSION_DENIED",
        "Vertex AI API has not been used in this project before or it is disabled.",
        _REASONS,
        info("SERVICE_DISABLED", _SERVICE, consumer="projects/emulated"),
    ),
    "invalid_api_key": error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token.",
        _REASONS,
        info("ACCESS_TOKEN_TYPE_UNSUPPORTED", _SERVICE),
    ),
    "missing_credentials": error(
        401,
        "UNAUTHENTICATED",
        "Request is missing required authentication credential.",
        _REASONS,
        info("CREDENTIALS_MISSING", _SERVICE),
    ),
    "permission_denied": error(
        403,
        "PERMISSION_DENIED",
        f"Permission 'aiplatform.endpoints.predict' denied on resource '{_RESOURCE}' (or it may not exist).",
        _ROLE,
        info("IAM_PERMISSION_DENIED", _SERVICE, _SERVICE, permission="aiplatform.endpoints.predict"),
    ),
    "model_not_found": error(
        404,
        "NOT_FOUND",
        "Publisher Model `projects/emulated/locations/global/publishers/google/models/gemini-unknown` was not found "
        "or your project does not have access to it.",
        _MODEL,
    ),
    "context_length": error(
        400,
        "INVALID_ARGUMENT",
        "The input token count (81881) exceeds the maximum number of tokens allowed (65536).",
        _CONTEXT,
    ),
    "invalid_request": error(400, "INVALID_ARGUMENT", "temperature must be in the range [0, 2].", _ERRORS),
    "unsupported": error(
        400, "INVALID_ARGUMENT", "Unable to submit request because Function Calling is not supported here.", _TOOLS
    ),
    "endpoint_unsupported": error(
        400, "FAILED_PRECONDITION", "claude-unknown is not supported in the streamGenerateContent API.", _ENDPOINT
    ),
    "server_error": error(500, "INTERNAL", "Internal error encountered.", _ERRORS),
    "overloaded": error(503, "UNAVAILABLE", "The service is currently unavailable.", _ERRORS),
    "timeout": error(504, "DEADLINE_EXCEEDED", "The request did not finish within its deadline.", _ERRORS),
    "array": Documented(
        status=429,
        body=[{"error": {"code": 429, "message": _BUSY_WORDS, "status": "RESOURCE_EXHAUSTED"}}],
        follows=_ARRAY,
    ),
    "stream_error": error(429, "RESOURCE_EXHAUSTED", _BUSY_WORDS, _ARRAY),
}
