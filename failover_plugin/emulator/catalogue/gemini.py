"""The Gemini API's errors: ``{"error": {code, message, status, details}}``, an array of one from streaming endpoints.

Every 429 speaks of plan and billing; which quota it is, ``QuotaFailure`` says in ``details``, and how long to wait,
``RetryInfo``. A wrong key is a 400, and a prompt that is blocked is no error but a 200 without candidates.

Its newer Interactions API has ``{"error": {code, message}}`` with a word for a code; a prompt that is blocked is a 400.
"""

from __future__ import annotations

from typing import Any

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://ai.google.dev/gemini-api/docs/troubleshooting"
_MINUTE = "https://github.com/google-gemini/gemini-cli/issues/8437"
_DAY = "https://dev.to/nils44344/gemini-api-429-resourceexhausted-why-your-limit-is-0-68o"
_NO_PLAN = "https://github.com/continuedev/continue/issues/9570"
_KEY = "https://github.com/cequence-io/openai-scala-client/issues/109"
_MODEL = "https://github.com/wwardaww/gnome-gemini-ai/issues/21"
_CONTEXT = "https://github.com/google-gemini/gemini-cli/issues/4231"
_TOOLS = "https://github.com/agno-agi/agno/issues/3505"
_FIELD = "https://github.com/Alishahryar1/free-claude-code/issues/1548"
_BUSY = "https://github.com/google-gemini/gemini-cli/issues/5191"
_CAPACITY = "https://github.com/badrisnarayanan/antigravity-claude-proxy/issues/197"
_INTERACTIONS = "https://ai.google.dev/gemini-api/docs/api-errors"
_REFUSED = "https://github.com/googleapis/js-genai/issues/1973"
_SIGNATURE = "https://github.com/allenhutchison/obsidian-gemini/issues/228"
_EXPIRED = "https://github.com/google-gemini/gemini-cli/issues/4430"
_ARRAY = "https://github.com/google-gemini/gemini-cli/issues/6678"

_TYPE = "type.googleapis.com/google.rpc."
_TOO_LONG = "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"


def error(status: int, name: str, message: str, follows: str = _CODES, *details: dict[str, Any]) -> Documented:
    """An error as Google's APIs send it: ``name`` is the gRPC code."""
    body = {"code": status, "message": message, "status": name} | ({"details": list(details)} if details else {})
    return Documented(status=status, body={"error": body}, follows=follows)


def _interaction(status: int, code: str, message: str, follows: str = _INTERACTIONS) -> Documented:
    return Documented(status=status, body={"error": {"code": code, "message": message}}, follows=follows)


def info(reason: str, service: str, domain: str = "googleapis.com", **metadata: str) -> dict[str, Any]:
    """``ErrorInfo``: why, in one word."""
    return {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": {"service": service, **metadata},
    }


def retry(delay: str) -> dict[str, Any]:
    """``RetryInfo``: ``delay`` is a protobuf duration such as ``34s``."""
    return {"@type": f"{_TYPE}RetryInfo", "retryDelay": delay}


def _quota(ident: str, value: str, metric: str = _METRIC) -> dict[str, Any]:
    dimensions = {"location": "global", "model": "gemini-3-flash"}
    violation = {"quotaMetric": metric, "quotaId": ident, "quotaDimensions": dimensions, "quotaValue": value}
    return {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}


ERRORS = {
    "rate_limit": error(
        429,
        "RESOURCE_EXHAUSTED",
        f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 5, model: gemini-3-flash\nPlease retry in 34.07s.",
        _MINUTE,
        _quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "5"),
        retry("34s"),
    ),
    "insufficient_quota": error(
        429,
        "RESOURCE_EXHAUSTED",
        f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 20, model: gemini-3-flash\nPlease retry in 9h54m0s.",
        _DAY,
        _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20"),
        retry("35640s"),
    ),
    "daily_limit": error(
        429,
        "RESOURCE_EXHAUSTED",
        f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 100, model: gemini-3-flash\nPlease retry in 37.2s.",
        _MINUTE,
        _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "100"),
        retry("37s"),
    ),
    "plan_without_quota": error(
        429,
        "RESOURCE_EXHAUSTED",
        f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 0, model: gemini-3-pro\nPlease retry in 45.57s.",
        _NO_PLAN,
        _quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0"),
        retry("45s"),
    ),
    "billing_required": error(
        400,
        "FAILED_PRECONDITION",
        "The free tier is not available in your country. Please enable billing on your project.",
    ),
    "invalid_api_key": error(
        400,
        "INVALID_ARGUMENT",
        "API key not valid.",
        _KEY,
        info("API_KEY_INVALID", "generativelanguage.googleapis.com"),
    ),
    "expired_api_key": error(
        400,
        "INVALID_ARGUMENT",
        "API key expired. Please renew the API key.",
        _EXPIRED,
        info("API_KEY_INVALID", "generativelanguage.googleapis.com"),
    ),
    "permission_denied": error(403, "PERMISSION_DENIED", "Your API key doesn't have the required permissions."),
    "model_not_found": error(404, "NOT_FOUND", "models/gemini-unknown is not found for API version v1beta.", _MODEL),
    "context_length": error(
        400,
        "INVALID_ARGUMENT",
        _TOO_LONG,
        _CONTEXT,
    ),
    "invalid_request": error(
        400,
        "INVALID_ARGUMENT",
        'Invalid JSON payload received. Unknown name "metadata": Cannot find field.',
        _FIELD,
        {"@type": f"{_TYPE}BadRequest", "fieldViolations": [{"description": 'Unknown name "metadata".'}]},
    ),
    "unsupported": error(400, "INVALID_ARGUMENT", "Function calling is not enabled for models/gemma-3-12b-it", _TOOLS),
    "thought_signature": error(
        400,
        "INVALID_ARGUMENT",
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly. Additional data, function call `default_api:lookup` , position 2.",
        _SIGNATURE,
    ),
    "server_error": error(500, "INTERNAL", "An unexpected error occurred on Google's side."),
    "overloaded": error(503, "UNAVAILABLE", "The model is overloaded.", _BUSY),
    "no_capacity": error(
        503,
        "UNAVAILABLE",
        "No capacity available for model gemini-3-pro on the server",
        _CAPACITY,
        info("MODEL_CAPACITY_EXHAUSTED", "cloudcode-pa.googleapis.com", "cloudcode-pa.googleapis.com"),
        retry("40s"),
    ),
    "timeout": error(504, "DEADLINE_EXCEEDED", "The service is unable to finish processing within the deadline."),
    "array": Documented(
        status=400,
        body=[
            {
                "error": {
                    "code": 400,
                    "message": _TOO_LONG,
                    "errors": [{"message": "The prompt is too long.", "domain": "global", "reason": "badRequest"}],
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        follows=_ARRAY,
    ),
    "interactions_rate_limit": _interaction(429, "rate_limit_exceeded", "The limit per minute is exceeded."),
    "interactions_quota": _interaction(429, "quota_exceeded", "The daily quota is exceeded."),
    "interactions_payment": _interaction(402, "payment_required", "Payment is required."),
    "interactions_key": _interaction(401, "authentication", "The API key is missing, invalid or expired."),
    "interactions_permission": _interaction(403, "permission_denied", "This key may not use that."),
    "interactions_model": _interaction(404, "model_not_found", "The model was not found."),
    "interactions_request": _interaction(400, "invalid_request", "A parameter is invalid."),
    "interactions_parameter": _interaction(400, "parameter_unknown", "There is no such parameter."),
    "interactions_refused": _interaction(400, "prohibited_content", "The input is blocked.", _REFUSED),
    "stream_error": error(503, "UNAVAILABLE", "The model is overloaded.", _BUSY),
}
