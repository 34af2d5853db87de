"""What is recorded: for each provider a healthy answer, plain and streamed, and every error of its catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from failover_plugin.emulator import Fault, faults
from failover_plugin.emulator.catalogue import ERRORS_OF, Documented
from support.providers import PROVIDERS

DOCS = {
    "openai": "https://platform.openai.com/docs/api-reference/chat",
    "openai_responses": "https://platform.openai.com/docs/api-reference/responses",
    "azure": "https://learn.microsoft.com/azure/ai-foundry/openai/reference",
    "anthropic": "https://platform.claude.com/docs/en/api/messages",
    "gemini": "https://ai.google.dev/api/generate-content",
    "vertex": "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    "mistral": "https://docs.mistral.ai/api/",
    "cohere": "https://docs.cohere.com/reference/chat",
    "groq": "https://console.groq.com/docs/api-reference",
    "xai": "https://docs.x.ai/docs/api-reference",
    "deepseek": "https://api-docs.deepseek.com/api/create-chat-completion",
    "openrouter": "https://openrouter.ai/docs/api-reference/chat-completion",
    "together": "https://docs.together.ai/reference/chat-completions-1",
    "fireworks": "https://docs.fireworks.ai/api-reference/post-chatcompletions",
    "huggingface": "https://huggingface.co/docs/inference-providers/tasks/chat-completion",
    "perplexity": "https://docs.perplexity.ai/api-reference/chat-completions-post",
    "cerebras": "https://inference-docs.cerebras.ai/api-reference/chat-completions",
    "github_models": "https://docs.github.com/en/rest/models/inference",
    "nvidia": "https://docs.api.nvidia.com/nim/reference/llm-apis",
    "ollama": "https://github.com/ollama/ollama/blob/main/docs/api.md",
    "vllm": "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    "llamacpp": "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
    "zhipu": "https://docs.z.ai/api-reference/llm/chat-completion",
    "moonshot": "https://platform.moonshot.ai/docs/api/chat",
    "qwen": "https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api",
}
"""Where each provider describes a healthy answer."""

STREAM_DOCS = {
    "anthropic": "https://platform.claude.com/docs/en/build-with-claude/streaming",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html",
}
"""Where a streamed one is described elsewhere."""

RESPONSES = {
    "model_not_found_responses",
    "reasoning_item",
    "item_not_found",
    "response_not_found",
    "file_not_found",
    "stream_error",
    "stream_response_failed",
}
"""OpenAI's errors that only its Responses API has. What both have is recorded from chat completions."""

IN_STREAM = {
    "openai": ("overloaded", DOCS["openai"]),
    "mistral": ("server_error", "https://github.com/mistralai/client-ts/issues/169"),
    "vllm": ("server_error", "https://github.com/vllm-project/guidellm/issues/743"),
}
"""Who sends an error of the catalogue inside a stream as well: which, and where that is described."""

WAITS = {"429_retry_after": 1, "429_retry_after_60": 60}
"""Rate limits with a ``Retry-After``, in seconds: the same answer twice for OpenAI and Anthropic, for the stories."""


@dataclass(frozen=True)
class Scenario:
    """One cassette: a provider's answer to one request; ``headers`` are those that its documentation names."""

    provider: str
    name: str
    follows: str
    fault: Fault | None = None
    stream: bool = False
    headers: frozenset[str] = frozenset()

    @property
    def cassette(self) -> str:
        """The name under which it is filed."""
        return f"{self.provider}/{self.name}"


def scenarios() -> Iterator[Scenario]:
    """Everything there is a cassette of."""
    for name in PROVIDERS:
        yield Scenario(name, "200_plain", DOCS[name])
        yield Scenario(name, "200_stream", STREAM_DOCS.get(name, DOCS[name]), stream=True)
        for error, entry in errors_of(name).items():
            yield _error(name, error, entry)
    for name, (error, follows) in IN_STREAM.items():
        yield Scenario(name, "200_stream_error", follows, faults.stream_error(error=error), stream=True)
    for name in ("openai", "anthropic"):
        for wait, seconds in WAITS.items():
            yield Scenario(name, wait, ERRORS_OF[name]["rate_limit"].follows, faults.rate_limit(seconds))


def errors_of(name: str) -> Mapping[str, Documented]:
    """What the emulator's catalogue has of a provider, or of this API of it."""
    errors = ERRORS_OF[PROVIDERS[name].catalogue].items()
    return {error: entry for error, entry in errors if _belongs(name, error)}


def _belongs(name: str, error: str) -> bool:
    if name.startswith("openai"):
        return (error in RESPONSES) == (name == "openai_responses")
    return not error.startswith("interactions_")  # Gemini's newer API, which neither litellm nor LangChain calls


def _error(provider: str, name: str, entry: Documented) -> Scenario:
    if name.startswith("stream_"):
        return Scenario(provider, f"200_{name}", entry.follows, faults.stream_error(error=name), stream=True)
    named = frozenset(entry.headers)
    return Scenario(provider, f"{entry.status}_{name}", entry.follows, faults.documented(name), headers=named)


SCENARIOS = tuple(scenarios())
