"""Perplexity's errors: ``{"error": {message, type, code}}`` with the status as ``code``; a wrong key meets the edge."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_KEY = "https://github.com/perplexityai/api-discussion/issues/281"
_MODEL = "https://github.com/perplexityai/api-discussion/issues/262"
_PARAMETER = "https://github.com/ITSpecialist111/ai_automation_suggester/issues/171"
_LIMITS = "https://docs.perplexity.ai/guides/rate-limits-usage-tiers"

_UNAUTHORIZED = """\
<html>
<head><title>401 Authorization Required</title></head>
<body>
<center><h1>401 Authorization Required</h1></center>
<hr><center>openresty</center>
</body>
</html>
"""


def _error(status: int, message: str, kind: str | None, follows: str) -> Documented:
    return Documented(
        status=status, body={"error": {"message": message, "type": kind, "code": status}}, follows=follows
    )


ERRORS = {
    "rate_limit": _error(429, "Too many requests, please wait.", None, _LIMITS),
    "invalid_api_key": Documented(
        status=401, body=_UNAUTHORIZED, follows=_KEY, headers={"content-type": "text/html", "server": "cloudflare"}
    ),
    "model_not_found": _error(400, "Invalid model 'sonar-unknown'.", "invalid_model", _MODEL),
    "invalid_request": _error(400, "max_tokens must be at least 16 for sonar.", "invalid_parameter", _PARAMETER),
}
