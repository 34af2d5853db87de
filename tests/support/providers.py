"""Where each provider is, and what a client is told that calls it there.

Not among LangChain's classes (``chat_models.CHAT_MODELS``), because none is installed: Cohere, GitHub Models, vLLM,
llama.cpp, Zhipu, Moonshot and Qwen; who uses LangChain with these uses ``ChatOpenAI`` with an address. Not called
through LiteLLM: OpenAI's Responses, for which it wants ``mcp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from failover_plugin.record import providers as recordable

KEY = "test-key"
HI: list[Any] = [{"role": "user", "content": "hi"}]

HOSTS = {
    "openai": "api.openai.com",
    "openai_responses": "api.openai.com",
    "azure": "failover.openai.azure.com",
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "vertex": "us-central1-aiplatform.googleapis.com",
    "bedrock": "bedrock-runtime.us-east-1.amazonaws.com",
    "mistral": "api.mistral.ai",
    "cohere": "api.cohere.com",
    "groq": "api.groq.com",
    "xai": "api.x.ai",
    "deepseek": "api.deepseek.com",
    "openrouter": "openrouter.ai",
    "together": "api.together.ai",
    "fireworks": "api.fireworks.ai",
    "huggingface": "router.huggingface.co",
    "perplexity": "api.perplexity.ai",
    "cerebras": "api.cerebras.ai",
    "github_models": "models.inference.ai.azure.com",
    "nvidia": "integrate.api.nvidia.com",
    "ollama": "ollama.com",
    "vllm": "vllm.example",
    "llamacpp": "llamacpp.example",
    "zhipu": "api.z.ai",
    "moonshot": "api.moonshot.ai",
    "qwen": "dashscope.aliyuncs.com",
}
"""The host LiteLLM calls; a server of one's own has an example's name."""

_SECOND_APIS = {"openai_responses": "openai"}
_UNDER_V1 = {"vllm", "llamacpp"}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider as the clients know it: ``options`` is what LiteLLM is told, empty if it cannot call it.

    ``catalogue`` is whose errors the emulator has for it.
    """

    host: str
    model: str
    options: Mapping[str, Any]
    catalogue: str


def _provider(name: str, host: str) -> Provider:
    whose = _SECOND_APIS.get(name, name)
    known = recordable.PROVIDERS[whose]
    values = {"api_base": f"https://{host}{'/v1' if name in _UNDER_V1 else ''}", "vertex_project": "test-project"}
    variables = {keyword: values.get(keyword, KEY) for keyword in known.variables if keyword != "vertex_credentials"}
    options = {"model": f"{known.prefix}/{known.model}", **known.options, **variables}
    return Provider(host, known.model, options if name == whose else {}, whose)


PROVIDERS = {name: _provider(name, host) for name, host in HOSTS.items()}
MODELS = {name: provider.model for name, provider in PROVIDERS.items()}
