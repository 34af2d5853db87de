"""The providers' own SDKs, each asking one site in one wire format, with retries off and a short timeout."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from failover_plugin.emulator import Site

KEY = "test-key"
HI: Any = [{"role": "user", "content": "hi"}]
SECONDS = 5.0
ONCE: Any = {"api_key": KEY, "max_retries": 0, "timeout": SECONDS}
CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"


class Speaker(Protocol):
    """Asks a site and returns the text that came, whole or in pieces."""

    def __call__(self, site: Site, *, stream: bool) -> Iterator[str]: ...


class AsyncSpeaker(Protocol):
    """The same, asynchronously."""

    def __call__(self, site: Site, *, stream: bool) -> AsyncIterator[str]: ...


def chat(site: Site, *, stream: bool, model: str = "a-model") -> Iterator[str]:
    import openai

    with openai.OpenAI(base_url=site.openai_url, **ONCE) as client:
        create: Any = client.chat.completions.create
        if not stream:
            yield create(model=model, messages=HI).choices[0].message.content
            return
        for chunk in create(model=model, messages=HI, stream=True):
            yield "".join(choice.delta.content or "" for choice in chunk.choices or ())


def text_completion(site: Site, *, stream: bool) -> Iterator[str]:
    import openai

    with openai.OpenAI(base_url=site.openai_url, **ONCE) as client:
        create: Any = client.completions.create
        if not stream:
            yield create(model="gpt-3.5-turbo-instruct", prompt="hi").choices[0].text
            return
        for chunk in create(model="gpt-3.5-turbo-instruct", prompt="hi", stream=True):
            yield "".join(choice.text for choice in chunk.choices)


async def achat(site: Site, *, stream: bool) -> AsyncIterator[str]:
    import openai

    async with openai.AsyncOpenAI(base_url=site.openai_url, **ONCE) as client:
        create: Any = client.chat.completions.create
        if not stream:
            yield (await create(model="a-model", messages=HI)).choices[0].message.content
            return
        async for chunk in await create(model="a-model", messages=HI, stream=True):
            yield "".join(choice.delta.content or "" for choice in chunk.choices or ())


def responses(site: Site, *, stream: bool) -> Iterator[str]:
    import openai

    with openai.OpenAI(base_url=site.openai_url, **ONCE) as client:
        if not stream:
            yield client.responses.create(model="a-model", input="hi").output_text
            return
        with client.responses.stream(model="a-model", input="hi") as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    yield event.delta
            assert events.get_final_response().status == "completed"


async def aresponses(site: Site, *, stream: bool) -> AsyncIterator[str]:
    import openai

    async with openai.AsyncOpenAI(base_url=site.openai_url, **ONCE) as client:
        if not stream:
            yield (await client.responses.create(model="a-model", input="hi")).output_text
            return
        async with client.responses.stream(model="a-model", input="hi") as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    yield event.delta
            assert (await events.get_final_response()).status == "completed"


def _genai(site: Site) -> Any:
    from google import genai
    from google.oauth2.credentials import Credentials

    options: Any = {"base_url": site.url, "timeout": int(SECONDS * 1000)}
    if site.provider == "gemini":
        return genai.Client(api_key=KEY, http_options=options)
    return genai.Client(
        vertexai=True, credentials=Credentials(token=KEY), project="p", location="us-central1", http_options=options
    )


def gemini(site: Site, *, stream: bool) -> Iterator[str]:
    with closing(_genai(site)) as client:
        asked = {"model": "gemini-2.5-flash", "contents": "hi"}
        if not stream:
            yield client.models.generate_content(**asked).text
            return
        for chunk in client.models.generate_content_stream(**asked):
            yield chunk.text or ""


async def agemini(site: Site, *, stream: bool) -> AsyncIterator[str]:
    async with _genai(site).aio as client:
        asked = {"model": "gemini-2.5-flash", "contents": "hi"}
        if not stream:
            yield (await client.models.generate_content(**asked)).text
            return
        async for chunk in await client.models.generate_content_stream(**asked):
            yield chunk.text or ""


def bedrock_runtime(site: Site) -> Any:
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


def converse(site: Site, *, stream: bool) -> Iterator[str]:
    with closing(bedrock_runtime(site)) as client:
        asked = {"modelId": CLAUDE, "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        if not stream:
            yield client.converse(**asked)["output"]["message"]["content"][0]["text"]
            return
        with closing(client.converse_stream(**asked)["stream"]) as events:
            for event in events:
                yield event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")


def invoke(site: Site, *, stream: bool) -> Iterator[str]:
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": HI})
    with closing(bedrock_runtime(site)) as client:
        if not stream:
            yield json.loads(client.invoke_model(modelId=CLAUDE, body=body)["body"].read())["content"][0]["text"]
            return
        with closing(client.invoke_model_with_response_stream(modelId=CLAUDE, body=body)["body"]) as events:
            for event in events:
                yield json.loads(event["chunk"]["bytes"]).get("delta", {}).get("text", "")


def cohere(site: Site, *, stream: bool) -> Iterator[str]:
    import cohere
    import httpx

    with httpx.Client(timeout=SECONDS) as http:
        client: Any = cohere.ClientV2(api_key=KEY, base_url=site.url, httpx_client=http)
        asked: Any = {"model": "command-a-03-2025", "messages": HI, "request_options": {"max_retries": 0}}
        if not stream:
            yield client.chat(**asked).message.content[0].text
            return
        for event in client.chat_stream(**asked):
            yield event.delta.message.content.text if event.type == "content-delta" else ""


async def acohere(site: Site, *, stream: bool) -> AsyncIterator[str]:
    import cohere
    import httpx

    async with httpx.AsyncClient(timeout=SECONDS) as http:
        client: Any = cohere.AsyncClientV2(api_key=KEY, base_url=site.url, httpx_client=http)
        asked: Any = {"model": "command-a-03-2025", "messages": HI, "request_options": {"max_retries": 0}}
        if not stream:
            yield (await client.chat(**asked)).message.content[0].text
            return
        async for event in client.chat_stream(**asked):
            yield event.delta.message.content.text if event.type == "content-delta" else ""


def mistral(site: Site, *, stream: bool) -> Iterator[str]:
    from mistralai.client import Mistral

    with Mistral(api_key=KEY, server_url=site.url, timeout_ms=int(SECONDS * 1000)) as client:
        ask: Any = client.chat
        if not stream:
            yield ask.complete(model="mistral-small-latest", messages=HI).choices[0].message.content
            return
        for event in ask.stream(model="mistral-small-latest", messages=HI):
            yield event.data.choices[0].delta.content or ""


async def amistral(site: Site, *, stream: bool) -> AsyncIterator[str]:
    from mistralai.client import Mistral

    async with Mistral(api_key=KEY, server_url=site.url, timeout_ms=int(SECONDS * 1000)) as client:
        ask: Any = client.chat
        if not stream:
            yield (await ask.complete_async(model="mistral-small-latest", messages=HI)).choices[0].message.content
            return
        async for event in await ask.stream_async(model="mistral-small-latest", messages=HI):
            yield event.data.choices[0].delta.content or ""


def groq(site: Site, *, stream: bool) -> Iterator[str]:
    import groq

    with groq.Groq(base_url=site.url, **ONCE) as client:
        create: Any = client.chat.completions.create
        if not stream:
            yield create(model="a-model", messages=HI).choices[0].message.content
            return
        for chunk in create(model="a-model", messages=HI, stream=True):
            yield chunk.choices[0].delta.content or ""


async def agroq(site: Site, *, stream: bool) -> AsyncIterator[str]:
    import groq

    async with groq.AsyncGroq(base_url=site.url, **ONCE) as client:
        create: Any = client.chat.completions.create
        if not stream:
            yield (await create(model="a-model", messages=HI)).choices[0].message.content
            return
        async for chunk in await create(model="a-model", messages=HI, stream=True):
            yield chunk.choices[0].delta.content or ""


def ollama(site: Site, *, stream: bool) -> Iterator[str]:
    import ollama

    with closing(ollama.Client(host=site.url, timeout=SECONDS)) as client:
        if not stream:
            yield client.chat(model="llama3", messages=HI).message.content or ""
            return
        for chunk in client.chat(model="llama3", messages=HI, stream=True):
            yield chunk.message.content or ""


async def aollama(site: Site, *, stream: bool) -> AsyncIterator[str]:
    import ollama

    client = ollama.AsyncClient(host=site.url, timeout=SECONDS)
    try:
        if not stream:
            yield (await client.chat(model="llama3", messages=HI)).message.content or ""
            return
        async with aclosing(await client.chat(model="llama3", messages=HI, stream=True)) as chunks:
            async for chunk in chunks:
                yield chunk.message.content or ""
    finally:
        await client.close()


def generate(site: Site, *, stream: bool) -> Iterator[str]:
    import ollama

    with closing(ollama.Client(host=site.url, timeout=SECONDS)) as client:
        if not stream:
            yield client.generate(model="llama3", prompt="hi").response
            return
        for chunk in client.generate(model="llama3", prompt="hi", stream=True):
            yield chunk.response


def claude_on_bedrock(site: Site, *, stream: bool) -> Iterator[str]:
    import anthropic

    options: Any = {"aws_region": "us-east-1", "aws_access_key": KEY, "aws_secret_key": KEY}
    client = anthropic.AnthropicBedrock(base_url=site.url, max_retries=0, timeout=SECONDS, **options)
    return _claude(client, CLAUDE, stream=stream)


def claude_on_vertex(site: Site, *, stream: bool) -> Iterator[str]:
    import anthropic

    options: Any = {"region": "us-east5", "project_id": "p", "access_token": KEY}
    client = anthropic.AnthropicVertex(base_url=f"{site.url}/v1", max_retries=0, timeout=SECONDS, **options)
    return _claude(client, "claude-sonnet-5", stream=stream)


def _claude(client: Any, model: str, *, stream: bool) -> Iterator[str]:
    asked: Any = {"model": model, "max_tokens": 9, "messages": HI}
    with client:
        if not stream:
            yield client.messages.create(**asked).content[0].text
            return
        for event in client.messages.create(**asked, stream=True):
            yield event.delta.text if event.type == "content_block_delta" else ""


SPEAKERS: dict[str, tuple[str, Speaker]] = {
    "responses": ("openai", responses),
    "text-completion": ("openai", text_completion),
    "gemini": ("gemini", gemini),
    "vertex": ("vertex", gemini),
    "converse": ("bedrock", converse),
    "invoke": ("bedrock", invoke),
    "claude-on-bedrock": ("bedrock", claude_on_bedrock),
    "claude-on-vertex": ("vertex", claude_on_vertex),
    "cohere": ("cohere", cohere),
    "mistral": ("mistral", mistral),
    "groq": ("groq", groq),
    "ollama": ("ollama", ollama),
    "ollama-generate": ("ollama", generate),
}
"""By name, the provider and who asks it."""

ASYNC_SPEAKERS: dict[str, tuple[str, AsyncSpeaker]] = {
    "responses": ("openai", aresponses),
    "gemini": ("gemini", agemini),
    "vertex": ("vertex", agemini),
    "cohere": ("cohere", acohere),
    "mistral": ("mistral", amistral),
    "groq": ("groq", agroq),
    "ollama": ("ollama", aollama),
    "chat": ("xai", achat),
}
"""The same, asynchronously, where the SDK can."""
