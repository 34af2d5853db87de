"""Anthropic's Messages API: server-sent events as bytes, which LiteLLM passes on as they come.

A chunk may hold several events, or a part of one. A message ends by ``message_delta`` with a stop reason, behind which
only ``message_stop`` follows; an ``error`` event stands in for both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from failover_litellm.streams.reader import Reader

_DATA = b"data:"
_DELTA = (b'{"type":"content_block_delta"', b'{"type": "content_block_delta"')
_UNKNOWN_ERROR = 500  # the status of an error whose kind is in nobody's table
_SAYS_MORE_LATER = ("text", "thinking")
"""Blocks whose beginning is empty: their content comes in deltas."""


class MessagesReader(Reader):
    """Reads the bytes of a ``/v1/messages`` stream."""

    def __init__(self, stream: Any, *, may_be_silent: bool, model: str) -> None:
        super().__init__(stream, may_be_silent=may_be_silent)
        self._model = model
        self._begun = b""
        self._content = False
        self._counts: dict[str, int] = {}

    def has_content(self, chunk: Any) -> bool:
        """Whether a chunk has a delta, or the beginning of a block that says something by itself: a tool's name."""
        return any(map(_is_content, self._events(chunk)))

    def read(self, chunk: Any, *, has_content: bool) -> None:
        """Note the events in a chunk. Raises the error that one of them is, or that the stop reason says."""
        for event in self._events(chunk):
            self._see(event, has_content=has_content)
        if not isinstance(chunk, Mapping):
            data = self._begun + _encoded(chunk)
            self._begun = data[data.rfind(b"\n") + 1 :]

    def _events(self, chunk: Any) -> Iterator[Mapping[str, Any]]:
        """The events whose data ends in this chunk, behind what has begun before it."""
        if isinstance(chunk, Mapping):
            yield cast("Mapping[str, Any]", chunk)
            return
        for line in (self._begun + _encoded(chunk)).split(b"\n")[:-1]:
            if line.startswith(_DATA) and (event := _parsed(line[len(_DATA) :].strip())):
                yield event

    def _see(self, event: Any, *, has_content: bool) -> None:
        kind = event.get("type")
        if kind == "error":
            raise self._error(event)
        if kind == "message_start":
            self._count(_mapping(event.get("message")).get("usage"))
        elif kind == "message_delta":
            self._count(event.get("usage"))
            if reason := _mapping(event.get("delta")).get("stop_reason"):
                self.finish(str(reason), has_content=has_content)
        elif kind == "message_stop":
            self.finished = True

    def _count(self, usage: Any) -> None:
        """Cumulative counts: the latest hold. Cached tokens are counted apart from the input's, and belong to it."""
        self._counts.update({name: n for name, n in _mapping(usage).items() if isinstance(n, int)})
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        prompt = sum(self._counts.get(name, 0) for name in names)
        self.usage = {"input_tokens": prompt, "output_tokens": self._counts.get("output_tokens", 0)}

    def _error(self, event: Any) -> Exception:
        """The exception of LiteLLM's that the same error has as an HTTP answer."""
        from litellm.llms.anthropic.common_utils import (
            ANTHROPIC_ERROR_STATUS_CODE_MAP,
            anthropic_error_frame_exception,
        )

        error = _mapping(event.get("error"))
        kind = str(error.get("type") or "api_error")
        status = ANTHROPIC_ERROR_STATUS_CODE_MAP.get(kind, _UNKNOWN_ERROR)
        return anthropic_error_frame_exception(kind, str(error.get("message") or kind), status, self._model)


def _encoded(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk)


def _parsed(data: bytes) -> Mapping[str, Any]:
    """An event's data; that of a delta, the most frequent, is not looked into."""
    if data.startswith(_DELTA):
        return {"type": "content_block_delta"}
    try:
        return _mapping(json.loads(data))
    except ValueError:
        return {}


def _is_content(event: Mapping[str, Any]) -> bool:
    if event.get("type") == "content_block_start":
        return _mapping(event.get("content_block")).get("type") not in _SAYS_MORE_LATER
    return event.get("type") == "content_block_delta"


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
