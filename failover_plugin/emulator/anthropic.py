"""Anthropic's Messages on the wire.

Follows https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator.ask import Answer, Ask, Text, Tool
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import SSE, argument_pieces, compact, dicts, event, mapping, pieces, text_of
from failover_plugin.emulator.plan import Data, Part

_SERVERS_FAULT = 500
_STOP = {"stop": "end_turn", "error": None, "filter": "refusal"}  # there is no reason that says "error"
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Anthropic:
    """The format of ``POST /v1/messages``."""

    name = "anthropic"
    stream_type = SSE
    in_array = False

    def __init__(self, provider: str = "anthropic") -> None:
        self.provider = provider

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        messages = dicts(body.get("messages"))
        last = messages[-1] if messages else {}
        role, text = last.get("role"), text_of(last.get("content"))
        choice = mapping(body.get("tool_choice"))
        return Ask(
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            body=body,
            user_text=text if role == "user" else "",
            tools=() if choice.get("type") == "none" else tuple(map(_tool, dicts(body.get("tools")))),
            forced=str(choice.get("name", "")) or choice.get("type") == "any",
            tool_result=_tool_result(last),
            schema=_schema(body),
            prefix=text if role == "assistant" else "",
        )

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        limits = {"requests": 50, "input-tokens": 30_000, "output-tokens": 8_000}
        quota = {
            f"anthropic-ratelimit-{kind}-{field}": value
            for kind, limit in limits.items()
            for field, value in (("limit", limit), ("remaining", limit - 1), ("reset", "2026-01-01T00:00:00Z"))
        }
        return {"request-id": f"req_{ident}"} | {name: str(value) for name, value in quota.items()}

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        return {
            **_message(ask, ident),
            "content": list(_blocks(answer, ident)),
            "stop_reason": _stop(answer),
            "usage": {"input_tokens": ask.tokens, "output_tokens": answer.tokens},
        }

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        return (event(payload, part, name=payload["type"]) for part, payload in payloads(ask, answer, ident))

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - some need them
        """An error in mid-stream."""
        return event(error.body, Part.CONTENT, name="error")

    def error_body(self, message: str, status: int) -> dict[str, Any]:
        """An error that is in no catalogue, such as an unknown route."""
        kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < _SERVERS_FAULT else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_emulated"}


def payloads(ask: Ask, answer: Answer, ident: str) -> Iterator[tuple[Part, dict[str, Any]]]:
    """A stream's events before they are framed."""
    yield Part.OPENING, {"type": "message_start", "message": _message(ask, ident)}
    yield Part.OPENING, {"type": "ping"}
    for index, block in enumerate(_blocks(answer, ident)):
        yield Part.OPENING, {"type": "content_block_start", "index": index, "content_block": _emptied(block)}
        for delta in _deltas(block):
            yield Part.CONTENT, {"type": "content_block_delta", "index": index, "delta": delta}
        yield Part.CLOSING, {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": _stop(answer), "stop_sequence": None}
    yield Part.CLOSING, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": answer.tokens}}
    yield Part.SENTINEL, {"type": "message_stop"}


def _message(ask: Ask, ident: str) -> dict[str, Any]:
    return {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": ask.tokens, "output_tokens": 1},
    }


def _blocks(answer: Answer, ident: str) -> Iterator[dict[str, Any]]:
    if not isinstance(answer, Text):
        yield {"type": "tool_use", "id": f"toolu_{ident}", "name": answer.name, "input": dict(answer.arguments)}
    elif answer.text:
        yield {"type": "text", "text": answer.text}


def _emptied(block: Mapping[str, Any]) -> dict[str, Any]:
    return {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        return ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
    arguments = ["", *argument_pieces(compact(block["input"]))]
    return ({"type": "input_json_delta", "partial_json": piece} for piece in arguments)


def _stop(answer: Answer) -> str | None:
    return _STOP[answer.end] if isinstance(answer, Text) else "tool_use"


def _tool(tool: Mapping[str, Any]) -> Tool:
    return Tool(str(tool.get("name", "")), mapping(tool.get("input_schema")))


def _tool_result(message: Mapping[str, Any]) -> str | None:
    results = [block for block in dicts(message.get("content")) if block.get("type") == "tool_result"]
    return text_of(results[-1].get("content")) if results else None


def _schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    form = mapping(body.get("output_format")) or mapping(mapping(body.get("output_config")).get("format"))
    return mapping(form.get("schema")) if form.get("type") == "json_schema" else None
