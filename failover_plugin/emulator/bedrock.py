"""Amazon Bedrock on the wire: Converse for every model, and InvokeModel with Anthropic's own bodies.

Follows https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html; errors have
their name in the header ``x-amzn-errortype``, as in
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from failover_plugin.emulator import eventstream
from failover_plugin.emulator.anthropic import Anthropic, payloads
from failover_plugin.emulator.ask import Answer, Ask, Text, Tool
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import argument_pieces, compact, dicts, mapping, pieces, text_of
from failover_plugin.emulator.plan import Data, Part

_STOP = {"stop": "end_turn", "error": "malformed_model_output", "filter": "content_filtered"}
_EXCEPTIONS = {
    400: "validationException",
    408: "modelTimeoutException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    503: "serviceUnavailableException",
}


class Converse:
    """The format of ``POST /model/{model}/converse`` and ``/converse-stream``."""

    name = "bedrock"
    stream_type = eventstream.MEDIA_TYPE
    in_array = False

    def __init__(self, *, stream: bool = False) -> None:
        self._stream = stream

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        messages = dicts(body.get("messages"))
        last = messages[-1] if messages else {}
        role, text = last.get("role"), text_of(last.get("content"))
        config = mapping(body.get("toolConfig"))
        choice = mapping(config.get("toolChoice"))
        return Ask(
            model=str(body.get("model", "")),
            stream=self._stream,
            body=body,
            user_text=text if role == "user" else "",
            tools=tuple(_tools(config)),
            forced=str(mapping(choice.get("tool")).get("name", "")) or "any" in choice,
            tool_result=_tool_result(last),
            prefix=text if role == "assistant" else "",
        )

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        return {"x-amzn-requestid": ident}

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        message = {"role": "assistant", "content": list(_blocks(answer, ident))}
        return {"output": {"message": message}, "stopReason": _stop(answer), **_metadata(ask, answer)}

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        yield _event(Part.OPENING, "messageStart", role="assistant")
        for index, block in enumerate(_blocks(answer, ident)):
            if tool := mapping(block.get("toolUse")):
                start = {"toolUse": {"toolUseId": tool["toolUseId"], "name": tool["name"]}}
                yield _event(Part.OPENING, "contentBlockStart", start=start, contentBlockIndex=index)
            for delta in _deltas(block):
                yield _event(Part.CONTENT, "contentBlockDelta", delta=delta, contentBlockIndex=index)
            yield _event(Part.CLOSING, "contentBlockStop", contentBlockIndex=index)
        yield _event(Part.CLOSING, "messageStop", stopReason=_stop(answer))
        yield _event(Part.SENTINEL, "metadata", **_metadata(ask, answer))

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - nothing of it in there
        """An error in mid-stream."""
        return _exception(error)

    def error_body(self, message: str, status: int) -> dict[str, Any]:  # noqa: ARG002 - it is in the header alone
        """An error that is in no catalogue, such as an unknown route."""
        return {"message": message}


class Invoke(Anthropic):
    """The format of ``POST /model/{model}/invoke`` and ``/invoke-with-response-stream`` for Anthropic's models."""

    name = "bedrock"
    stream_type = eventstream.MEDIA_TYPE

    def __init__(self, *, stream: bool = False) -> None:
        super().__init__("bedrock")
        self._stream = stream

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request: whether it is a stream, its path says."""
        return super().read({**body, "stream": self._stream})

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        return {"x-amzn-requestid": ident, "x-amzn-bedrock-invocation-latency": "20"}

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """Anthropic's events, each in a chunk."""
        for part, payload in payloads(ask, answer, ident):
            yield _event(part, "chunk", bytes=base64.b64encode(compact(payload).encode()).decode())

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - nothing of it in there
        """An error in mid-stream."""
        return _exception(error)

    def error_body(self, message: str, status: int) -> dict[str, Any]:  # noqa: ARG002 - it is in the header alone
        """An error that is in no catalogue, such as an unknown route."""
        return {"message": message}


def _event(part: Part, kind: str, **fields: object) -> Data:
    return Data(eventstream.event(kind, compact(fields).encode()), part)


def _exception(error: Documented) -> Data:
    """Its name is the error's own, as a member of the stream: ``throttlingException``."""
    name = error.headers.get("x-amzn-errortype", "").partition(":")[0]
    kind = error.event or name[:1].lower() + name[1:] or _EXCEPTIONS.get(error.status, "internalServerException")
    return Data(eventstream.exception(kind, compact(error.body).encode()))


def _blocks(answer: Answer, ident: str) -> Iterator[dict[str, Any]]:
    if not isinstance(answer, Text):
        tool = {"toolUseId": f"tooluse_{ident}", "name": answer.name, "input": dict(answer.arguments)}
        yield {"toolUse": tool}
    elif answer.text:
        yield {"text": answer.text}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "text" in block:
        return ({"text": piece} for piece in pieces(block["text"]))
    arguments = compact(block["toolUse"]["input"])
    return ({"toolUse": {"input": piece}} for piece in argument_pieces(arguments))


def _stop(answer: Answer) -> str:
    return _STOP[answer.end] if isinstance(answer, Text) else "tool_use"


def _metadata(ask: Ask, answer: Answer) -> dict[str, Any]:
    usage = {"inputTokens": ask.tokens, "outputTokens": answer.tokens}
    return {"usage": {**usage, "totalTokens": sum(usage.values())}, "metrics": {"latencyMs": 20}}


def _tools(config: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in dicts(config.get("tools")):
        spec = mapping(tool.get("toolSpec"))
        yield Tool(str(spec.get("name", "")), mapping(mapping(spec.get("inputSchema")).get("json")))


def _tool_result(message: Mapping[str, Any]) -> str | None:
    results = [mapping(block["toolResult"]) for block in dicts(message.get("content")) if "toolResult" in block]
    return text_of(results[-1].get("content")) if results else None
