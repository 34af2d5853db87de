"""OpenAI's Responses on the wire.

Follows https://platform.openai.com/docs/api-reference/responses and
https://platform.openai.com/docs/api-reference/responses-streaming: a stream that fails says so in a flat event of type
``error`` or, if the response itself has failed, in ``response.failed``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator.ask import Answer, Ask, Text, Tool
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import argument_pieces, compact, dicts, event, mapping, pieces, text_of
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Part

_CREATED = 1_700_000_000
_STATUS = {"stop": "completed", "error": "failed", "filter": "incomplete"}
_FAILURE = {"code": "server_error", "message": "The model failed to generate a response."}


class Responses(OpenAI):
    """The format of ``POST /v1/responses``."""

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        items = _items(body.get("input"))
        last = items[-1] if items else {}
        role, text = last.get("role"), text_of(last.get("content"))
        form = mapping(mapping(body.get("text")).get("format"))
        choice = body.get("tool_choice")
        return Ask(
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            body=body,
            user_text=text if role == "user" else "",
            tools=() if choice == "none" else tuple(map(_tool, dicts(body.get("tools")))),
            forced=choice == "required" or str(mapping(choice).get("name", "")) or False,
            tool_result=text_of(last.get("output")) if last.get("type") == "function_call_output" else None,
            schema=mapping(form.get("schema")) if form.get("type") == "json_schema" else None,
            prefix=text if role == "assistant" else "",
            said="".join(text_of(item.get("content")) for item in items),
        )

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        return _response(ask, answer, ident)

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        for number, (part, payload) in enumerate(_payloads(ask, answer, ident)):
            yield event({**payload, "sequence_number": number}, part, name=payload["type"])

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - nothing of it in there
        """An error in mid-stream: ``code``, ``message`` and ``param`` are not inside an ``error``.

        A body that is an event already is sent as it is.
        """
        if "type" in (body := mapping(error.body)):
            return event(body, Part.CONTENT, name=error.event or str(body["type"]))
        told = mapping(body.get("error")) or body
        fields = {"code": told.get("code"), "message": told.get("message"), "param": told.get("param")}
        return event({"type": "error", **fields, "sequence_number": 0}, Part.CONTENT, name="error")


def _payloads(ask: Ask, answer: Answer, ident: str) -> Iterator[tuple[Part, dict[str, Any]]]:
    begun = {**_response(ask, Text(""), ident), "status": "in_progress", "output": (), "usage": None}
    yield Part.OPENING, {"type": "response.created", "response": begun}
    yield Part.OPENING, {"type": "response.in_progress", "response": begun}
    yield from _text_payloads(answer, ident) if isinstance(answer, Text) else _call_payloads(answer, ident)
    whole = _response(ask, answer, ident)
    yield Part.CLOSING, {"type": f"response.{whole['status']}", "response": whole}


def _text_payloads(answer: Text, ident: str) -> Iterator[tuple[Part, dict[str, Any]]]:
    where = {"item_id": f"msg_{ident}", "output_index": 0}
    inside = {**where, "content_index": 0}
    (item,) = _output(answer, ident)
    (content,) = item["content"]
    begun = {**item, "status": "in_progress", "content": ()}
    yield Part.OPENING, {"type": "response.output_item.added", "output_index": 0, "item": begun}
    yield Part.OPENING, {"type": "response.content_part.added", **inside, "part": {**content, "text": ""}}
    for piece in pieces(answer.text):
        yield Part.CONTENT, {"type": "response.output_text.delta", **inside, "delta": piece, "logprobs": []}
    yield Part.CLOSING, {"type": "response.output_text.done", **inside, "text": answer.text, "logprobs": []}
    yield Part.CLOSING, {"type": "response.content_part.done", **inside, "part": content}
    yield Part.CLOSING, {"type": "response.output_item.done", "output_index": 0, "item": item}


def _call_payloads(answer: Answer, ident: str) -> Iterator[tuple[Part, dict[str, Any]]]:
    where = {"item_id": f"fc_{ident}", "output_index": 0}
    (item,) = _output(answer, ident)
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield Part.OPENING, {"type": "response.output_item.added", "output_index": 0, "item": begun}
    for piece in argument_pieces(item["arguments"]):
        yield Part.CONTENT, {"type": "response.function_call_arguments.delta", **where, "delta": piece}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield Part.CLOSING, {"type": "response.function_call_arguments.done", **where, **done}
    yield Part.CLOSING, {"type": "response.output_item.done", "output_index": 0, "item": item}


def _response(ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
    end = answer.end if isinstance(answer, Text) else "stop"
    return {
        "id": f"resp_{ident}",
        "object": "response",
        "created_at": _CREATED,
        "status": _STATUS[end],
        "error": _FAILURE if end == "error" else None,
        "incomplete_details": {"reason": "content_filter"} if end == "filter" else None,
        "model": ask.model,
        "output": _output(answer, ident),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": ask.body.get("tool_choice", "auto"),
        "tools": ask.body.get("tools", []),
        "top_p": 1.0,
        "usage": _usage(ask, answer),
    }


def _output(answer: Answer, ident: str) -> list[dict[str, Any]]:
    if isinstance(answer, Text):
        content = {"type": "output_text", "text": answer.text, "annotations": (), "logprobs": ()}
        message = {"id": f"msg_{ident}", "type": "message", "role": "assistant"}
        return [{**message, "status": "completed", "content": [content]}]
    call = {"call_id": f"call_{ident}", "name": answer.name, "arguments": compact(answer.arguments)}
    return [{"id": f"fc_{ident}", "type": "function_call", "status": "completed", **call}]


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": ask.tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": ask.tokens + answer.tokens,
    }


def _items(value: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": value}] if isinstance(value, str) else dicts(value)


def _tool(tool: Mapping[str, Any]) -> Tool:
    return Tool(str(tool.get("name", "")), mapping(tool.get("parameters")))
