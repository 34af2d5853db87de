"""Which wire format a path speaks: the paths are the providers' own, as in their API references."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.bedrock import Converse, Invoke
from failover_plugin.emulator.call import Format
from failover_plugin.emulator.cohere import Cohere, CohereLines
from failover_plugin.emulator.embeddings import Embeddings
from failover_plugin.emulator.endpoints import Endpoint, Rerank, Transcriptions, images, moderations, speech
from failover_plugin.emulator.gemini import Gemini, How
from failover_plugin.emulator.ollama import Generate, Ollama
from failover_plugin.emulator.openai import Azure, OpenAI
from failover_plugin.emulator.responses import Responses
from failover_plugin.emulator.text_completion import TextCompletion
from failover_plugin.emulator.vertex import RawPredict


def _chat(provider: str) -> Format:
    return Azure() if provider == "azure" else OpenAI(provider)


def _azure(_provider: str) -> Format:
    return Azure()


_Speaker = Callable[[str], Format]

_GEMINI = r"/v1(beta|alpha)?/models/(?P<model>[^/:]+)"
_VERTEX = r"/v1(beta1)?(/projects/[^/]+/locations/[^/]+)?/publishers"
_GOOGLES = rf"{_VERTEX}/google/models/(?P<model>[^/:]+)"
_BEDROCK = r"/model/(?P<model>[^/]+)"
_ACTIONS: tuple[tuple[str, How], ...] = (
    ("generateContent", "plain"),
    (r"streamGenerateContent\?(.*&)?alt=sse", "events"),
    ("streamGenerateContent", "array"),
)

_CHAT: tuple[tuple[str, str], ...] = (
    (r"/openai/v1/chat/completions", "azure"),
    (r"/v1beta/openai/chat/completions", "gemini"),
    (r"/api/v1/chat/completions", "openrouter"),
    (r"/inference/v1/chat/completions", "fireworks"),
    (r"/inference/chat/completions", "github_models"),
    (r"/api/(coding/)?paas/v4/chat/completions", "zhipu"),
    (r"/compatible-mode/v1/chat/completions", "qwen"),
    (r"/beta/chat/completions", "deepseek"),
    (r"(/[\w.-]+)*/v1/chat/completions", "openai"),  # behind names: Hugging Face's router
    (r"/chat/completions", "perplexity"),  # and DeepSeek's shortest
)

_V1 = r"(/[\w.-]+)*/v1"
_DEPLOYMENT = r"/openai/deployments/(?P<model>[^/]+)"
_ENDPOINTS: tuple[tuple[str, _Speaker], ...] = (
    ("/images/generations", partial(Endpoint, images)),
    ("/audio/speech", partial(Endpoint, speech)),
    ("/audio/transcriptions", Transcriptions),
)

_PATHS: tuple[tuple[str, str, _Speaker], ...] = (
    (r"/v1/embeddings", "openai", Embeddings),
    (r"(/[\w-]+)*/v1/messages", "anthropic", Anthropic),
    (r"/openai/deployments/(?P<model>[^/]+)/chat/completions", "azure", _azure),
    *(
        (rf"{path}:{action}", maker, partial(Gemini, how=how))
        for path, maker in ((_GEMINI, "gemini"), (_GOOGLES, "vertex"))
        for action, how in _ACTIONS
    ),
    (rf"{_VERTEX}/anthropic/models/(?P<model>[^/:]+):(stream)?[rR]awPredict", "vertex", RawPredict),
    (rf"{_BEDROCK}/converse", "bedrock", lambda _: Converse()),
    (rf"{_BEDROCK}/converse-stream", "bedrock", lambda _: Converse(stream=True)),
    (rf"{_BEDROCK}/invoke", "bedrock", lambda _: Invoke()),
    (rf"{_BEDROCK}/invoke-with-response-stream", "bedrock", lambda _: Invoke(stream=True)),
    *(
        (f"{base}{path}", maker, speaker)
        for base, maker in ((_V1, "openai"), (_DEPLOYMENT, "azure"))
        for path, speaker in _ENDPOINTS
    ),
    (rf"{_V1}/moderations", "openai", partial(Endpoint, moderations)),
    (r"/v2/chat", "cohere", Cohere),
    (r"/v1/rerank", "cohere", partial(Rerank, version="1")),
    (r"/v2/rerank", "cohere", Rerank),
    (r"/api/chat", "ollama", Ollama),
    (r"/api/generate", "ollama", Generate),
    (r"/openai(/v1)?/responses", "azure", Responses),
    (r"(/[\w.-]+)*/v1/responses", "openai", Responses),
    (r"(/[\w.-]+)*/v1/completions", "openai", TextCompletion),
    *((path, maker, _chat) for path, maker in _CHAT),
)

_ROUTES = tuple((re.compile(rf"{path}([?&].*)?"), maker, speaker) for path, maker, speaker in _PATHS)


@dataclass(frozen=True, slots=True)
class Route:
    """What a path leads to: its format, whose errors it has, and the model, if the path names it."""

    format: Format
    provider: str
    model: str


def route(target: str, provider: str | None, accept: str = "") -> Route | None:
    """The route of a path with its query, on a site of this provider or, with None, of the path's usual one.

    ``accept`` is the request's header: Cohere streams differently to those who accept JSON only.
    """
    for pattern, maker, speaker in _ROUTES:
        if match := pattern.fullmatch(target):
            whose = provider or maker
            wire = CohereLines() if speaker is Cohere and accept == "application/json" else speaker(whose)
            return Route(wire, whose, unquote(match.groupdict().get("model", "")))
    return None
