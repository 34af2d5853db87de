"""Answers that are failures: empty, put together from half a stream, or ended by the model's own giving up.

A success without content fails over, with three exceptions. What was filtered or refused is handed out, as is what the
caller's own limits have ended. A caller who names stop sequences may get nothing before the first. And an agent's model
that has been told a tool's result may have nothing to add.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatResult, LLMResult

from failover_langchain.chunks import CONTENT_KEYS, mark_in, require_whole, says_something
from failover_plugin import require_sound

if TYPE_CHECKING:
    from failover_langchain.call import Call


def check(call: Call, answer: Any) -> None:
    """Raise what is wrong with a plain answer: ``StreamInterrupted``, ``AnswerFailed`` or ``EmptyResponse``."""
    require_whole(answer)
    messages = _messages(answer)
    if not messages:
        return
    said = any(map(_speaks, messages)) or may_be_silent(call)
    require_sound(mark_in(messages[0].response_metadata), has_content=said)


def checked(source: Iterator[Any], call: Call) -> Iterator[Any]:
    """The chunks as they come. Raises instead of handing out the finish mark of an answer that is a failure."""
    said = may_be_silent(call)
    for chunk in source:
        said = said or call.has_content(chunk)
        if call.is_finished(chunk):
            require_sound(call.mark_in(chunk), has_content=said)
        yield chunk


async def achecked(source: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
    """``checked`` for async callers."""
    said = may_be_silent(call)
    try:
        async for chunk in source:
            said = said or call.has_content(chunk)
            if call.is_finished(chunk):
                require_sound(call.mark_in(chunk), has_content=said)
            yield chunk
    finally:  # At once, and not when the garbage collector comes by.
        if aclose := getattr(source, "aclose", None):
            await aclose()


def may_be_silent(call: Call) -> bool:
    """Whether an answer without content may be meant."""
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


def _speaks(message: AIMessage) -> bool:
    if message.tool_calls or message.invalid_tool_calls:
        return True
    if any(message.additional_kwargs.get(key) for key in CONTENT_KEYS):
        return True
    content: Any = message.content
    return bool(content) if isinstance(content, str) else any(map(says_something, content))


def _last(messages: Any) -> Any:
    """The last message of a conversation; anything at all if it is no list."""
    try:
        return messages[-1]
    except (TypeError, LookupError):
        return None
