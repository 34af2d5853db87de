"""Which wire format a path speaks: the paths are the providers' own, as in their API references."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.call import Format
from failover_plugin.emulator.embeddings import Embeddings
from failover_plugin.emulator.openai import Azure, OpenAI


def _chat(provider: str) -> Format:
    return Azure() if provider == "azure" else OpenAI(provider)


def _azure(_provider: str) -> Format:
    return Azure()


_Speaker = Callable[[str], Format]

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

_PATHS: tuple[tuple[str, str, _Speaker], ...] = (
    (r"/v1/embeddings", "openai", Embeddings),
    (r"(/[\w-]+)*/v1/messages", "anthropic", Anthropic),
    (r"/openai/deployments/(?P<model>[^/]+)/chat/completions", "azure", _azure),
    *((path, maker, _chat) for path, maker in _CHAT),
)

_ROUTES = tuple((re.compile(rf"{path}(\?.*)?"), maker, speaker) for path, maker, speaker in _PATHS)


@dataclass(frozen=True, slots=True)
class Route:
    """What a path leads to: its format, whose errors it has, and the model, if the path names it."""

    format: Format
    provider: str
    model: str


def route(target: str, provider: str | None) -> Route | None:
    """The route of a path with its query, on a site of this provider or, with None, of the path's usual one."""
    for pattern, maker, speaker in _ROUTES:
        if match := pattern.fullmatch(target):
            whose = provider or maker
            return Route(speaker(whose), whose, unquote(match.groupdict().get("model", "")))
    return None
