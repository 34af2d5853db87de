"""What the speakers of OpenAI's chat completions say differently: headers on every answer, and an error in mid-stream.

Each dialect cites the page or report it follows. Bodies of errors are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import mapping


def _enclosed(error: Documented) -> object:
    """Under ``error``, where every SDK looks for it: a body that is flat or text is put there."""
    body = mapping(error.body)
    return body if "error" in body else {"error": body or {"message": str(error.body)}}


def _flat(error: Documented) -> object:
    return error.body


def _with_status(error: Documented) -> object:
    """Groq's: ``error.status_code`` is the status that the answer would have had."""
    return {"error": {**mapping(mapping(_enclosed(error)).get("error")), "status_code": error.status}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one provider speaks chat completions; ``{}`` in a header stands for the request's own id.

    An error in mid-stream is ``in_stream`` of it, in an event of the name ``event``; with ``in_chunk`` it comes inside
    a chunk whose finish reason is "error", with ``and_done`` the usual sentinel comes behind it. With ``in_array`` a
    refusal is a JSON array.
    """

    follows: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    event: str = ""
    in_stream: Callable[[Documented], object] = _enclosed
    in_chunk: bool = False
    in_array: bool = False
    and_done: bool = False


def _limits(kinds: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """``x-ratelimit-{limit,remaining,reset}-{kind}`` from a limit and when it is whole again."""
    limits = {f"x-ratelimit-limit-{kind}": str(limit) for kind, (limit, _) in kinds.items()}
    remaining = {f"x-ratelimit-remaining-{kind}": str(limit - 1) for kind, (limit, _) in kinds.items()}
    return limits | remaining | {f"x-ratelimit-reset-{kind}": reset for kind, (_, reset) in kinds.items() if reset}


_PLAIN = Dialect(follows=("https://platform.openai.com/docs/api-reference/chat",), headers={"x-request-id": "{}"})

DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(
        follows=("https://platform.openai.com/docs/guides/rate-limits",),
        headers={
            "openai-version": "2020-10-01",
            "openai-processing-ms": "20",
            "x-request-id": "req_{}",
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-remaining-tokens": "29990",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-reset-tokens": "20ms",
        },
    ),
    "gemini": Dialect(
        follows=("https://ai.google.dev/gemini-api/docs/openai", "https://github.com/n4ze3m/page-assist/issues/406"),
        headers={"server-timing": "gfet4t7; dur=20"},
        in_array=True,
    ),
    "groq": Dialect(
        follows=(
            "https://console.groq.com/docs/rate-limits",
            "https://github.com/UKGovernmentBEIS/inspect_ai/pull/5218",
        ),
        headers={
            "x-request-id": "req_{}",
            **_limits({"requests": (14400, "6s"), "tokens": (18000, "7.66s")}),
        },
        event="error",
        in_stream=_with_status,
    ),
    "mistral": Dialect(
        follows=("https://docs.mistral.ai/api", "https://github.com/mistralai/client-ts/issues/169"),
        headers={
            "mistral-correlation-id": "{}",
            "x-ratelimit-tokens-query-cost": "52",
            **_limits({"tokens-minute": (500_000, ""), "req-minute": (60, "")}),
        },
        in_stream=_flat,
    ),
    "xai": Dialect(
        follows=("https://docs.x.ai/docs/key-information/consumption-and-rate-limits",),
        headers={"x-request-id": "{}", **_limits({"requests": (480, ""), "tokens": (4_000_000, "")})},
    ),
    "deepseek": Dialect(
        follows=("https://api-docs.deepseek.com/quick_start/rate_limit",), headers={"x-ds-trace-id": "{}"}
    ),
    "openrouter": Dialect(
        follows=(
            "https://openrouter.ai/docs/api/reference/streaming",
            "https://openrouter.ai/docs/api/reference/errors-and-debugging",
        ),
        headers={"x-generation-id": "gen-{}"},
        in_chunk=True,
    ),
    "together": Dialect(
        follows=(
            "https://docs.together.ai/docs/rate-limits",
            "https://support.together.ai/en/articles/8988956-rate-limits",
        ),
        headers={
            "x-request-id": "{}",
            "x-ratelimit-limit": "10.0",
            "x-ratelimit-remaining": "9.0",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000.0",
            "x-tokenlimit-remaining": "2990.0",
        },
    ),
    "fireworks": Dialect(
        follows=("https://docs.fireworks.ai/serverless/rate-limits",),
        headers={
            "x-request-id": "{}",
            "x-ratelimit-over-limit": "no",
            **_limits({"requests": (600, ""), "tokens-prompt": (60_000, ""), "tokens-generated": (6_000, "")}),
        },
    ),
    "huggingface": Dialect(
        follows=("https://huggingface.co/docs/inference-providers/tasks/chat-completion",),
        headers={"x-request-id": "{}"},
    ),
    "cerebras": Dialect(
        follows=("https://inference-docs.cerebras.ai/support/rate-limits",),
        headers={
            "x-request-id": "{}",
            **_limits({"requests-day": (14400, "33011.38"), "tokens-minute": (60_000, "11.38")}),
        },
    ),
    "github_models": Dialect(
        follows=("https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models",),
        headers={"x-request-id": "{}", "x-github-request-id": "{}"},
    ),
    "nvidia": Dialect(
        follows=(
            "https://docs.nvidia.com/cloud-functions/user-guide/latest/cloud-function/api.html",
            "https://github.com/langchain-ai/langchain-nvidia",  # whose package reads them
        ),
        headers={"nvcf-reqid": "{}", "nvcf-status": "fulfilled"},
    ),
    "vllm": Dialect(
        follows=("https://github.com/vllm-project/guidellm/issues/743",),
        headers={"x-request-id": "{}"},
        and_done=True,
    ),
    "llamacpp": Dialect(
        follows=("https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",),
        headers={"server": "llama.cpp"},
    ),
    "qwen": Dialect(
        follows=("https://www.alibabacloud.com/help/en/model-studio/error-code",), headers={"x-request-id": "{}"}
    ),
}


def dialect_of(provider: str) -> Dialect:
    """The provider's dialect; a request id and nothing else of its own for one that is not known to differ."""
    return DIALECTS.get(provider, _PLAIN)
