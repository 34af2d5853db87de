"""The host's protocol events (``stream_events(version="v3")``, in beta): the target's events, through our stream.

An event is not a chunk, but a stream of events commits, ends and breaks by the same rules; this module tells the core
how to read them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
from langchain_core.runnables import Runnable, RunnableConfig

from failover_langchain import _host
from failover_langchain.call import Call
from failover_langchain.chunks import bears_mark, mark_in, says_something
from failover_langchain.delegation import Delegation


@dataclass(frozen=True, slots=True)
class Events(Call):
    """Asks for protocol events."""

    def stream(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> Iterator[Any]:
        return iter(runnable.stream_events(self.input, config, version="v3", **kwargs))

    async def astream(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        opening: Any = runnable.astream_events(self.input, config, version="v3", **kwargs)
        async with await opening as events:
            async for event in events:
                yield event

    def has_content(self, chunk: Any) -> bool:
        """An opening, a delta or a whole block may say something; the frames of the message do not."""
        return says_something(chunk.get("content") or {}) or says_something(chunk.get("delta") or {})

    def is_finished(self, chunk: Any) -> bool:
        return bool(chunk.get("event") == "message-finish")

    def mark_in(self, chunk: Any) -> str | None:
        return mark_in(chunk.get("metadata") or {})

    def is_genuine(self, chunk: Any) -> bool:
        metadata: dict[str, Any] = chunk.get("metadata") or {}
        return bears_mark(metadata) or "status" in metadata

    def takes_stamp(self, chunk: Any) -> bool:
        """The end of a message carries its metadata."""
        return self.is_finished(chunk)

    def stamped(self, answer: Any, facts: dict[str, Any]) -> Any:
        metadata: dict[str, Any] = answer.get("metadata") or {}
        return {**answer, "metadata": {**metadata, "failover": facts}}


def open_stream(to: Delegation, call: Events) -> ChatModelStream:
    """A stream that pulls the chosen target's events as it is read."""
    stream, events = ChatModelStream(), to.stream(call)

    def pump() -> bool:
        try:
            stream.dispatch(next(events))
        except StopIteration:
            return False
        except BaseException as error:
            stream.fail(error)
            if isinstance(error, Exception):
                return False
            raise
        return True

    stream.bind_pump(pump)
    return stream


def aopen_stream(to: Delegation, call: Events) -> AsyncChatModelStream:
    """A stream that a task of its own fills with the chosen target's events, from the first time it is read."""
    stream = AsyncChatModelStream()

    async def produce() -> None:
        try:
            async with aclosing(to.astream(call)) as events:
                async for event in events:
                    stream.dispatch(event)
        except BaseException as error:
            stream.fail(error)
            if not isinstance(error, Exception):
                raise

    async def start() -> None:
        _host.start_producer(stream, produce)

    stream.set_start(start)
    return stream
