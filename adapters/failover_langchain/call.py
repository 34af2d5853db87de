"""What one request asks of whichever runnable is chosen for it.

The four ways to be asked are the host's own; a subclass asks in another way (for an ``LLMResult``, for protocol events)
and leaves everything else as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from failover_langchain import chunks
from failover_langchain.entry import Entry
from failover_plugin import Request


def _accept(_answer: Any) -> None:
    """Any answer is an answer."""


def as_given(entry: Entry) -> Runnable[Any, Any]:
    """The entry's runnable, with nothing done to it."""
    return entry.runnable


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    ``prepare`` makes of an entry what is called. ``check`` raises if a plain answer is none, so that another target is
    asked. ``demands_mark``: the end of a stream is not enough, a chunk has to say that the answer is whole; and an
    answer that ends in failure or without a word is none.
    """

    input: Any
    config: RunnableConfig | None = None
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    prepare: Callable[[Entry], Runnable[Any, Any]] = as_given
    check: Callable[[Any], None] = _accept
    request: Request | None = None
    demands_mark: bool = False

    def invoke(self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]) -> Any:
        """Ask for an answer."""
        return runnable.invoke(self.input, config, **kwargs)

    async def ainvoke(self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]) -> Any:
        """``invoke``, awaited."""
        return await runnable.ainvoke(self.input, config, **kwargs)

    def stream(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> Iterator[Any]:
        """Ask for chunks."""
        return runnable.stream(self.input, config, **kwargs)

    def astream(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """``stream`` for async callers."""
        return runnable.astream(self.input, config, **kwargs)

    def has_content(self, chunk: Any) -> bool:
        """Whether a chunk is worth delivering by itself."""
        return chunks.has_content(chunk)

    def is_finished(self, chunk: Any) -> bool:
        """Whether a chunk says that the answer is whole."""
        return chunks.is_finished(chunk)

    def mark_in(self, chunk: Any) -> str | None:
        """The provider's finish mark, if a chunk bears one."""
        return chunks.mark_in(chunk.response_metadata) if isinstance(chunk, BaseMessage) else None

    def is_genuine(self, chunk: Any) -> bool:
        """Whether it is the provider who says so, and not the host who made it up."""
        return chunks.is_genuine(chunk)

    def closing(self, chunk: Any) -> tuple[Any, ...]:
        """What a whole stream owes behind ``chunk``: the last one, which tells hosts to read the tool calls."""
        if not isinstance(chunk, AIMessageChunk) or chunk.chunk_position == "last" or not self.demands_mark:
            return ()
        return (AIMessageChunk(content=type(chunk.content)(), id=chunk.id, chunk_position="last"),)

    def takes_stamp(self, _chunk: Any) -> bool:
        """Whether this chunk may be the one that tells of a failover: the first one may."""
        return True

    def stamped(self, answer: Any, facts: dict[str, Any]) -> Any:
        """The answer or chunk with the facts of a failover in it. A copy: a cache may hold the original."""
        if not isinstance(answer, BaseMessage):
            return answer
        return answer.model_copy(update={"response_metadata": {**answer.response_metadata, "failover": facts}})
