"""Small encodings that the wire formats share: compact JSON, server-sent events, and an answer cut into pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from failover_plugin.emulator.plan import Data, Part

SSE = "text/event-stream; charset=utf-8"
"""The media type of server-sent events."""

_SLICES = 6  # of a plain body, so that it too can be cut, dripped or stalled at a fraction


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON, and its media type."""

    content: bytes
    kind: str


Body = dict[str, Any] | Media
"""The body of a plain answer."""


def compact(value: object) -> str:
    """JSON without spaces, as the providers send it."""
    return json.dumps(value, separators=(",", ":"))


def event(payload: object, part: Part, name: str = "") -> Data:
    """One server-sent event; ``payload`` is a JSON value, or a string that is sent as it is."""
    head = f"event: {name}\n" if name else ""
    text = payload if isinstance(payload, str) else compact(payload)
    return Data(f"{head}data: {text}\n\n".encode(), part)


def line(payload: object, part: Part) -> Data:
    """One line of newline-delimited JSON."""
    return Data(f"{compact(payload)}\n".encode(), part)


def slices(body: bytes) -> Iterable[Data]:
    """A plain body in a few pieces."""
    size = max(1, -(-len(body) // _SLICES))
    return (Data(body[start : start + size]) for start in range(0, len(body), size))


def pieces(text: str) -> list[str]:
    """A text as a model streams it: word by word, each with the space behind it."""
    return re.findall(r"\s*\S+\s?", text)


def argument_pieces(text: str) -> Iterable[str]:
    """A tool call's arguments as they are streamed: a few characters at a time."""
    return (text[start : start + 8] for start in range(0, len(text), 8))


def tokens(text: str) -> int:
    """A token count by rule of thumb: four characters each."""
    return max(1, len(text) // 4)


def text_of(content: object) -> str:
    """The text of a message's content, whether it is a string or a list of blocks."""
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in dicts(content))


def dicts(value: object) -> list[dict[str, Any]]:
    """The mappings in a list, where a client may have sent anything."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def mapping(value: object) -> dict[str, Any]:
    """The mapping, or an empty one, where a client may have sent anything."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
