"""Whose host is whose: a site that is named by a real host is that provider's, and its errors are too.

The hosts are the ones in each provider's API reference; ``BASE_PATHS`` is where its chat completions live under them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from failover_plugin.errors import ConfigError

HOSTS: Mapping[str, str] = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "aiplatform.googleapis.com": "vertex",
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.groq.com": "groq",
    "api.x.ai": "xai",
    "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "router.huggingface.co": "huggingface",
    "api-inference.huggingface.co": "huggingface",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
    "models.github.ai": "github_models",
    "models.inference.ai.azure.com": "github_models",
    "integrate.api.nvidia.com": "nvidia",
    "ollama.com": "ollama",
    "open.bigmodel.cn": "zhipu",
    "api.z.ai": "zhipu",
    "api.moonshot.ai": "moonshot",
    "api.moonshot.cn": "moonshot",
    "dashscope.aliyuncs.com": "qwen",
    "dashscope-intl.aliyuncs.com": "qwen",
    "dashscope-us.aliyuncs.com": "qwen",
}

_ENDINGS = (  # hosts with a part of the customer's own: a resource, a region
    (".openai.azure.com", "azure"),
    (".cognitiveservices.azure.com", "azure"),
    (".services.ai.azure.com", "azure"),
    ("-aiplatform.googleapis.com", "vertex"),
    (".amazonaws.com", "bedrock"),
    (".api.mistral.ai", "mistral"),
    (".endpoints.huggingface.cloud", "huggingface"),
)

PROVIDERS = tuple(dict.fromkeys([*HOSTS.values(), *(name for _, name in _ENDINGS), "vllm", "llamacpp"]))
"""The canonical names."""

BASE_PATHS: Mapping[str, str] = {
    "azure": "/openai/v1",
    "gemini": "/v1beta/openai",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "fireworks": "/inference/v1",
    "perplexity": "",
    "github_models": "/inference",
    "zhipu": "/api/paas/v4",
    "qwen": "/compatible-mode/v1",
}
"""Where a provider's chat completions live; ``/v1`` for all others."""


def provider_of(host: str) -> str | None:
    """The provider behind a host name, None if it is nobody's."""
    return HOSTS.get(host) or next((provider for ending, provider in _ENDINGS if host.endswith(ending)), None)


def known(provider: str) -> str:
    """The name itself; ``ConfigError`` if no provider is called so."""
    if provider in PROVIDERS:
        return provider
    near = get_close_matches(provider, PROVIDERS, n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else f"Known providers: {', '.join(PROVIDERS)}."
    raise ConfigError(f"provider = {provider!r}: the emulator knows no such provider. {remedy}")
