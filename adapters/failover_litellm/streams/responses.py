"""The Responses API. A response ends by an event that says how: completed, incomplete with a reason, or failed.

LiteLLM itself raises ``error`` and ``response.failed`` events, and a stream that ends without a last event. Where it
translates from chat completions, it completes what the provider has not finished: then chat's own marks are asked.
"""

from __future__ import annotations

from typing import Any

from failover_litellm.answer_checks import field, has_output
from failover_litellm.streams.chat import has_finish_mark
from failover_litellm.streams.reader import Reader, ahang_up, counts_of, hang_up, unfinished
from failover_plugin import StreamInterrupted

_SILENT = frozenset(
    (
        "keepalive",
        "response.content_part.added",
        "response.content_part.done",
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_text.done",
        "response.queued",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
        "response.refusal.done",
    )
)
"""Events that say nothing, or nothing that a delta has not said. Of an item that was added, only the kind is known."""
_COMPLETED, _INCOMPLETE, _FAILED = "response.completed", "response.incomplete", "response.failed"
_LAST = frozenset((_COMPLETED, _INCOMPLETE, _FAILED, "response.cancelled"))


class ResponsesReader(Reader):
    """Reads a ``BaseResponsesAPIStreamingIterator``, synchronous or asynchronous."""

    def __init__(self, stream: Any, *, may_be_silent: bool) -> None:
        super().__init__(stream, may_be_silent=may_be_silent)
        self._chat = getattr(stream, "litellm_custom_stream_wrapper", None)

    def has_content(self, chunk: Any) -> bool:
        """Whether an event carries a part of the answer, or of the work on it: a delta, an item, a call of a tool."""
        kind = chunk.type
        if kind in _SILENT or kind in _LAST:
            return False
        if kind == "response.output_item.done":
            return getattr(chunk.item, "type", None) != "message"
        return not kind.endswith(".delta") or bool(chunk.delta)

    def read(self, chunk: Any, *, has_content: bool) -> None:
        """Note the last event. Raises if it is that of a failure, or stands for a finish the provider never sent."""
        if chunk.type not in _LAST:
            return
        response = chunk.response
        if self._chat is not None and not has_finish_mark(self._chat):
            raise unfinished()
        self.finish(_reason(chunk.type, response), has_content=has_content or has_output(response))
        self.usage = counts_of(getattr(response, "usage", None))

    def close(self) -> None:
        """Close the connection."""
        hang_up(self._chat if self._chat is not None else self.stream)

    async def aclose(self) -> None:
        """Close the connection."""
        await ahang_up(self.stream)


def is_made_up(stream: Any) -> bool:
    """Whether no provider has a part in the stream: it is out of LiteLLM's cache."""
    if stream.custom_llm_provider == "cached_response" or getattr(stream, "_completed_response_cache_hit", None):
        return True
    return bool(getattr(stream, "_replays_stored_stream", False))


def _reason(kind: str, response: Any) -> str:
    """How a response ended, as a finish mark. Raises ``StreamInterrupted`` if it does not say why it is incomplete."""
    if kind == _COMPLETED:
        return "stop"
    if kind == _FAILED:
        return "failed"
    reason = field(field(response, "incomplete_details"), "reason")
    if not isinstance(reason, str):
        raise StreamInterrupted("The response ended incomplete and does not say why: the answer is not whole.")
    return reason
