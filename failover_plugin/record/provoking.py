"""What a provider can be made to answer at will, and for next to nothing: each request is named after its answer.

The names are those of the emulator's catalogue, so that a recording takes the place of what was only documented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from failover_plugin.record.providers import Provider

TOKENS = 16
"""The longest answer asked for, in tokens: the least that every provider takes."""
_WRONG = "failover-record-wrong-key"
_HEALTHY = frozenset({int(HTTPStatus.OK)})
_HELLO = [{"role": "user", "content": "Say hello."}]

_Change = Callable[[Provider, "int | None"], "dict[str, Any] | None"]


@dataclass(frozen=True, slots=True)
class Provocation:
    """One request: ``change`` is what it tells LiteLLM beside the usual, or None where it cannot be made.

    An answer with another status than those it ``provokes`` is not what it is named after.
    """

    name: str
    change: _Change
    stream: bool = False
    provokes: frozenset[int] = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def keywords(provocation: Provocation, provider: Provider, model: str, window: int | None) -> dict[str, Any] | None:
    """What ``litellm.completion`` is told, None if that cannot be had.

    ``window`` is how many tokens the model takes, None if that is not known.
    """
    change = provocation.change(provider, window)
    if change is None:
        return None
    usual = {**provider.keywords(model), "messages": _HELLO, "max_tokens": TOKENS, "stream": provocation.stream}
    return {**usual, **change}


def _nothing(_provider: Provider, _window: int | None) -> dict[str, Any]:
    return {}


def _wrong_key(provider: Provider, _window: int | None) -> dict[str, Any] | None:
    return {provider.secret: _WRONG} if provider.secret else None


def _unknown_model(provider: Provider, _window: int | None) -> dict[str, Any]:
    return {"model": f"{provider.prefix}/failover-no-such-model"}


def _too_long(_provider: Provider, window: int | None) -> dict[str, Any] | None:
    """Half as long again as the window, so that it is refused and not billed."""
    return {"messages": [{"role": "user", "content": "word " * (window * 3 // 2)}]} if window else None


def _unsupported(_provider: Provider, _window: int | None) -> dict[str, Any]:
    return {"failover_no_such_parameter": 1}


PROVOCATIONS = (
    Provocation("plain", _nothing, provokes=_HEALTHY),
    Provocation("stream", _nothing, stream=True, provokes=_HEALTHY),
    Provocation("invalid_api_key", _wrong_key),
    Provocation("model_not_found", _unknown_model),
    Provocation("context_length", _too_long),
    Provocation("unsupported", _unsupported),
)
