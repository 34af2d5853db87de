"""What became of an answer that began with 200: an error inside it, a block, an end that came too early, or nothing.

An answer is whole only with its finish mark; whoever takes a stream that was cut for a short answer hands out half
sentences. What is blocked is reported as such: it is an answer, though not the one that was hoped for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Final, cast

from failover_plugin.classify import finish, texts
from failover_plugin.classify.rules.rule import Finding
from failover_plugin.classify.texts import MAX_BODY
from failover_plugin.model import ErrorClass

_FAILED: Final = frozenset(("error", "exception", "response.failed"))
"""Types of events, and of Mistral's objects, that are failures."""

_MARK = re.compile(
    r'"(?:finish_reason|native_finish_reason|finishReason|stop_reason|stopReason|done_reason|blockReason'
    r'|incomplete_details"\s*:\s*\{\s*"reason)"\s*:\s*"([\w-]{1,40})"'
)

_WHOLE: Final = (
    "data: [DONE]",
    '"message_stop"',
    '"response.completed"',
    '"response.incomplete"',
    '"message-end"',
    '"done":true',
)

_CONTENT = re.compile(
    r'"(?:content|text|delta|reasoning|reasoning_content|thinking|partial_json|arguments|refusal)"\s*:\s*"(?!")'
    r'|"(?:tool_calls|embedding|embeddings)"\s*:\s*\[\s*[^\]\s]|"(?:functionCall|toolUse|inlineData)"|"tool_use"'
)

_ANSWER: Final = ('"choices"', '"candidates"', '"content"', '"delta"', '"message"', '"output"', '"response"', "data:")


_MAX_DEPTH: Final = 6

_MAX_ITEMS: Final = 8
"""Of an object, and of a list."""

_MAX_STRING: Final = 64


def shortened(body: object) -> object:
    """The body as far as it is read: of a long text both ends, because a stream fails at its end."""
    if isinstance(body, bytes | bytearray):
        body = (bytes(body[: MAX_BODY // 2]) + b"\n" + bytes(body[-MAX_BODY // 2 :])) if len(body) > MAX_BODY else body
        body = bytes(cast("bytes", body)).decode("utf-8", "replace")
    if isinstance(body, str) and len(body) > MAX_BODY:
        return f"{body[: MAX_BODY // 2]}\n{body[-MAX_BODY // 2 :]}"
    return body


def failure(body: object) -> object:
    """The error inside an answer, as far as ``shortened``; None if it holds none."""
    if not isinstance(body, str):
        return body if _speaks_of_failure(body) else None
    if (frame := texts.frame(body)) is not None:
        return frame
    if (named := texts.named_error(body)) is not None:
        return named
    whole = texts.json_in(body)
    candidates = [whole] if whole is not None else [texts.json_in(event) for event in texts.events(body)]
    return next((found for found in reversed(candidates) if _speaks_of_failure(found)), None)


def _speaks_of_failure(found: object, depth: int = 0) -> bool:
    if isinstance(found, list):
        items = cast("list[object]", found)[:_MAX_ITEMS] if depth < _MAX_DEPTH else ()
        return any(_speaks_of_failure(item, depth + 1) for item in items)
    if not isinstance(found, Mapping):
        return False
    part = cast("Mapping[str, object]", found)
    if bool(part.get("error")) or bool(part.get("last_error")) or _type(part) in _FAILED:
        return True
    inside = part.get("base_resp")  # MiniMax's: 0 is well
    return isinstance(inside, Mapping) and bool(cast("Mapping[str, object]", inside).get("status_code"))


def _type(part: Mapping[str, object]) -> str:
    kind = part.get("event_type") or (part.get("type") if part.get("object") != "error" else "error")
    return kind if isinstance(kind, str) else ""


def ending(body: object) -> Finding | None:
    """What the end of an answer without an error in it means; None if nothing is wrong, or it is no answer."""
    text = body if isinstance(body, str) else _dumped(body)
    if not any(mark in text for mark in _ANSWER):
        return None
    marks = [mark.lower() for mark in _MARK.findall(text)]
    if broken := next((mark for mark in marks if mark in finish.FAILED), None):
        return Finding(means=ErrorClass.SERVER_ERROR, why=f"finish mark {broken}", code=broken)
    if blocked := next((mark for mark in marks if mark in finish.FILTERED), None):
        return Finding(means=ErrorClass.CONTENT_POLICY, why=f"finish mark {blocked}", code=blocked)
    streamed = "data:" in text[:MAX_BODY]
    finished = bool(marks) or any(mark in text for mark in _WHOLE)
    if streamed and not finished:
        return Finding(means=ErrorClass.STREAM_INTERRUPTED, why="the stream ended without a finish mark")
    if not streamed and isinstance(body, str) and texts.json_in(body) is None:
        return Finding(means=ErrorClass.SERVER_ERROR, why="the answer is cut off")
    if not _CONTENT.search(text) and not any(mark in finish.LIMITED for mark in marks):
        return Finding(means=ErrorClass.EMPTY_RESPONSE, why="an answer without any content")
    return None


def _dumped(body: object) -> str:
    try:
        return json.dumps(_bounded(body, depth=0))
    except (TypeError, ValueError):
        return ""


def _bounded(body: object, *, depth: int) -> object:
    """As much of it as an answer's first choice takes: a body of a million keys costs no more than a small one."""
    if isinstance(body, str):
        return body[:_MAX_STRING]
    if isinstance(body, Mapping | list) and depth > _MAX_DEPTH:
        return None
    if isinstance(body, Mapping):
        pairs = islice(cast("Mapping[object, object]", body).items(), _MAX_ITEMS)
        return {str(key)[:_MAX_STRING]: _bounded(value, depth=depth + 1) for key, value in pairs}
    if isinstance(body, list):
        return [_bounded(item, depth=depth + 1) for item in cast("list[object]", body)[:_MAX_ITEMS]]
    return body
