"""NVIDIA's errors: problem details, ``{"status", "title", "detail"}``, from the gateway before its models.

What serves the models has ``{"error": {message, type, code}}`` instead, with the status as ``code``.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_LIMITED = "https://github.com/Alishahryar1/free-claude-code/issues/1485"
_KEY = "https://github.com/Alishahryar1/free-claude-code/issues/1385"
_DENIED = "https://github.com/dmMaze/BallonsTranslator/issues/1233"
_MODEL = "https://github.com/Alishahryar1/free-claude-code/issues/956"
_BUSY = "https://github.com/earendil-works/pi/issues/6364"
_SERVER = "https://github.com/Alishahryar1/free-claude-code/issues/1505"


def _error(status: int, title: str, detail: str | None, follows: str) -> Documented:
    body = {"status": status, "title": title} | ({"detail": detail} if detail else {})
    return Documented(status=status, body=body, follows=follows, headers={"content-type": "application/problem+json"})


def _model(status: int, kind: str, message: str, follows: str) -> Documented:
    return Documented(
        status=status, body={"error": {"message": message, "type": kind, "code": status}}, follows=follows
    )


ERRORS = {
    "rate_limit": _error(429, "Too Many Requests", None, _LIMITED),
    "invalid_api_key": _error(401, "Unauthorized", "Authentication failed", _KEY),
    "permission_denied": _error(403, "Forbidden", "Authorization failed", _DENIED),
    "model_not_found": _error(
        404, "Not Found", "Function '12345678-0000-0000-0000-000000000000': Not found for account 'emulated'", _MODEL
    ),
    "server_error": _model(500, "internal_server_error", "Internal server error", _SERVER),
    "overloaded": _model(
        503, "Service Unavailable", "ResourceExhausted: All workers are busy, please retry later", _BUSY
    ),
    "worker_limit": _model(
        503, "Service Unavailable", "ResourceExhausted: Worker local total request limit reached (34/32)", _BUSY
    ),
}
