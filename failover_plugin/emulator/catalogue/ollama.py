"""Ollama's errors: ``{"error": "..."}`` on its own paths, OpenAI's shape with ``api_error`` under ``/v1``.

Only its cloud has limits, of an hour, a session and a week, and none says when it ends.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_API = "https://docs.ollama.com/api/errors"
_HOUR = "https://github.com/continuedev/continue/issues/9233"
_SESSION = "https://github.com/continuedev/continue/issues/11444"
_WEEK = "https://github.com/diegosouzapw/OmniRoute/issues/3709"
_BUSY = "https://github.com/ollama/ollama/issues/15934"
_QUEUE = "https://github.com/valentinfrlch/ha-llmvision/issues/648"
_TOOLS = "https://github.com/ollama/ollama/issues/14795"
_TOOLS_V1 = "https://github.com/ollama/ollama/issues/6027"


def _error(status: int, error: str, follows: str = _API) -> Documented:
    return Documented(status=status, body={"error": error}, follows=follows)


ERRORS = {
    "rate_limit": _error(429, "you've reached your hourly usage limit, please wait or upgrade to continue", _HOUR),
    "session_limit": _error(
        429, "you (emulated) have reached your session usage limit, upgrade for higher limits", _SESSION
    ),
    "insufficient_quota": _error(
        429, "you (emulated) have reached your weekly usage limit, upgrade for higher limits", _WEEK
    ),
    "invalid_api_key": _error(401, "unauthorized"),
    "model_not_found": _error(404, "model 'unknown' not found"),
    "invalid_request": _error(400, "the request is invalid"),
    "unsupported": _error(400, "registry.ollama.ai/library/gemma3:4b does not support tools", _TOOLS),
    "unsupported_v1": Documented(
        status=400,
        body={
            "error": {
                "message": "registry.ollama.ai/library/gemma3:4b does not support tools",
                "type": "api_error",
                "param": None,
                "code": None,
            }
        },
        follows=_TOOLS_V1,
    ),
    "server_error": _error(500, "the model failed to generate a response"),
    "overloaded": _error(503, "Server overloaded, please retry shortly (ref: emulated)", _BUSY),
    "queue_full": _error(503, "server busy, please try again.  maximum pending requests exceeded", _QUEUE),
    "unreachable": _error(502, "the cloud model cannot be reached"),
    "stream_error": _error(500, "an error was encountered while running the model"),
}
