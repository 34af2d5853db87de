"""GitHub Models' errors: ``{"error": {code, message, details}}``, and a 429 in plain text.

Whether a minute's or a day's limit is used up stands only in ``x-ratelimit-type``.
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


def _error(status: int, code: str, message: str, follows: str) -> Documented:
    body = {"error": {"code": code, "message": message, "details": message}}
    return Documented(status=status, body=body, follows=follows)


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
}
