"""vLLM's errors: a flat ``{object, message, type, param, code}``, in newer versions under ``error``.

``code`` is the status. A server of one's own has no accounts, so neither limits nor quotas.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_SERVER = "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
_REQUEST = "https://github.com/vllm-project/vllm/issues/4667"
_CONTEXT = "https://github.com/meta-llama/llama-verifications/issues/58"
_NESTED = "https://github.com/harbor-framework/harbor/pull/996"
_TOOLS = "https://github.com/FoundationAgents/OpenManus/issues/331"
_KEY = "https://github.com/vllm-project/vllm/issues/22407"


def _error(status: int, kind: str, message: str, follows: str) -> Documented:
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    return Documented(status=status, body=body, follows=follows)


ERRORS = {
    "invalid_api_key": Documented(status=401, body={"error": "Unauthorized"}, follows=_KEY),
    "model_not_found": _error(404, "NotFoundError", "The model `unknown` does not exist.", _SERVER),
    "context_length": _error(
        400,
        "BadRequestError",
        "This model's maximum context length is 131072 tokens. However, you requested 156632 tokens "
        "(152536 in the messages, 4096 in the completion).",
        _CONTEXT,
    ),
    "context_length_nested": Documented(
        status=400,
        body={
            "error": {
                "message": "You passed 1015 input tokens and requested 10 output tokens. However, the model's context "
                "length is only 1024 tokens.",
                "type": "BadRequestError",
                "param": "input_tokens",
                "code": 400,
            }
        },
        follows=_NESTED,
    ),
    "invalid_request": _error(400, "BadRequestError", "max_tokens must be at least 1, got -186.", _REQUEST),
    "unsupported": _error(
        400,
        "BadRequestError",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        _TOOLS,
    ),
    "server_error": _error(500, "InternalServerError", "Internal server error", _SERVER),
}
