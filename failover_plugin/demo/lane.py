"""A lane: one stack that the demo sends its requests through, with an emulated primary and fallback of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module

from failover_plugin.emulator import Emulator, Site
from failover_plugin.errors import ConfigError
from failover_plugin.failover import Failover

LANES = (
    ("failover_langchain.demo", "with_fallbacks"),
    ("failover_litellm.demo", "router_as_it_comes"),
    ("failover_langchain.demo", "chat_failover"),
    ("failover_litellm.demo", "router_with_strategy"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What an adapter brings: a name, how to ask (prompt in, text out), how to close, and the core if it is ours."""

    name: str
    ask: Callable[[str], Awaitable[str]]
    close: Callable[[], Awaitable[None]]
    core: Failover | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A lane in place: what it is called in the table, and the two providers it alone uses."""

    label: str
    lane: Lane
    primary: Site
    fallback: Site


def lay_out(emulator: Emulator, latency: float) -> list[Track]:
    """The four lanes, each with two providers that take ``latency`` seconds. ``ConfigError`` if one is missing."""
    return [_track(emulator, letter, latency, *where) for letter, where in zip("abcd", LANES, strict=True)]


def _track(emulator: Emulator, letter: str, latency: float, module: str, function: str) -> Track:
    primary = emulator.site(f"{letter}-primary", reply="the primary", latency=latency)
    fallback = emulator.site(f"{letter}-fallback", reply="the fallback", latency=latency)
    try:
        bring = getattr(import_module(module), function)
    except ImportError as error:
        remedy = 'Install everything it shows: pip install "failover-plugin[all]"'
        raise ConfigError(f"The demo needs {error.name}, which is not installed. {remedy}") from error
    lane: Lane = bring(primary.openai_url, fallback.openai_url)
    return Track(f"({letter}) {lane.name}", lane, primary, fallback)
