"""llama.cpp's errors: ``{"error": {code, message, type}}``; what it does not support is often a 500.

A server of one's own has no accounts, so neither limits nor quotas; it is busy only while it loads its model.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_README = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
_CONTEXT = "https://github.com/oobabooga/textgen/issues/7257"
_CONTEXT_500 = "https://github.com/ggml-org/llama.cpp/pull/15780"
_TOOLS = "https://github.com/giuseppe/git-chronicler/issues/3"
_PARAMETER = "https://github.com/ggml-org/llama.cpp/issues/10920"

_LARGE = "the request exceeds the available context size"


def _error(status: int, kind: str, message: str, follows: str = _README, **more: int) -> Documented:
    error = {"code": status, "message": message, "type": kind, **more}
    return Documented(status=status, body={"error": error}, follows=follows)


ERRORS = {
    "invalid_api_key": _error(401, "authentication_error", "Invalid API Key"),
    "context_length": _error(400, "exceed_context_size_error", _LARGE, _CONTEXT, n_prompt_tokens=14429, n_ctx=8192),
    "context_length_500": _error(
        500, "exceed_context_size_error", _LARGE, _CONTEXT_500, n_prompt_tokens=1407, n_ctx=256
    ),
    "invalid_request": _error(400, "invalid_request_error", "Failed to parse grammar"),
    "unsupported": _error(500, "server_error", "tools param requires --jinja flag", _TOOLS),
    "unsupported_parameter": _error(500, "server_error", "Unsupported param: tools", _PARAMETER),
    "not_supported": _error(501, "not_supported_error", "This server does not support metrics endpoint."),
    "overloaded": _error(503, "unavailable_error", "Loading model"),
    "stream_error": _error(400, "exceed_context_size_error", _LARGE, _CONTEXT, n_prompt_tokens=14429, n_ctx=8192),
}
