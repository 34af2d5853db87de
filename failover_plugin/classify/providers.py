"""Who answered: one name for each provider, whatever a host, an SDK or another library calls it.

A rule of one provider must not judge another's words, and an unknown name must cost little: what is not known here is
None, and then the rules of all providers may speak.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("anthropic_text", "claude"),
    "azure": ("azure_ai", "azure_openai", "azure_text", "azureopenai", "openai_azure"),
    "bedrock": ("amazon", "amazon_bedrock", "aws", "aws_bedrock", "bedrock_converse", "bedrock_mantle", "sagemaker"),
    "cerebras": (),
    "cohere": ("cohere_chat",),
    "deepseek": (),
    "fireworks": ("fireworks_ai", "fireworksai"),
    "gemini": ("google", "google_ai_studio", "google_genai", "google_generative_ai", "googleai"),
    "github_models": ("github", "githubmodels"),
    "groq": (),
    "huggingface": ("hf", "hugging_face", "huggingface_hub"),
    "llamacpp": ("llama_cpp", "llama.cpp", "llamafile"),
    "mistral": ("mistralai", "codestral"),
    "moonshot": ("kimi", "moonshotai"),
    "nvidia": ("nvidia_ai_endpoints", "nvidia_nim", "nim"),
    "ollama": ("ollama_chat",),
    "openai": ("chatgpt", "openai_like", "text_completion_openai"),
    "openrouter": (),
    "perplexity": ("perplexityai", "pplx"),
    "qwen": ("alibaba", "dashscope", "tongyi"),
    "together": ("together_ai", "togetherai"),
    "vertex": ("google_vertexai", "vertex_ai", "vertex_ai_beta", "vertexai"),
    "vllm": ("hosted_vllm",),
    "xai": ("grok", "x.ai", "x_ai"),
    "zhipu": ("glm", "z.ai", "zai", "zhipuai"),
}

_HOSTS: Final[Mapping[str, str]] = {
    "ai.azure.com": "azure",
    "aiplatform.googleapis.com": "vertex",
    "aliyuncs.com": "qwen",
    "anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "bigmodel.cn": "zhipu",
    "cerebras.ai": "cerebras",
    "chatgpt.com": "openai",
    "cognitiveservices.azure.com": "azure",
    "cohere.ai": "cohere",
    "cohere.com": "cohere",
    "deepseek.com": "deepseek",
    "fireworks.ai": "fireworks",
    "generativelanguage.googleapis.com": "gemini",
    "groq.com": "groq",
    "huggingface.cloud": "huggingface",
    "huggingface.co": "huggingface",
    "inference.ai.azure.com": "azure",
    "mistral.ai": "mistral",
    "models.github.ai": "github_models",
    "models.inference.ai.azure.com": "github_models",
    "moonshot.ai": "moonshot",
    "moonshot.cn": "moonshot",
    "nvidia.com": "nvidia",
    "ollama.ai": "ollama",
    "ollama.com": "ollama",
    "openai.azure.com": "azure",
    "openai.com": "openai",
    "openrouter.ai": "openrouter",
    "perplexity.ai": "perplexity",
    "together.ai": "together",
    "together.xyz": "together",
    "x.ai": "xai",
    "z.ai": "zhipu",
}

_PACKAGES: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "boto3": "bedrock",
    "botocore": "bedrock",
    "cohere": "cohere",
    "fireworks": "fireworks",
    "google": "gemini",
    "groq": "groq",
    "huggingface_hub": "huggingface",
    "langchain_anthropic": "anthropic",
    "langchain_aws": "bedrock",
    "langchain_cerebras": "cerebras",
    "langchain_cohere": "cohere",
    "langchain_deepseek": "deepseek",
    "langchain_fireworks": "fireworks",
    "langchain_google_genai": "gemini",
    "langchain_google_vertexai": "vertex",
    "langchain_groq": "groq",
    "langchain_huggingface": "huggingface",
    "langchain_mistralai": "mistral",
    "langchain_nvidia_ai_endpoints": "nvidia",
    "langchain_ollama": "ollama",
    "langchain_openrouter": "openrouter",
    "langchain_perplexity": "perplexity",
    "langchain_together": "together",
    "langchain_xai": "xai",
    "mistralai": "mistral",
    "ollama": "ollama",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai_sdk": "xai",
    "zai": "zhipu",
    "zhipuai": "zhipu",
}
"""Not openai's: half of all providers are called through it."""

_NAMES: Final = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}

PROVIDERS: Final = tuple(_ALIASES)
"""Those that have rules, in alphabetical order."""


def canonical(name: str | None) -> str | None:
    """The one name of a provider that is called so, in any case, with dashes or underscores; None if unknown."""
    return _NAMES.get(name.strip().lower().replace("-", "_").replace(" ", "_")) if name else None


@lru_cache(maxsize=256)
def of_host(host: str) -> str | None:
    """Who answers at this host; None if nobody known does. A port does not matter."""
    name = host.strip().lower().partition(":")[0].rstrip(".")
    if name.startswith("bedrock") and name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return "bedrock"
    if name.endswith("aiplatform.googleapis.com"):
        return "vertex"  # us-central1-aiplatform: the region stands before a dash
    while name:
        if name in _HOSTS:
            return _HOSTS[name]
        name = name.partition(".")[2]
    return None


def of_package(package: str) -> str | None:
    """Whose SDK this top-level package is; None for openai's, which speaks to half of all providers."""
    return _PACKAGES.get(package)
