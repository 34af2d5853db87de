"""LangChain's class for every provider that has one, with its retries off, a timeout and a key of no worth.

Each class has its own way to have none of its retries: where it is not the constructor's ``max_retries=0``, it is
written out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from support.providers import Provider


def _openai(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=provider.model, **options)


def _responses(provider: Provider, **options: Any) -> BaseChatModel:
    return _openai(provider, use_responses_api=True, **options)


def _azure(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_openai import AzureChatOpenAI

    endpoint = options.pop("base_url", f"https://{provider.host}")
    version = provider.options["api_version"]
    where = {"azure_endpoint": endpoint, "azure_deployment": provider.model, "api_version": version}
    return AzureChatOpenAI(model=provider.model, **where, **options)


def _anthropic(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model_name=provider.model, **options)


def _gemini(provider: Provider, **options: Any) -> BaseChatModel:
    """Its ``max_retries`` counts the first attempt as well, and 0 stands for the default of six."""
    from langchain_google_genai import ChatGoogleGenerativeAI

    return ChatGoogleGenerativeAI(model=provider.model, **options | {"max_retries": 1})


def _vertex(provider: Provider, **options: Any) -> BaseChatModel:
    """As Gemini, with a token in place of a key."""
    from google.oauth2.credentials import Credentials

    credentials = Credentials(token=options.pop("api_key"))
    where = {"vertexai": True, "project": "test-project", "location": provider.options["vertex_location"]}
    return _gemini(provider, credentials=credentials, **where, **options)


def _bedrock(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_aws import ChatBedrockConverse

    key = options.pop("api_key")
    keys = {"aws_access_key_id": key, "aws_secret_access_key": key}
    return ChatBedrockConverse(model=provider.model, region_name="us-east-1", **keys, **options)


def _mistral(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_mistralai import ChatMistralAI

    return ChatMistralAI(model_name=provider.model, **options | {"max_retries": 1})


def _groq(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_groq import ChatGroq

    return ChatGroq(model=provider.model, **options)


def _xai(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_xai import ChatXAI

    return ChatXAI(model=provider.model, **options)


def _deepseek(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_deepseek import ChatDeepSeek

    return ChatDeepSeek(model=provider.model, **options)


def _openrouter(provider: Provider, **options: Any) -> BaseChatModel:
    """``max_retries=0`` makes it try for an hour; only the client's own strategy "none" ends that. Milliseconds."""
    from langchain_openrouter import ChatOpenRouter
    from openrouter.utils import BackoffStrategy, RetryConfig

    options |= {"timeout": int(options["timeout"] * 1000)}
    model = ChatOpenRouter(model=provider.model, **options)
    model.client.sdk_configuration.retry_config = RetryConfig(
        "none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False
    )
    return model


def _together(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_together import ChatTogether

    return ChatTogether(model=provider.model, **options)


def _fireworks(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_fireworks import ChatFireworks

    return ChatFireworks(model=provider.model, **options)


def _huggingface(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint

    endpoint = HuggingFaceEndpoint(
        endpoint_url=provider.options["api_base"],
        huggingfacehub_api_token=options["api_key"],
        timeout=options["timeout"],
    )
    return ChatHuggingFace(llm=endpoint, model_id=provider.model)


def _perplexity(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_perplexity import ChatPerplexity

    return ChatPerplexity(model=provider.model, **options)


def _cerebras(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_cerebras import ChatCerebras

    return ChatCerebras(model=provider.model, **options)


def _nvidia(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_nvidia_ai_endpoints import ChatNVIDIA

    return ChatNVIDIA(model=provider.model, api_key=options["api_key"])


def _ollama(provider: Provider, **options: Any) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    client = {"timeout": options["timeout"], "headers": {"authorization": f"Bearer {options['api_key']}"}}
    return ChatOllama(model=provider.model, base_url=f"https://{provider.host}", client_kwargs=client)


CHAT_MODELS: dict[str, Callable[..., BaseChatModel]] = {
    "openai": _openai,
    "openai_responses": _responses,
    "azure": _azure,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "vertex": _vertex,
    "bedrock": _bedrock,
    "mistral": _mistral,
    "groq": _groq,
    "xai": _xai,
    "deepseek": _deepseek,
    "openrouter": _openrouter,
    "together": _together,
    "fireworks": _fireworks,
    "huggingface": _huggingface,
    "perplexity": _perplexity,
    "cerebras": _cerebras,
    "nvidia": _nvidia,
    "ollama": _ollama,
}

STREAMS_ALWAYS = {"ollama"}
"""Whose class asks for a stream even where a caller wants an answer in one piece."""
