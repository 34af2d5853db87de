"""Hugging Face's errors: ``error`` is a sentence in most of them; a cold model says when it will be loaded.

The router speaks for many providers, the dedicated endpoints are text-generation-inference.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue.entry import Documented

_CREDIT = "https://github.com/huggingface/agents-course/issues/386"
_KEY = "https://github.com/huggingface/mcp-course/issues/55"
_DENIED = "https://github.com/CSOAI-ORG/councilof-ai/issues/1102"
_MODEL = "https://github.com/n4ze3m/page-assist/issues/727"
_COLD = "https://github.com/huggingface/transformers/issues/32665"
_LIMITS = "https://huggingface.co/docs/hub/rate-limits"
_TGI = "https://huggingface.github.io/text-generation-inference/"


def _error(status: int, error: str, follows: str, **more: object) -> Documented:
    return Documented(status=status, body={"error": error, **more}, follows=follows)


ERRORS = {
    "rate_limit": Documented(
        status=429,
        body={"error": "We had to rate limit you."},
        follows=_LIMITS,
        headers={"ratelimit": '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=1000;w=300'},
    ),
    "insufficient_quota": _error(
        402, "You have exceeded your monthly included credits for Inference Providers.", _CREDIT
    ),
    "invalid_api_key": _error(401, "Invalid username or password.", _KEY),
    "permission_denied": _error(
        403,
        "This authentication method does not have sufficient permissions to call Inference Providers on behalf of "
        "user emulated",
        _DENIED,
    ),
    "model_not_found": Documented(
        status=400,
        body={
            "error": {
                "message": "The requested model 'unknown/model' is not supported by any provider you have enabled.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_supported",
            }
        },
        follows=_MODEL,
    ),
    "context_length": _error(
        422,
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5013 `inputs` tokens "
        "and 128 `max_new_tokens`",
        _TGI,
        error_type="validation",
    ),
    "invalid_request": _error(
        422, "Input validation error: `temperature` must be strictly positive", _TGI, error_type="validation"
    ),
    "server_error": _error(500, "Incomplete generation", _TGI, error_type="incomplete_generation"),
    "generation_failed": _error(424, "Request failed during generation", _TGI, error_type="generation"),
    "overloaded": _error(429, "Model is overloaded", _TGI, error_type="overloaded"),
    "cold": _error(503, "Model meta-llama/Llama is currently loading", _COLD, estimated_time=20.0),
    "stream_error": _error(424, "Request failed during generation", _TGI, error_type="generation"),
}
