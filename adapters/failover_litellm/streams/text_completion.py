"""Text completions: chat's stream inside, in other words. LiteLLM writes a finish chunk of its own here too.

The inner ``CustomStreamWrapper``, which knows the provider's finish mark, is behind up to two generators of LiteLLM's,
and is found among what these have at hand. Where it is not found, a finish chunk is taken for the provider's.
"""

from __future__ import annotations

from typing import Any

from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper  # pyright: ignore[reportMissingTypeStubs]

from failover_litellm.streams.chat import has_finish_mark
from failover_litellm.streams.reader import Reader, ahang_up, counts_of, hang_up, unfinished

_DEEPEST = 3


class TextCompletionReader(Reader):
    """Reads a ``TextCompletionStreamWrapper``."""

    def __init__(self, stream: Any, *, may_be_silent: bool) -> None:
        super().__init__(stream, may_be_silent=may_be_silent)
        self._chunks = stream.completion_stream
        self._inner: Any = None
        self._begun = False

    def has_content(self, chunk: Any) -> bool:
        """Whether a chunk has any text."""
        return any(choice.text or getattr(choice, "reasoning_content", None) for choice in chunk.choices)

    def read(self, chunk: Any, *, has_content: bool) -> None:
        """Note finish and usage. Raises if the finish is that of a failure, or one the provider never sent."""
        if not self._begun:
            self._begun, self._inner = True, inner_stream(self._chunks)
        for choice in chunk.choices:
            if choice.finish_reason:
                if self._inner is not None and not has_finish_mark(self._inner):
                    raise unfinished()
                self.finish(choice.finish_reason, has_content=has_content)
        if (usage := getattr(chunk, "usage", None)) is not None:
            self.usage = counts_of(usage)

    def close(self) -> None:
        """Close the connection: the inner stream's, which the generators around it leave open."""
        hang_up(self._inner or self._chunks)

    async def aclose(self) -> None:
        """Close the connection: the inner stream's, which the generators around it leave open."""
        await ahang_up(self._inner or self._chunks)


def inner_stream(chunks: Any, depth: int = _DEEPEST) -> Any:
    """The ``CustomStreamWrapper`` that these chunks come from, None if it is not found."""
    if isinstance(chunks, CustomStreamWrapper):
        return chunks
    frame = getattr(chunks, "ag_frame", None) or getattr(chunks, "gi_frame", None)
    if frame is None or not depth:
        return None
    inside = (inner_stream(value, depth - 1) for value in frame.f_locals.values())
    return next((stream for stream in inside if stream is not None), None)
