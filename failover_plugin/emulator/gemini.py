"""Google's generateContent on the wire, of the Gemini API and of Vertex AI.

Follows https://ai.google.dev/api/generate-content and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference. A stream is server-sent events with
``alt=sse`` and one JSON array without; so is a refusal of it. An error in mid-stream is a chunk of its own, as in
https://github.com/diegosouzapw/OmniRoute/issues/4177.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from failover_plugin.emulator.ask import Answer, Ask, Text, Tool
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import SSE, compact, dicts, event, mapping, pieces, text_of
from failover_plugin.emulator.plan import Data, Part

_FINISH = {"stop": "STOP", "error": "OTHER", "filter": "SAFETY"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_PARAMETERS = ("parametersJsonSchema", "parameters_json_schema", "parameters")  # Google takes both spellings

How = Literal["plain", "events", "array"]


class Gemini:
    """The format of ``models/{model}:generateContent`` and ``:streamGenerateContent``."""

    def __init__(self, provider: str = "gemini", how: How = "plain") -> None:
        self.name = provider
        self._how = how

    @property
    def in_array(self) -> bool:
        """Whether the answer is asked for as a JSON array."""
        return self._how == "array"

    @property
    def stream_type(self) -> str:
        """Events or a JSON array."""
        return "application/json; charset=UTF-8" if self.in_array else SSE.partition(";")[0]

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request."""
        contents = dicts(body.get("contents"))
        last = contents[-1] if contents else {}
        parts = dicts(last.get("parts"))
        role, text = last.get("role", "user"), text_of(parts)
        results = [mapping(part["functionResponse"]) for part in parts if "functionResponse" in part]
        choice = mapping(mapping(body.get("toolConfig")).get("functionCallingConfig"))
        return Ask(
            model=str(body.get("model", "")).removeprefix("models/"),
            stream=self._how != "plain",
            body=body,
            user_text=text if role == "user" else "",
            tools=() if choice.get("mode") == "NONE" else tuple(_tools(body)),
            forced=_forced(choice),
            tool_result=compact(results[-1].get("response")) if results else None,
            schema=_schema(mapping(body.get("generationConfig"))),
            prefix=text if role == "model" else "",
            said="".join(text_of(content.get("parts")) for content in contents),
        )

    def headers(self, ident: str) -> dict[str, str]:  # noqa: ARG002 - Google has no request id
        """What every answer carries beside its content type; there is no word of limits."""
        return {"vary": "Origin, X-Origin, Referer", "server-timing": "gfet4t7; dur=20"}

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        return _chunk(ask, answer, ident, list(_parts(answer)), finish=True)

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        if self.in_array:
            yield Data(b"[", Part.OPENING)
        for part in _streamed(answer):
            yield self._piece(_chunk(ask, answer, ident, [part]), Part.CONTENT)
        yield self._piece(_chunk(ask, answer, ident, [{"text": ""}], finish=True), Part.CLOSING)

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - nothing of it in there
        """An error in mid-stream; in an array the last of its members."""
        return Data(f"{compact(error.body)}]".encode()) if self.in_array else event(error.body, Part.CONTENT)

    def error_body(self, message: str, status: int) -> dict[str, Any]:
        """An error that is in no catalogue, such as an unknown route."""
        return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}

    def _piece(self, chunk: object, part: Part) -> Data:
        if not self.in_array:
            return event(chunk, part)
        behind = "]" if part is Part.CLOSING else ",\r\n"
        return Data(f"{compact(chunk)}{behind}".encode(), part)


def _chunk(
    ask: Ask, answer: Answer, ident: str, parts: list[dict[str, Any]], *, finish: bool = False
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = _FINISH[answer.end] if isinstance(answer, Text) else "STOP"
    usage = {"promptTokenCount": ask.tokens, "candidatesTokenCount": answer.tokens}
    return {
        "candidates": [candidate],
        "usageMetadata": {**usage, "totalTokenCount": sum(usage.values())},
        "modelVersion": ask.model,
        "responseId": ident,
    }


def _parts(answer: Answer) -> Iterator[dict[str, Any]]:
    if not isinstance(answer, Text):
        yield {"functionCall": {"name": answer.name, "args": dict(answer.arguments)}}
    elif answer.text:
        yield {"text": answer.text}


def _streamed(answer: Answer) -> Iterator[dict[str, Any]]:
    """A function call is never cut into pieces."""
    if isinstance(answer, Text):
        return ({"text": piece} for piece in pieces(answer.text))
    return _parts(answer)


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in dicts(body.get("tools")):
        for function in dicts(tool.get("functionDeclarations")):
            schemas = (function.get(key) for key in _PARAMETERS)
            yield Tool(str(function.get("name", "")), _lowered(mapping(next(filter(None, schemas), None))))


def _forced(choice: Mapping[str, Any]) -> str | bool:
    allowed: list[str] = choice.get("allowedFunctionNames") or []
    if choice.get("mode") != "ANY":
        return False
    return allowed[0] if len(allowed) == 1 else True


def _schema(config: Mapping[str, Any]) -> dict[str, Any] | None:
    if config.get("responseMimeType") != "application/json":
        return None
    return _lowered(mapping(config.get("responseJsonSchema") or config.get("responseSchema")))


def _lowered(schema: dict[str, Any]) -> dict[str, Any]:
    """Google's schemas with the type names of JSON Schema: ``OBJECT`` is ``object``."""
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _within(value)
        for key, value in schema.items()
    }


def _within(value: Any) -> Any:
    if inner := mapping(value):
        return _lowered(inner)
    return [_lowered(item) for item in dicts(value)] or value
