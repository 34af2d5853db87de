"""Where an answer comes from, however a client spells it and whether it asks for a stream.

Imports no HTTP library: a recording has to say first whom they trust.
"""

from __future__ import annotations

import json
from typing import Protocol

from failover_plugin.record.cassette import without_secrets


class Request(Protocol):
    """A request as vcrpy has it."""

    method: str
    uri: str
    body: dict[str, object] | bytes | str | None


ALIKE = {"api.together.xyz": "api.together.ai"}
"""Two hosts of one provider: LangChain calls the first, LiteLLM the other."""

_SPELLINGS = (
    *ALIKE.items(),
    ("api.deepseek.com/beta/", "api.deepseek.com/v1/"),  # LiteLLM, LangChain
    ("aiplatform.googleapis.com/v1beta1/", "aiplatform.googleapis.com/v1/"),  # LangChain, LiteLLM
    ("generativelanguage.googleapis.com/v1/", "generativelanguage.googleapis.com/v1beta/"),  # google-genai 3, others
)
_STREAMING = ((":streamGenerateContent?alt=sse", ":generateContent"), ("/converse-stream", "/converse"))


def usual(text: str) -> str:
    """An address as it is filed, where clients of one provider call different ones and get the same answer."""
    for other, same in _SPELLINGS:
        text = text.replace(other, same)
    return text


def asks_for_stream(request: Request) -> bool:
    """Whether a request asks for a stream: Gemini and Bedrock say so in the address, all others in the body."""
    streaming = any(ending in request.uri for ending, _ in _STREAMING)
    body = request.body if isinstance(request.body, dict) else json.loads(request.body or "{}")
    return streaming or bool(body.get("stream"))


def address(request: Request) -> str:
    """Where an answer comes from, whichever client asked and whether for a stream."""
    uri = usual(without_secrets(request.uri))
    for streaming, plain in _STREAMING:
        uri = uri.replace(streaming, plain)
    return f"{request.method.upper()} {uri}"
