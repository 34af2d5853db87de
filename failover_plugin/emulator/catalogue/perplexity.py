"""Perplexity's errors: ``{"error": {message, type, code}}`` with the status as ``code``; a wrong key meets the edge."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_KEY = "https://github.com/perplexityai/api-discussion/issues/281"
_MODEL = "https://github.com/perplexityai/api-discussion/issues/262"
_PARAMETER = "https://github.com/ITSpecialist111/ai_automation_suggester/issues/171"
_LIMITS = "https://docs.perplexity.ai/guides/rate-limits-usage-tiers"
_GATEWAY = "https://github.com/perplexityai/api-discussion/issues/284"
_ROLES = "https://github.com/obsidianmd/obsidian-clipper/issues/363"


def _page(status: int, title: str, server: str, follows: str) -> Documented:
    """What the edge says, as a web page."""
    page = (
        f"<html>\n<head><title>{status} {title}</title></head>\n<body>\n<center><h1>{status} {title}</h1></center>\n"
        f"<hr><center>{server}</center>\n</body>\n</html>\n"
    )
    headers = {"content-type": "text/html", "server": "cloudflare"}
    return Documented(status=status, body=page, follows=follows, headers=headers)


def _error(status: int, message: str, kind: str | None, follows: str) -> Documented:
    return Documented(
        status=status, body={"error": {"message": message, "type": kind, "code": status}}, follows=follows
    )


ERRORS = {
    "rate_limit": _error(429, "Too many requests, please wait.", None, _LIMITS),
    "invalid_api_key": _page(401, "Authorization Required", "openresty", _KEY),
    "model_not_found": _error(400, "Invalid model 'sonar-unknown'.", "invalid_model", _MODEL),
    "invalid_request": _error(400, "max_tokens must be at least 16 for sonar.", "invalid_parameter", _PARAMETER),
    "invalid_message": _error(
        400,
        "user and assistant roles should be alternating",
        "invalid_message",
        _ROLES,
    ),
    "server_error": _page(502, "Bad Gateway", "cloudflare", _GATEWAY),
}
