"""Ollama's own chat on the wire: newline-delimited JSON, and a stream unless it is declined.

Follows https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate and https://docs.ollama.com/api/errors:
an error in mid-stream is a line with ``error``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator.ask import Answer, Ask, Text
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import line, mapping, pieces
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Part

_CREATED = "2026-01-01T00:00:00Z"
_MILLISECONDS_20 = 20_000_000  # durations are in nanoseconds


class Ollama(OpenAI):
    """The format of ``POST /api/chat``; messages and tools are asked for as OpenAI's clients do."""

    name = "ollama"
    stream_type = "application/x-ndjson"

    def __init__(self, provider: str = "ollama") -> None:
        super().__init__(provider)

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        form = body.get("format")
        schema = {"type": "json_schema", "json_schema": {"schema": form}} if mapping(form) else {"type": "json_object"}
        return super().read({"stream": True, **body, **({"response_format": schema} if form else {})})

    def headers(self, ident: str) -> dict[str, str]:  # noqa: ARG002 - a server of one's own numbers nothing
        """What every answer carries beside its content type."""
        return {}

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:  # noqa: ARG002 - nothing has an id
        """The answer to a plain request."""
        return {**_envelope(ask), **self._said(answer, _text(answer)), **_end(ask, answer)}

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:  # noqa: ARG002 - nothing has an id
        """The answer to a streaming request."""
        for piece in pieces(_text(answer)) if isinstance(answer, Text) else [""]:
            yield line({**_envelope(ask), **self._said(answer, piece), "done": False}, Part.CONTENT)
        yield line({**_envelope(ask), **self._said(Text(""), ""), **_end(ask, answer)}, Part.CLOSING)

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - nothing of it in there
        """An error in mid-stream."""
        return line(error.body if mapping(error.body) else {"error": str(error.body)}, Part.CONTENT)

    def error_body(self, message: str, status: int) -> dict[str, Any]:  # noqa: ARG002 - the status says it all
        """An error that is in no catalogue, such as an unknown route."""
        return {"error": message}

    def _said(self, answer: Answer, text: str) -> dict[str, Any]:
        if isinstance(answer, Text):
            return {"message": {"role": "assistant", "content": text}}
        function = {"name": answer.name, "arguments": dict(answer.arguments)}
        return {"message": {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}}


class Generate(Ollama):
    """The format of ``POST /api/generate``: a prompt instead of messages."""

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        return super().read({**body, "messages": [{"role": "user", "content": body.get("prompt", "")}]})

    def _said(self, answer: Answer, text: str) -> dict[str, Any]:
        return {"response": text if isinstance(answer, Text) else ""}


def _envelope(ask: Ask) -> dict[str, Any]:
    return {"model": ask.model, "created_at": _CREATED}


def _text(answer: Answer) -> str:
    return answer.text if isinstance(answer, Text) else ""


def _end(ask: Ask, answer: Answer) -> dict[str, Any]:
    """How it ended and what it took; there is no reason that says the model failed."""
    stopped = not isinstance(answer, Text) or answer.end == "stop"
    return {
        "done": True,
        **({"done_reason": "stop"} if stopped else {}),
        "total_duration": _MILLISECONDS_20,
        "load_duration": 0,
        "prompt_eval_count": ask.tokens,
        "prompt_eval_duration": 0,
        "eval_count": answer.tokens,
        "eval_duration": _MILLISECONDS_20,
    }
