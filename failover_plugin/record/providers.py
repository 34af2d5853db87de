"""Who can be recorded: what LiteLLM calls each provider, and in which environment variables its keys are looked for.

The names of the variables are those that LiteLLM and the providers' own pages use. Models are cheap ones, and go out of
date: the command takes another by ``--model``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from failover_plugin.errors import ConfigError

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider as LiteLLM calls it.

    ``variables`` are the keywords of ``litellm.completion`` that come from the environment, each with its variable's
    name; ``secret`` is the one of them whose being wrong is a wrong key, empty where that cannot be had.
    """

    prefix: str
    model: str
    variables: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    secret: str = "api_key"  # noqa: S105 - a keyword's name

    def missing(self) -> list[str]:
        """The variables that are not set."""
        return [variable for variable in self.variables.values() if not os.environ.get(variable)]

    def keywords(self, model: str = "") -> dict[str, Any]:
        """What ``litellm.completion`` is told; ``KeyError`` if a variable is missing."""
        values = {keyword: os.environ[variable] for keyword, variable in self.variables.items()}
        return {"model": f"{self.prefix}/{model or self.model}", **self.options, **values}

    def secrets(self) -> list[str]:
        """The values that may be in no cassette, longest first; an address is where an answer comes from."""
        values = {os.environ[variable] for keyword, variable in self.variables.items() if keyword != "api_base"}
        return sorted(values, key=lambda value: (-len(value), value))


def _keyed(prefix: str, model: str, variable: str, **options: Any) -> Provider:
    return Provider(prefix=prefix, model=model, variables={"api_key": variable}, options=options)


_AZURE = {"api_key": "AZURE_API_KEY", "api_base": "AZURE_API_BASE"}
_VERTEX = {"vertex_project": "VERTEXAI_PROJECT", "vertex_credentials": "GOOGLE_APPLICATION_CREDENTIALS"}
_AWS = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
_LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
_ONE_ATTEMPT = ["max_retries"]  # else litellm drops max_retries=0 for these two, and the SDK tries three times

PROVIDERS: Mapping[str, Provider] = {
    "openai": _keyed("openai", "gpt-5.5", "OPENAI_API_KEY"),
    "azure": Provider(prefix="azure", model="gpt-5.5", variables=_AZURE, options={"api_version": "2024-10-21"}),
    "anthropic": _keyed("anthropic", "claude-sonnet-5", "ANTHROPIC_API_KEY"),
    "gemini": _keyed("gemini", "gemini-2.5-flash", "GEMINI_API_KEY"),
    "vertex": Provider(
        prefix="vertex_ai",
        model="gemini-2.5-flash",
        variables=_VERTEX,
        options={"vertex_location": "us-central1"},
        secret="",
    ),
    "bedrock": Provider(
        prefix="bedrock/converse",
        model="amazon.nova-lite-v1:0",
        variables=_AWS,
        options={"aws_region_name": "us-east-1"},
        secret="aws_secret_access_key",  # noqa: S106 - a keyword's name
    ),
    "mistral": _keyed("mistral", "mistral-small-latest", "MISTRAL_API_KEY"),
    "cohere": _keyed("cohere_chat", "command-a-03-2025", "COHERE_API_KEY"),
    "groq": _keyed("groq", "llama-3.3-70b-versatile", "GROQ_API_KEY"),
    "xai": _keyed("xai", "grok-4", "XAI_API_KEY"),
    "deepseek": _keyed("deepseek", "deepseek-chat", "DEEPSEEK_API_KEY"),
    "openrouter": _keyed("openrouter", "openai/gpt-5.5", "OPENROUTER_API_KEY"),
    "together": _keyed("together_ai", _LLAMA, "TOGETHERAI_API_KEY"),
    "fireworks": _keyed("fireworks_ai", "accounts/fireworks/models/deepseek-v3", "FIREWORKS_AI_API_KEY"),
    "huggingface": _keyed("huggingface", _LLAMA, "HF_TOKEN", api_base="https://router.huggingface.co/v1"),
    "perplexity": _keyed("perplexity", "sonar", "PERPLEXITYAI_API_KEY"),
    "cerebras": _keyed("cerebras", "llama-3.3-70b", "CEREBRAS_API_KEY"),
    "github_models": _keyed("github", "gpt-4o-mini", "GITHUB_API_KEY"),
    "nvidia": _keyed(
        "nvidia_nim", "meta/llama-3.3-70b-instruct", "NVIDIA_NIM_API_KEY", allowed_openai_params=_ONE_ATTEMPT
    ),
    "ollama": _keyed("ollama_chat", "gpt-oss:20b", "OLLAMA_API_KEY", api_base="https://ollama.com"),
    "vllm": Provider(prefix="hosted_vllm", model=_LLAMA, variables={"api_base": "HOSTED_VLLM_API_BASE"}, secret=""),
    "llamacpp": Provider(prefix="llamafile", model="llama", variables={"api_base": "LLAMAFILE_API_BASE"}, secret=""),
    "zhipu": _keyed("zai", "glm-4.6", "ZAI_API_KEY", allowed_openai_params=_ONE_ATTEMPT),
    "moonshot": _keyed("moonshot", "kimi-k2", "MOONSHOT_API_KEY"),
    "qwen": _keyed("dashscope", "qwen-plus", "DASHSCOPE_API_KEY"),
}


def chosen(names: list[str]) -> dict[str, Provider]:
    """The providers of these names, or all whose variables are set.

    ``ConfigError`` for a name that is unknown, a variable that is missing, or if there is nobody to record.
    """
    if not names:
        able = {name: provider for name, provider in PROVIDERS.items() if not provider.missing()}
        if able:
            return able
        remedy = "Name a provider to see which variable it needs, such as: failover record openai"
        raise ConfigError(f"PROVIDER: no provider has its keys in the environment. {remedy}")
    return {name: _ready(name) for name in names}


def _ready(name: str) -> Provider:
    provider = PROVIDERS.get(name)
    if provider is None:
        near = get_close_matches(name, PROVIDERS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known providers: {', '.join(PROVIDERS)}."
        raise ConfigError(f"PROVIDER = {name!r}: nobody is called so. {remedy}")
    if missing := provider.missing():
        variables = " and ".join(missing)
        raise ConfigError(f"{variables}: not set, and {name} cannot be asked without. Export it and try again.")
    return provider
