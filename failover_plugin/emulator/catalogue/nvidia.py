"""NVIDIA's errors: problem details, ``{"status", "title", "detail"}``, from the gateway before its models."""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_LIMITED = "https://github.com/Alishahryar1/free-claude-code/issues/1485"
_KEY = "https://github.com/Alishahryar1/free-claude-code/issues/1385"
_DENIED = "https://github.com/dmMaze/BallonsTranslator/issues/1233"
_MODEL = "https://github.com/Alishahryar1/free-claude-code/issues/956"


def _error(status: int, title: str, detail: str | None, follows: str) -> Documented:
    body = {"status": status, "title": title} | ({"detail": detail} if detail else {})
    return Documented(status=status, body=body, follows=follows, headers={"content-type": "application/problem+json"})


ERRORS = {
    "rate_limit": _error(429, "Too Many Requests", None, _LIMITED),
    "invalid_api_key": _error(401, "Unauthorized", "Authentication failed", _KEY),
    "permission_denied": _error(403, "Forbidden", "Authorization failed", _DENIED),
    "model_not_found": _error(
        404, "Not Found", "Function '12345678-0000-0000-0000-000000000000': Not found for account 'emulated'", _MODEL
    ),
}
