"""The errors the providers document, by provider and name.

Status, type and code are the documented ones, and each entry cites the public page it follows. An error that is in no
documentation but well known from public reports cites such a report. A provider has the errors it is known to send and
no others. Names that several share mean the same in all: ``rate_limit`` refills by itself, ``insufficient_quota`` not
before a day or month is over or somebody pays, ``overloaded`` is everybody's. Further names are a provider's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue import (
    anthropic,
    azure,
    bedrock,
    cerebras,
    cohere,
    deepseek,
    fireworks,
    gemini,
    github_models,
    groq,
    huggingface,
    llamacpp,
    mistral,
    moonshot,
    nvidia,
    ollama,
    openai,
    openrouter,
    perplexity,
    qwen,
    together,
    vertex,
    vllm,
    xai,
    zhipu,
)
from failover_plugin.emulator.catalogue.entry import Documented

__all__ = ["ERRORS_OF", "NAMES", "Documented", "documented"]

NAMES = (
    "rate_limit",
    "insufficient_quota",
    "credit_balance",
    "invalid_api_key",
    "permission_denied",
    "model_not_found",
    "context_length",
    "invalid_request",
    "prefill_unsupported",
    "unsupported",
    "content_policy",
    "server_error",
    "overloaded",
)
"""The names that every wire format has."""

ERRORS_OF: Mapping[str, Mapping[str, Documented]] = {
    "openai": openai.ERRORS,
    "azure": azure.ERRORS,
    "anthropic": anthropic.ERRORS,
    "gemini": gemini.ERRORS,
    "vertex": vertex.ERRORS,
    "bedrock": bedrock.ERRORS,
    "mistral": mistral.ERRORS,
    "cohere": cohere.ERRORS,
    "groq": groq.ERRORS,
    "xai": xai.ERRORS,
    "deepseek": deepseek.ERRORS,
    "openrouter": openrouter.ERRORS,
    "together": together.ERRORS,
    "fireworks": fireworks.ERRORS,
    "huggingface": huggingface.ERRORS,
    "perplexity": perplexity.ERRORS,
    "cerebras": cerebras.ERRORS,
    "github_models": github_models.ERRORS,
    "nvidia": nvidia.ERRORS,
    "ollama": ollama.ERRORS,
    "vllm": vllm.ERRORS,
    "llamacpp": llamacpp.ERRORS,
    "zhipu": zhipu.ERRORS,
    "moonshot": moonshot.ERRORS,
    "qwen": qwen.ERRORS,
}
"""Each provider's own errors, by its canonical name."""


def documented(name: str, provider: str, wire: str = "openai") -> Documented:
    """The error of this name as ``provider`` says it; without words of its own, as its wire format's maker does.

    ``KeyError`` for a name that is in no catalogue.
    """
    for source in (provider, wire):
        if found := ERRORS_OF.get(source, {}).get(name):
            return found
    return openai.ERRORS[name]
