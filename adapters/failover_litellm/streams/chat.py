"""Chat completions. LiteLLM writes a finish chunk of its own where the provider sent none.

Whether a finish mark is the provider's own stands in ``received_finish_reason`` and its neighbours, which LiteLLM sets
from the wire only. It passes the mark on when the provider's stream has ended: an error in between costs the caller
the last chunk, which is then made here.
"""

from __future__ import annotations

from typing import Any

from failover_litellm.answer_checks import has_content as says_something
from failover_litellm.streams.reader import Reader, counts_of, gave_up, unfinished

_MARKS = ("received_finish_reason", "intermittent_finish_reason", "received_any_finish_reason")


class ChatReader(Reader):
    """Reads a ``CustomStreamWrapper``."""

    _several = False
    """Whether there is more than one choice: the first to finish does not end the stream."""

    @property
    def finishing(self) -> bool:
        """Whether the provider has sent a finish mark."""
        return self.stream.received_finish_reason is not None and not self._several

    @property
    def whole(self) -> bool:
        """Whether the provider has sent a finish mark, and not that of a failure."""
        return has_finish_mark(self.stream)

    def has_content(self, chunk: Any) -> bool:
        """Whether a chunk says anything: text, a tool call, reasoning, audio, an image."""
        return any(says_something(choice) for choice in chunk.choices)

    def read(self, chunk: Any, *, has_content: bool) -> None:
        """Note finish and usage. Raises if the finish is that of a failure, or one the provider never sent."""
        for choice in chunk.choices:
            if choice.index:
                self._several = True
            if choice.finish_reason:
                if not self.whole:
                    raise unfinished()
                self.finish(choice.finish_reason, has_content=has_content)
        if (usage := getattr(chunk, "usage", None)) is not None:
            self.usage = counts_of(usage)

    def last_chunk(self) -> Any:
        """The finish chunk, if the caller has not had it."""
        return None if self.finished else self.stream.finish_reason_handler()

    def open(self) -> None:
        """Make the call that LiteLLM puts off until the first chunk is read."""
        if _is_lazy(self.stream):
            self.stream.fetch_sync_stream()

    async def aopen(self) -> None:
        """Make the call that LiteLLM puts off until the first chunk is read."""
        if _is_lazy(self.stream):
            await self.stream.fetch_stream()


def has_finish_mark(stream: Any) -> bool:
    """Whether a ``CustomStreamWrapper`` has had a finish mark from the provider, and not that of a failure."""
    marks = [mark for name in _MARKS if (mark := getattr(stream, name, None))]
    return bool(marks) and not any(isinstance(mark, str) and gave_up(mark) for mark in marks)


def is_made_up(stream: Any) -> bool:
    """Whether no provider has a part in a ``CustomStreamWrapper``: it is cached, or from ``mock_response``."""
    source = str(getattr(stream.completion_stream, "__name__", ""))
    is_mock = bool(getattr(stream, "is_mock", False)) or source.endswith("mock_completion_streaming_obj")
    return is_mock or stream.custom_llm_provider == "cached_response"


def _is_lazy(stream: Any) -> bool:
    return stream.completion_stream is None and stream.make_call is not None
