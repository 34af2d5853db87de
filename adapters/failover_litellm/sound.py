"""Answers that are failures under HTTP 200: empty, or ended by the model's own giving up.

LiteLLM makes a "stop" of a finish mark that it does not know, and keeps the provider's own beside it in a plain answer.
A caller who names stop sequences may get nothing before the first, and a model that has been told a tool's result may
have nothing to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover_litellm.host import mapping
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


def check(response: Any, *, may_be_silent: bool) -> None:
    """Raise what is wrong with a plain answer: ``AnswerFailed`` or ``EmptyResponse``. Only chat has such answers."""
    choices = [choice for choice in getattr(response, "choices", None) or () if hasattr(choice, "message")]
    if choices:
        said = may_be_silent or any(map(has_content, choices))
        require_sound(_mark(choices[0]), has_content=said)


def has_content(choice: Any) -> bool:
    """Whether a choice, of an answer or of a chunk of one, says anything."""
    said = getattr(choice, "delta", None) or getattr(choice, "message", None)
    return any(getattr(said, name, None) for name in _CONTENT)


def may_be_silent(asked: Mapping[str, Any]) -> bool:
    """Whether an answer without content may be meant by a question like this one."""
    messages: Any = asked.get("messages")
    last = _last(messages)
    return bool(asked.get("stop")) or mapping(last).get("role") == "tool"


def _mark(choice: Any) -> str | None:
    own = mapping(getattr(choice, "provider_specific_fields", None)).get("native_finish_reason")
    return own if isinstance(own, str) else getattr(choice, "finish_reason", None)


def _last(messages: Any) -> Any:
    """The last message of a conversation; anything at all if it is no list."""
    try:
        return messages[-1]
    except (TypeError, LookupError):
        return None
