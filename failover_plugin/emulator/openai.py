"""OpenAI's chat completions on the wire, in every provider's dialect; and Azure's, which differ in a few fields.

Follows https://platform.openai.com/docs/api-reference/chat and, for Azure,
https://learn.microsoft.com/azure/ai-foundry/openai/reference; the dialects cite pages of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator.ask import Answer, Ask, Text, Tool
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.dialects import dialect_of
from failover_plugin.emulator.encoding import (
    SSE,
    Body,
    argument_pieces,
    compact,
    dicts,
    event,
    mapping,
    pieces,
    text_of,
)
from failover_plugin.emulator.plan import Data, Part

_CREATED = 1_700_000_000  # fixed, so that equal requests get equal answers
_SERVERS_FAULT = 500
_DONE = event("[DONE]", Part.SENTINEL)
_FINISH = {"stop": "stop", "error": "error", "filter": "content_filter"}  # "error" as OpenRouter and Mistral say it


class OpenAI:
    """The format of ``POST /v1/chat/completions``, as ``provider`` speaks it."""

    name = "openai"
    stream_type = SSE

    def __init__(self, provider: str = "openai") -> None:
        self.dialect = dialect_of(provider)

    @property
    def in_array(self) -> bool:
        """Whether a refusal is an array."""
        return self.dialect.in_array

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        messages = dicts(body.get("messages"))
        last = messages[-1] if messages else {}
        role, text = last.get("role"), text_of(last.get("content"))
        form = mapping(body.get("response_format"))
        return Ask(
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            body=body,
            user_text=text if role == "user" else "",
            tools=() if body.get("tool_choice") == "none" else tuple(map(_tool, dicts(body.get("tools")))),
            forced=_forced(body.get("tool_choice")),
            tool_result=text if role == "tool" else None,
            schema=_schema(form),
            prefix=text if role == "assistant" else "",
            usage_in_stream=bool(mapping(body.get("stream_options")).get("include_usage")),
        )

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        return {name: value.replace("{}", ident) for name, value in self.dialect.headers.items()}

    def body(self, ask: Ask, answer: Answer, ident: str) -> Body:
        """The answer to a plain request."""
        choice = {"index": 0, "message": _message(answer, ident), "logprobs": None, "finish_reason": _finish(answer)}
        return {**_envelope(ask, ident, "chat.completion"), "choices": [choice], "usage": _usage(ask, answer)}

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        yield self._chunk(ask, ident, {"role": "assistant", "content": ""}, Part.OPENING)
        for delta in _deltas(answer, ident):
            yield self._chunk(ask, ident, delta, Part.CONTENT)
        yield self._chunk(ask, ident, {}, Part.CLOSING, finish=_finish(answer))
        if ask.usage_in_stream:
            chunk = _envelope(ask, ident, "chat.completion.chunk")
            yield event({**chunk, "choices": (), "usage": _usage(ask, answer)}, Part.CLOSING)
        yield _DONE

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:
        """An error in mid-stream."""
        body = self.dialect.in_stream(error)
        if self.dialect.in_chunk and "choices" not in mapping(body):
            choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
            body = {**_envelope(ask, ident, "chat.completion.chunk"), **mapping(body), "choices": [choice]}
        sent = event(body, Part.CONTENT, name=error.event or self.dialect.event)
        return Data(sent.data + _DONE.data) if self.dialect.and_done else sent

    def error_body(self, message: str, status: int) -> dict[str, Any]:
        """An error that is in no catalogue, such as an unknown route."""
        kind = "invalid_request_error" if status < _SERVERS_FAULT else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def _chunk(self, ask: Ask, ident: str, delta: object, part: Part, finish: str | None = None) -> Data:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if ask.usage_in_stream else {}
        return event({**_envelope(ask, ident, "chat.completion.chunk"), "choices": [choice], **usage}, part)


class Azure(OpenAI):
    """The format of ``POST /openai/deployments/{deployment}/chat/completions`` and ``/openai/v1/chat/completions``."""

    def headers(self, ident: str) -> dict[str, str]:
        """Azure's own names, and no ``openai-*`` header."""
        return {
            "apim-request-id": ident,
            "x-request-id": ident,
            "x-ms-region": "Emulated",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-remaining-tokens": "29990",
        }

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """As OpenAI, behind a first chunk that has no choices but the prompt's filter results."""
        safe = {"filtered": False, "severity": "safe"}
        results = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), safe)
        prompt = [{"prompt_index": 0, "content_filter_results": results}]
        yield event(
            {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": prompt},
            Part.OPENING,
        )
        yield from super().events(ask, answer, ident)


def _envelope(ask: Ask, ident: str, kind: str) -> dict[str, Any]:
    common = {"service_tier": "default", "system_fingerprint": "fp_emulated"}
    return {"id": f"chatcmpl-{ident}", "object": kind, "created": _CREATED, "model": ask.model, **common}


def _message(answer: Answer, ident: str) -> dict[str, Any]:
    common = {"role": "assistant", "refusal": None, "annotations": ()}
    if isinstance(answer, Text):
        return {**common, "content": answer.text}
    function = {"name": answer.name, "arguments": compact(answer.arguments)}
    return {
        **common,
        "content": None,
        "tool_calls": [{"id": _call_id(ident), "type": "function", "function": function}],
    }


def _deltas(answer: Answer, ident: str) -> Iterator[dict[str, Any]]:
    if isinstance(answer, Text):
        yield from ({"content": piece} for piece in pieces(answer.text))
        return
    opening = {"id": _call_id(ident), "type": "function", "function": {"name": answer.name, "arguments": ""}}
    yield {"tool_calls": [{"index": 0, **opening}]}
    for piece in argument_pieces(compact(answer.arguments)):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _call_id(ident: str) -> str:
    return f"call_{ident}"


def _finish(answer: Answer) -> str:
    return _FINISH[answer.end] if isinstance(answer, Text) else "tool_calls"


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    prompt, completion = ask.tokens, answer.tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _tool(tool: Mapping[str, Any]) -> Tool:
    function = mapping(tool.get("function"))
    return Tool(str(function.get("name", "")), mapping(function.get("parameters")))


def _forced(choice: object) -> str | bool:
    if isinstance(choice, str):
        return choice == "required"
    return str(mapping(mapping(choice).get("function")).get("name", "")) or False


def _schema(form: Mapping[str, Any]) -> dict[str, Any] | None:
    match form.get("type"):
        case "json_schema":
            return mapping(mapping(form.get("json_schema")).get("schema"))
        case "json_object":
            return {"type": "object", "properties": {"text": {"type": "string"}}}
        case _:
            return None
