"""Every SDK's call to an emulated provider, plain and streamed, with retries off and no key of any worth.

An SDK is imported when its call is built, so that a test of one does not pay for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failover_plugin.emulator import Site

KEY = "test-key"
HELLO: Any = [{"role": "user", "content": "Hello"}]
SECONDS = 5.0
ONCE: Any = {"max_retries": 0, "timeout": SECONDS}
VERSION = "2024-10-21"
CLAUDE_ON_BEDROCK = "anthropic.claude-3-5-sonnet-20240620-v1:0"


@dataclass(frozen=True, slots=True)
class Calls:
    """One plain call and one streamed to its end; ``model`` is what is called, where that is LangChain's."""

    plain: Callable[[], object]
    stream: Callable[[], object]
    model: Any = None


Builder = Callable[["Site"], Calls]


def openai(site: Site) -> Calls:
    import openai

    create: Any = openai.OpenAI(base_url=site.openai_url, api_key=KEY, **ONCE).chat.completions.create
    return Calls(
        lambda: create(model="m", messages=HELLO),
        lambda: list(create(model="m", messages=HELLO, stream=True)),
    )


def azure(site: Site) -> Calls:
    import openai

    client = openai.AzureOpenAI(azure_endpoint=site.azure_url, api_key=KEY, api_version=VERSION, **ONCE)
    create: Any = client.chat.completions.create
    return Calls(
        lambda: create(model="m", messages=HELLO),
        lambda: list(create(model="m", messages=HELLO, stream=True)),
    )


def anthropic(site: Site) -> Calls:
    import anthropic

    create: Any = anthropic.Anthropic(base_url=site.anthropic_url, api_key=KEY, **ONCE).messages.create
    return Calls(
        lambda: create(model="m", messages=HELLO, max_tokens=9),
        lambda: list(create(model="m", messages=HELLO, max_tokens=9, stream=True)),
    )


def groq(site: Site) -> Calls:
    import groq

    create: Any = groq.Groq(base_url=site.url, api_key=KEY, **ONCE).chat.completions.create
    return Calls(
        lambda: create(model="m", messages=HELLO),
        lambda: list(create(model="m", messages=HELLO, stream=True)),
    )


def genai(site: Site) -> Calls:
    from google import genai

    return _genai(genai.Client(api_key=KEY, http_options={"base_url": site.url, "timeout": 5000}))


def vertex(site: Site) -> Calls:
    from google import genai
    from google.oauth2.credentials import Credentials

    client = genai.Client(
        vertexai=True,
        credentials=Credentials(token=KEY),
        project="p",
        location="us-central1",
        http_options={"base_url": site.url, "timeout": 5000},
    )
    return _genai(client)


def _genai(client: Any) -> Calls:
    return Calls(
        lambda: client.models.generate_content(model="gemini-m", contents="Hello"),
        lambda: list(client.models.generate_content_stream(model="gemini-m", contents="Hello")),
    )


def bedrock_client(site: Site) -> Any:
    """Bedrock's client, which LangChain's class takes too."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        endpoint_url=site.url,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS),
    )


def boto3(site: Site) -> Calls:
    client = bedrock_client(site)
    asked: Any = {"modelId": CLAUDE_ON_BEDROCK, "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}

    def streamed() -> list[object]:
        with closing(client.converse_stream(**asked)["stream"]) as events:
            return list(events)

    return Calls(lambda: client.converse(**asked), streamed)


def mistralai(site: Site) -> Calls:
    from mistralai.client import Mistral

    chat: Any = Mistral(api_key=KEY, server_url=site.url, timeout_ms=5000).chat
    return Calls(
        lambda: chat.complete(model="m", messages=HELLO),
        lambda: list(chat.stream(model="m", messages=HELLO)),
    )


def cohere(site: Site) -> Calls:
    import cohere

    client: Any = cohere.ClientV2(api_key=KEY, base_url=site.url, timeout=SECONDS)
    once = {"max_retries": 0}
    return Calls(
        lambda: client.chat(model="m", messages=HELLO, request_options=once),
        lambda: list(client.chat_stream(model="m", messages=HELLO, request_options=once)),
    )


def ollama(site: Site) -> Calls:
    import ollama

    chat: Any = ollama.Client(host=site.url, timeout=SECONDS).chat
    return Calls(
        lambda: chat(model="m", messages=HELLO),
        lambda: list(chat(model="m", messages=HELLO, stream=True)),
    )


def huggingface(site: Site) -> Calls:
    from huggingface_hub import InferenceClient, constants

    constants.HF_HUB_OFFLINE = False  # the emulator is no hub, and may be asked offline
    ask: Any = InferenceClient(base_url=site.openai_url, api_key=KEY, timeout=SECONDS).chat_completion
    return Calls(lambda: ask(messages=HELLO), lambda: list(ask(messages=HELLO, stream=True)))


def litellm(prefix: str, **options: Callable[[Site], str] | str) -> Builder:
    """``litellm.completion`` for a model of this provider; an option that is a function is asked of the site."""

    def build(site: Site) -> Calls:
        import litellm

        where = {name: value(site) if callable(value) else value for name, value in options.items()}
        asked: Any = {"api_key": KEY, "model": f"{prefix}/m", "messages": HELLO, "num_retries": 0, **ONCE, **where}
        return Calls(
            lambda: litellm.completion(**asked),
            lambda: list(litellm.completion(**asked, stream=True)),
        )

    return build


def _at(path: str = "") -> Callable[[Site], str]:
    return lambda site: f"{site.url}{path}"


def _v1(site: Site) -> str:
    return site.openai_url


_ALL_SDKS = ["max_retries"]  # else litellm drops max_retries=0 for a few providers, and the SDK tries thrice
_VERTEX: Any = {"vertex_project": "p", "vertex_location": "us-central1", "vertex_credentials": None}
_AWS: Any = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "aws_region_name": "us-east-1"}

SDKS: dict[str, dict[str, Builder]] = {
    "openai": {"openai": openai},
    "azure": {"openai": azure},
    "anthropic": {"anthropic": anthropic},
    "gemini": {"google-genai": genai, "openai": openai},
    "vertex": {"google-genai": vertex},
    "bedrock": {"boto3": boto3},
    "mistral": {"mistralai": mistralai, "openai": openai},
    "cohere": {"cohere": cohere},
    "groq": {"groq": groq, "openai": openai},
    "ollama": {"ollama": ollama},
    "huggingface": {"huggingface_hub": huggingface, "openai": openai},
} | {
    provider: {"openai": openai}
    for provider in (
        "xai", "deepseek", "openrouter", "together", "fireworks", "perplexity", "cerebras", "github_models", "nvidia",
        "vllm", "llamacpp", "zhipu", "moonshot", "qwen",
    )
}  # fmt: skip
"""By provider, the SDKs that people call it with."""

LITELLM: dict[str, Builder] = {
    "openai": litellm("openai", api_base=_v1),
    "azure": litellm("azure", api_base=_at(), api_version=VERSION),
    "anthropic": litellm("anthropic", api_base=_at()),
    "gemini": litellm("gemini", api_base=_at("/v1beta")),
    "bedrock": litellm("bedrock/converse", model=f"bedrock/converse/{CLAUDE_ON_BEDROCK}",
                       aws_bedrock_runtime_endpoint=_at(), api_key=None, **_AWS),
    "mistral": litellm("mistral", api_base=_v1),
    "cohere": litellm("cohere_chat", api_base=_at("/v2/chat")),
    "groq": litellm("groq", api_base=_v1),
    "xai": litellm("xai", api_base=_v1),
    "deepseek": litellm("deepseek", api_base=_v1),
    "openrouter": litellm("openrouter", api_base=_v1),
    "together": litellm("together_ai", api_base=_v1),
    "fireworks": litellm("fireworks_ai", api_base=_v1),
    "huggingface": litellm("huggingface", api_base=_v1),
    "perplexity": litellm("perplexity", api_base=_v1),
    "cerebras": litellm("cerebras", api_base=_v1),
    "github_models": litellm("github", api_base=_v1),
    "nvidia": litellm("nvidia_nim", api_base=_v1, allowed_openai_params=_ALL_SDKS),
    "ollama": litellm("ollama_chat", api_base=_at()),
    "vllm": litellm("hosted_vllm", api_base=_v1),
    "llamacpp": litellm("llamafile", api_base=_v1),
    "zhipu": litellm("zai", api_base=_v1, allowed_openai_params=_ALL_SDKS),
    "moonshot": litellm("moonshot", api_base=_v1),
    "qwen": litellm("dashscope", api_base=_v1),
}  # fmt: skip
"""By provider, LiteLLM's way to it."""


def langchain(module: str, name: str, where: str, **options: Any) -> Builder:
    """A chat model of a LangChain package; ``where`` are the names of its address, by the site's property."""

    def build(site: Site) -> Calls:
        import importlib

        places = dict(place.split("=") for place in where.split())
        addresses = {field: getattr(site, source) for field, source in places.items()}
        return _model(getattr(importlib.import_module(module), name)(**{"model": "m", **addresses, **options}))

    return build


def _model(model: Any) -> Calls:
    return Calls(lambda: model.invoke("Hello"), lambda: list(model.stream("Hello")), model)


def chat_bedrock(site: Site) -> Calls:
    from langchain_aws import ChatBedrockConverse

    return _model(ChatBedrockConverse(model=CLAUDE_ON_BEDROCK, client=bedrock_client(site), region_name="us-east-1"))


def chat_openrouter(site: Site) -> Calls:
    """``max_retries=0`` makes it try for an hour; only the client's own strategy "none" ends that."""
    from langchain_openrouter import ChatOpenRouter
    from openrouter.utils import BackoffStrategy, RetryConfig

    model = ChatOpenRouter(model="m", base_url=site.openai_url, api_key=KEY, timeout=5000)
    once = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False)
    model.client.sdk_configuration.retry_config = once
    return _model(model)


def chat_huggingface(site: Site) -> Calls:
    from huggingface_hub import constants
    from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint

    constants.HF_HUB_OFFLINE = False
    endpoint = HuggingFaceEndpoint(endpoint_url=site.url, huggingfacehub_api_token=KEY, timeout=5)
    return _model(ChatHuggingFace(llm=endpoint, model_id="m"))


_KEY: Any = {"api_key": KEY}

CHAT_MODELS: dict[str, Builder] = {
    "openai": langchain("langchain_openai", "ChatOpenAI", "base_url=openai_url", **_KEY, **ONCE),
    "azure": langchain("langchain_openai", "AzureChatOpenAI", "azure_endpoint=azure_url", azure_deployment="m",
                       api_version=VERSION, **_KEY, **ONCE),
    "anthropic": langchain("langchain_anthropic", "ChatAnthropic", "base_url=anthropic_url", **_KEY, **ONCE),
    "gemini": langchain("langchain_google_genai", "ChatGoogleGenerativeAI", "base_url=url", model="gemini-m",
                        **_KEY, max_retries=1, timeout=SECONDS),
    "bedrock": chat_bedrock,
    "mistral": langchain("langchain_mistralai", "ChatMistralAI", "base_url=openai_url", **_KEY, max_retries=1),
    "groq": langchain("langchain_groq", "ChatGroq", "base_url=url", **_KEY, **ONCE),
    "xai": langchain("langchain_xai", "ChatXAI", "base_url=openai_url", **_KEY, **ONCE),
    "deepseek": langchain("langchain_deepseek", "ChatDeepSeek", "api_base=openai_url", **_KEY, **ONCE),
    "openrouter": chat_openrouter,
    "together": langchain("langchain_together", "ChatTogether", "base_url=openai_url", **_KEY, **ONCE),
    "fireworks": langchain("langchain_fireworks", "ChatFireworks", "base_url=openai_url", **_KEY, **ONCE),
    "huggingface": chat_huggingface,
    "cerebras": langchain("langchain_cerebras", "ChatCerebras", "base_url=openai_url", **_KEY, **ONCE),
    "nvidia": langchain("langchain_nvidia_ai_endpoints", "ChatNVIDIA", "base_url=openai_url", **_KEY),
    "ollama": langchain("langchain_ollama", "ChatOllama", "base_url=url"),
}  # fmt: skip
"""By provider, LangChain's class for it."""
