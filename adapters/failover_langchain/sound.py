"""Answers that are failures: empty, put together from half a stream, or ended by the model's own giving up.

The core shows a success without content to one other target, with three exceptions. What was filtered or refused is
handed out, as is what the caller's own limits have ended. And a model that says it has stopped may have said nothing
where the caller names stop sequences, or has told it a tool's result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatResult, LLMResult

from failover_langchain.chunks import mark_in, require_whole, speaks
from failover_plugin import current_attempt, require_sound

if TYPE_CHECKING:
    from failover_langchain.call import Call


def check(call: Call, answer: Any) -> None:
    """Raise what is wrong with a plain answer: ``StreamInterrupted``, ``AnswerFailed`` or ``EmptyResponse``."""
    require_whole(answer)
    messages = _messages(answer)
    if messages:
        said = any(map(speaks, messages))
        _require_sound(call, mark_in(messages[0].response_metadata), said=said, answer=answer)
        if not said:
            current_attempt().wordless = True


def check_end(call: Call, chunk: Any, said: bool) -> None:  # noqa: FBT001 - as the core calls it
    """Raise what is wrong with a streamed answer that ends with this chunk: ``AnswerFailed`` or ``EmptyResponse``.

    ``said``: there has been content.
    """
    _require_sound(call, call.mark_in(chunk), said=said)


def _require_sound(call: Call, mark: str | None, *, said: bool, answer: Any = None) -> None:
    require_sound(mark, has_content=said, may_be_silent=not said and may_be_silent(call), answer=answer)


def may_be_silent(call: Call) -> bool:
    """Whether an answer without content, of a model that says it has stopped, may be meant."""
    given: Any = call.input
    messages = given.to_messages() if hasattr(given, "to_messages") else given
    last = _last(messages)
    role = cast("Mapping[str, Any]", last).get("role") if isinstance(last, Mapping) else None
    return bool(call.kwargs.get("stop")) or isinstance(last, ToolMessage) or role == "tool"


def _messages(answer: Any) -> list[AIMessage]:
    """The model's messages in whatever form the host has asked for; none in what is no chat model's answer."""
    if isinstance(answer, LLMResult):
        found = [getattr(one, "message", None) for several in answer.generations for one in several]
    elif isinstance(answer, ChatResult):
        found = [one.message for one in answer.generations]
    else:
        found = [answer]
    return [message for message in found if isinstance(message, AIMessage)]


def _last(messages: Any) -> Any:
    """The last message of a conversation; anything at all if it is no list."""
    try:
        return messages[-1]
    except (TypeError, LookupError):
        return None
