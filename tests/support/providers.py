"""Where each provider is, and what litellm calls it.

Not in the table of LangChain's classes (``chat_models.CHAT_MODELS``), because none is installed: Cohere, GitHub Models,
vLLM, llama.cpp, Zhipu, Moonshot and Qwen; who uses LangChain with these uses ``ChatOpenAI`` with an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

KEY = "test-key"
HI: list[Any] = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider as the clients know it.

    ``prefix`` is litellm's word for it, empty if litellm cannot call it, ``options`` what litellm wants beside a model
    and a key, and ``keyless`` means that it takes no ``api_key`` there: what signs or authorises a request is among the
    options or comes from elsewhere. ``catalogue`` is whose errors it has, where it is a second API of a provider.
    """

    host: str
    prefix: str
    model: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    keyless: bool = False
    catalogue: str = ""

    def for_litellm(self) -> dict[str, Any]:
        """The keywords of ``litellm.completion`` that are this provider's own."""
        key = {} if self.keyless else {"api_key": KEY}
        return {"model": f"{self.prefix}/{self.model}", **key, **self.options}


_AZURE = {"api_base": "https://failover.openai.azure.com", "api_version": "2024-10-21"}
_VERTEX = {"vertex_project": "test-project", "vertex_location": "us-central1"}
_AWS = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "aws_region_name": "us-east-1"}
_HUB = {"api_base": "https://router.huggingface.co/v1"}
_STUBBORN = {"allowed_openai_params": ["max_retries"]}  # else litellm drops max_retries=0, and the SDK tries thrice
_LLAMA = "meta-llama/Llama-3.3-70B-Instruct"

PROVIDERS = {
    "openai": Provider("api.openai.com", "openai", "gpt-5.5"),
    "openai_responses": Provider("api.openai.com", "", "gpt-5.5", catalogue="openai"),  # litellm wants mcp for it
    "azure": Provider("failover.openai.azure.com", "azure", "gpt-5.5", _AZURE),
    "anthropic": Provider("api.anthropic.com", "anthropic", "claude-sonnet-5"),
    "gemini": Provider("generativelanguage.googleapis.com", "gemini", "gemini-2.5-flash"),
    "vertex": Provider("us-central1-aiplatform.googleapis.com", "vertex_ai", "gemini-2.5-flash", _VERTEX, keyless=True),
    "bedrock": Provider(
        "bedrock-runtime.us-east-1.amazonaws.com", "bedrock/converse", "amazon.nova-lite-v1:0", _AWS, keyless=True
    ),
    "mistral": Provider("api.mistral.ai", "mistral", "mistral-small-latest"),
    "cohere": Provider("api.cohere.com", "cohere_chat", "command-a-03-2025"),
    "groq": Provider("api.groq.com", "groq", "llama-3.3-70b-versatile"),
    "xai": Provider("api.x.ai", "xai", "grok-4"),
    "deepseek": Provider("api.deepseek.com", "deepseek", "deepseek-chat"),
    "openrouter": Provider("openrouter.ai", "openrouter", "openai/gpt-5.5"),
    "together": Provider("api.together.ai", "together_ai", _LLAMA),
    "fireworks": Provider("api.fireworks.ai", "fireworks_ai", "accounts/fireworks/models/deepseek-v3"),
    "huggingface": Provider("router.huggingface.co", "huggingface", _LLAMA, _HUB),
    "perplexity": Provider("api.perplexity.ai", "perplexity", "sonar"),
    "cerebras": Provider("api.cerebras.ai", "cerebras", "llama-3.3-70b"),
    "github_models": Provider("models.inference.ai.azure.com", "github", "gpt-4o-mini"),
    "nvidia": Provider("integrate.api.nvidia.com", "nvidia_nim", "meta/llama-3.3-70b-instruct", _STUBBORN),
    "ollama": Provider("ollama.com", "ollama_chat", "gpt-oss:20b", {"api_base": "https://ollama.com"}),
    "vllm": Provider("vllm.example", "hosted_vllm", _LLAMA, {"api_base": "https://vllm.example/v1"}),
    "llamacpp": Provider("llamacpp.example", "llamafile", "llama", {"api_base": "https://llamacpp.example/v1"}),
    "zhipu": Provider("api.z.ai", "zai", "glm-4.6", _STUBBORN),
    "moonshot": Provider("api.moonshot.ai", "moonshot", "kimi-k2"),
    "qwen": Provider("dashscope.aliyuncs.com", "dashscope", "qwen-plus"),
}

MODELS = {name: provider.model for name, provider in PROVIDERS.items()}
