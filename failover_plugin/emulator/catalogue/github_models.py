"""GitHub Models' errors: ``{"error": {code, message, details}}``, and a 429 in plain text.

Whether a minute's or a day's limit is used up stands only in ``x-ratelimit-type``. What the model itself refuses comes
in OpenAI's shape.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_LIMITS = "https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models#rate-limits"
_DAY = (
    "https://devactivity.com/insights/navigating-github-models-api-rate-limits-"
    "essential-for-effective-planning-a-software-development-project"
)
_LARGE = "https://github.com/dyad-sh/dyad/issues/1950"
_KEY = "https://github.com/CherryHQ/cherry-studio/issues/7438"
_ACCOUNT = "https://github.com/sdcb/chats/issues/58"
_MODEL = "https://github.com/github/gh-models/issues/65"
_SERVER = "https://github.com/github/gh-models/issues/98"
_PARAMETER = "https://github.com/iamngoni/gitwhisper/issues/14"
_RETIRED = "https://github.com/microsoft/langchain-for-beginners/issues/34"


def _error(status: int, code: str, message: str, follows: str) -> Documented:
    body = {"error": {"code": code, "message": message, "details": message}}
    return Documented(status=status, body=body, follows=follows)


def _model(status: int, message: str, kind: str, param: str | None, code: str | None, follows: str) -> Documented:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Documented(status=status, body={"error": error}, follows=follows)


def _limited(kind: str, retry_after: int, follows: str) -> Documented:
    headers = {"x-ratelimit-type": kind, "retry-after": str(retry_after)}
    return Documented(status=429, body="Too many requests", follows=follows, headers=headers)


ERRORS = {
    "rate_limit": _limited("UserByModelByMinute", 33, _LIMITS),
    "insufficient_quota": _limited("UserByModelByDay", 24367, _DAY),
    "invalid_api_key": _error(401, "unauthorized", "Bad credentials", _KEY),
    "account_unsupported": _error(401, "unauthorized", "Your account type is not currently supported", _ACCOUNT),
    "permission_denied": Documented(status=403, body="Forbidden", follows=_MODEL),
    "model_not_found": _error(400, "unknown_model", "Unknown model: openai/gpt-unknown", _MODEL),
    "payload_too_large": _error(
        413,
        "tokens_limit_reached",
        "Request body too large for gpt-5-mini model. Max size: 4000 tokens.",
        _LARGE,
    ),
    "unsupported": _model(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "invalid_request_error",
        "max_tokens",
        "unsupported_parameter",
        _PARAMETER,
    ),
    "server_error": _model(
        500, "The server had an error while processing your request.", "server_error", None, None, _SERVER
    ),
    "retired": Documented(
        status=410,
        body={
            "error": {
                "code": "github_models_retirement_brownout",
                "message": "GitHub Models is unavailable for now: it is going to be retired.",
            }
        },
        follows=_RETIRED,
    ),
}
