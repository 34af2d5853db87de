"""Answers that are failures under HTTP 200: empty, or ended by the model's own giving up.

LiteLLM makes a "stop" of a finish mark that it does not know, and keeps the provider's own beside it in a plain answer.
A model that says it has stopped may have said nothing where the caller names stop sequences, or has told it a tool's
result. What else is empty is shown to one other deployment of those on offer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from failover_plugin import require_sound

_CONTENT = (
    "content",
    "reasoning_content",
    "thinking_blocks",
    "tool_calls",
    "function_call",
    "audio",
    "images",
    "refusal",
)
_COMPLETED, _FAILED = "completed", "failed"  # of the other states, nothing is due yet, or there is a reason


def check(response: Any, asked: Mapping[str, Any]) -> bool:
    """Whether a plain answer says anything. Raises what is wrong with it: ``AnswerFailed`` or ``EmptyResponse``.

    Chat, text completions, the Responses API and Anthropic's messages have such answers; all others pass.
    """
    if (finish := _finish(response)) is None:
        return True
    mark, says_anything = finish
    require_sound(mark, has_content=says_anything, may_be_silent=not says_anything and may_be_silent(asked))
    return says_anything


def has_content(choice: Any) -> bool:
    """Whether a choice, of an answer or of a chunk of one, says anything."""
    said = getattr(choice, "delta", None) or getattr(choice, "message", None)
    return any(getattr(said, name, None) for name in _CONTENT)


def has_output(response: Any) -> bool:
    """Whether an answer of the Responses API says anything: a text, a refusal, or an item that is no message."""
    return any(map(_says_anything, _items(field(response, "output"))))


def may_be_silent(asked: Mapping[str, Any]) -> bool:
    """Whether an answer without content, of a model that says it has stopped, may be meant by a question like this."""
    if asked.get("stop") or asked.get("stop_sequences"):
        return True
    last = _last(asked.get("messages"))
    if field(last, "role") == "tool" or any(
        field(part, "type") == "tool_result" for part in _items(field(last, "content"))
    ):
        return True
    return str(field(_last(asked.get("input")), "type")).endswith("_output")


def _finish(response: Any) -> tuple[str | None, bool] | None:
    """The finish mark of a plain answer, and whether it says anything; None for an answer that has no such thing."""
    if choices := _items(getattr(response, "choices", None)):
        chat = [choice for choice in choices if hasattr(choice, "message")]
        if chat:
            return _mark(chat[0]), any(map(has_content, chat))
        return _mark(choices[0]), any(field(choice, "text") for choice in choices)
    if field(response, "object") == "response" and (status := field(response, "status")) in (_COMPLETED, _FAILED):
        return str(status), has_output(response)
    if field(response, "type") == "message" and field(response, "stop_reason"):
        return str(field(response, "stop_reason")), bool(_items(field(response, "content")))
    return None


def _says_anything(item: Any) -> bool:
    if field(item, "type") == "reasoning":
        return False
    if field(item, "type") != "message":
        return True
    return any(field(part, "text") or field(part, "refusal") for part in _items(field(item, "content")))


def _mark(choice: Any) -> str | None:
    own = field(getattr(choice, "provider_specific_fields", None), "native_finish_reason")
    return own if isinstance(own, str) else getattr(choice, "finish_reason", None)


def field(value: Any, name: str) -> Any:
    """A field of a mapping or an object of LiteLLM's, None if it has none."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).get(name)
    return getattr(value, name, None)


def _items(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


def _last(items: Any) -> Any:
    """The last of a list of messages or items; anything at all if it is no list."""
    listed = _items(items)
    return listed[-1] if listed else None
