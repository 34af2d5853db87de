"""Cohere's second chat API on the wire.

Follows https://docs.cohere.com/v2/reference/chat and https://docs.cohere.com/v2/reference/chat-stream: a stream that
fails ends with ``message-end`` whose finish reason is ``ERROR``, with the message beside it. Server-sent events end
with ``[DONE]``, as in https://github.com/cohere-ai/cohere-python/issues/730; who accepts JSON only, as LiteLLM does,
gets one event a line, the default of https://docs.cohere.com/v1/reference/chat. The headers are those of
https://github.com/cohere-ai/cohere-typescript/issues/222.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator.ask import Answer, Ask, Text, ToolCall
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import SSE, argument_pieces, compact, event, line, mapping, pieces
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Part

_FINISH = {"stop": "COMPLETE", "error": "ERROR", "filter": "COMPLETE"}  # its safety modes refuse in words


class Cohere(OpenAI):
    """The format of ``POST /v2/chat``; messages and tools are asked for as OpenAI's clients do."""

    name = "cohere"
    stream_type = SSE

    def __init__(self, provider: str = "cohere") -> None:
        super().__init__(provider)

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        form = mapping(body.get("response_format"))
        schema = form.get("json_schema") or form.get("schema")
        choice = {"REQUIRED": "required", "NONE": "none"}.get(str(body.get("tool_choice")), "auto")
        openai_form = {"type": "json_schema", "json_schema": {"schema": schema}} if schema else form
        return super().read({**body, "tool_choice": choice, "response_format": openai_form})

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type: a trial key's limits."""
        return {
            "x-debug-trace-id": ident,
            "x-endpoint-monthly-call-limit": "1000",
            "x-trial-endpoint-call-limit": "20",
            "x-trial-endpoint-call-remaining": "19",
        }

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        return {
            "id": ident,
            "message": {"role": "assistant", **_content(answer, ident)},
            "finish_reason": _finish(answer),
            "usage": _usage(ask, answer),
        }

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        yield from (self._framed(payload, part) for part, payload in _payloads(ask, answer, ident))
        yield event("[DONE]", Part.SENTINEL)

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:
        """An error in mid-stream, which is its end. A body that is an event already is sent as it is."""
        if (body := mapping(error.body)).get("type") == "message-end":
            return self._framed(body, Part.CONTENT)
        message = str(body.get("message", error.body))
        delta = {"finish_reason": "ERROR", "error": message, "usage": _usage(ask, Text(""))}
        return self._framed({"type": "message-end", "id": ident, "delta": delta}, Part.CONTENT)

    def _framed(self, payload: Mapping[str, Any], part: Part) -> Data:
        return event(payload, part, name=payload["type"])

    def error_body(self, message: str, status: int) -> dict[str, Any]:  # noqa: ARG002 - the status says it all
        """An error that is in no catalogue, such as an unknown route."""
        return {"id": "emulated", "message": message}


class CohereLines(Cohere):
    """The same as newline-delimited JSON, for a client that does not accept events."""

    stream_type = "application/stream+json"

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request, without a sentinel."""
        return (self._framed(payload, part) for part, payload in _payloads(ask, answer, ident))

    def _framed(self, payload: Mapping[str, Any], part: Part) -> Data:
        return line(payload, part)


_Payload = tuple[Part, dict[str, Any]]


def _payloads(ask: Ask, answer: Answer, ident: str) -> Iterator[_Payload]:
    """A stream's events before they are framed."""
    message: dict[str, Any] = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield Part.OPENING, {"type": "message-start", "id": ident, "delta": {"message": message}}
    yield from _text_events(answer) if isinstance(answer, Text) else _tool_events(answer, ident)
    delta = {"finish_reason": _finish(answer), "usage": _usage(ask, answer)}
    yield Part.CLOSING, {"type": "message-end", "id": ident, "delta": delta}


def _content(answer: Answer, ident: str) -> dict[str, Any]:
    if isinstance(answer, Text):
        return {"content": [{"type": "text", "text": answer.text}] if answer.text else []}
    return {"tool_plan": "", "tool_calls": [_call(answer.name, compact(answer.arguments), ident)]}


def _call(name: str, arguments: str, ident: str) -> dict[str, Any]:
    return {"id": f"{name}_{ident}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _text_events(answer: Text) -> Iterator[_Payload]:
    start = {"message": {"content": {"type": "text", "text": ""}}}
    yield Part.OPENING, {"type": "content-start", "index": 0, "delta": start}
    for piece in pieces(answer.text):
        yield Part.CONTENT, {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
    yield Part.CLOSING, {"type": "content-end", "index": 0}


def _tool_events(answer: ToolCall, ident: str) -> Iterator[_Payload]:
    start = {"message": {"tool_calls": _call(answer.name, "", ident)}}
    yield Part.CONTENT, {"type": "tool-call-start", "index": 0, "delta": start}
    for piece in argument_pieces(compact(answer.arguments)):
        delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
        yield Part.CONTENT, {"type": "tool-call-delta", "index": 0, "delta": delta}
    yield Part.CLOSING, {"type": "tool-call-end", "index": 0}


def _finish(answer: Answer) -> str:
    return _FINISH[answer.end] if isinstance(answer, Text) else "TOOL_CALL"


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    counts = {"input_tokens": ask.tokens, "output_tokens": answer.tokens}
    return {"billed_units": counts, "tokens": counts}
