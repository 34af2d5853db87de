"""A stream of LiteLLM's under our eyes: held back until its first content, and never a success without a finish mark.

LiteLLM counts an attempt as done when a stream is open, and writes a finish chunk of its own if a provider sends none.
So we read up to the first content while the attempt is under way: what fails until then fails like any other call.
Whether a finish mark is the provider's own stands in ``received_finish_reason``, which LiteLLM sets from the wire only.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from litellm.exceptions import MidStreamFallbackError, Timeout

from failover_litellm.journey import mark, usage_of
from failover_litellm.sound import has_content
from failover_plugin import AnswerFailed, EmptyResponse, Permit, StreamInterrupted, require_sound
from failover_plugin.cadence import Cadence
from failover_plugin.classify.finish import FAILED

_MARKS = ("received_finish_reason", "intermittent_finish_reason", "received_any_finish_reason")


class Watched:
    """What a synchronous and an asynchronous stream have in common. All but iteration and closing is LiteLLM's own."""

    def __init__(self, stream: Any, permit: Permit, taken: Any = None, *, may_be_silent: bool = False) -> None:
        """``taken`` is what a newer host has read already: a ``chunk``, None if there was none, and the ``rest``.

        ``may_be_silent``: an answer without content may be meant.
        """
        self._stream = stream
        self._source: Any = stream if taken is None else taken.rest
        self._taken = deque[Any](() if taken is None or taken.chunk is None else (taken.chunk,))
        self._held = deque[Any]()
        self._permit = permit
        self._may_be_silent = may_be_silent
        self._usage: Any = None
        self._cadence = Cadence()
        self._content = self._finished = self._over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def _committed(self) -> bool:
        return self._content or self._finished or self._over

    @property
    def _marked(self) -> bool:
        """Whether the provider has sent a finish mark, and not that of a failure."""
        marks = [mark for name in _MARKS if (mark := getattr(self._stream, name, None))]
        return bool(marks) and not any(mark in FAILED for mark in marks if isinstance(mark, str))

    def _saw(self, chunk: Any) -> Any:
        """Note what a chunk brings. Raises if it is a finish that the provider never sent, or that of a failure."""
        choices: Any = getattr(chunk, "choices", None) or ()
        if not self._content and any(has_content(choice) for choice in choices):
            self._content = True
            self._permit.first_content()
        if self._content and not self._cadence.over:
            self._tell(self._cadence.came(time.monotonic()))
        if any(getattr(choice, "finish_reason", None) for choice in choices):
            if not self._marked:
                raise _not_whole()
            reason = getattr(choices[0], "finish_reason", None)
            require_sound(reason, has_content=self._content or self._may_be_silent)
            self._finished = True
        self._usage = usage_of(chunk) or self._usage
        return chunk

    def _conclude(self, error: BaseException) -> Any:
        """The end of the stream, by this error: the last chunk it still owes, None, or the error that the caller gets.

        An error after the provider's finish mark changes nothing: the answer is whole.
        """
        self._over = True
        if not isinstance(error, Exception):
            self._permit.cancel()
            raise error
        ended = isinstance(error, StopIteration | StopAsyncIteration)
        if not self._marked or isinstance(error, AnswerFailed | EmptyResponse):
            self._fail(_not_whole() if ended else error)
        self._tell(self._cadence.ended())
        self._permit.success(self._usage)
        return None if ended or self._finished else self._stream.finish_reason_handler()

    def _tell(self, seconds: float | None) -> None:
        """Pass on how fast the deployment writes, once that is known."""
        if seconds is not None:
            self._permit.paced(seconds)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, MidStreamFallbackError):
            error = _original(error)
        self._permit.failure(error)
        mark(error, trail=self._permit.trail)
        raise error

    def _left(self) -> None:
        """The caller wants no more: that is evidence only if it has the whole answer."""
        self._over = True
        self._held.clear()
        if self._finished:
            self._permit.success(self._usage)
        self._permit.cancel()

    def _overdue(self, seconds: float | None) -> Exception:
        model, provider = str(self._stream.model), str(self._stream.custom_llm_provider)
        return Timeout(f"The stream was silent for {seconds:g} s.", model=model, llm_provider=provider)


class WatchedStream(Watched, Iterator[Any]):
    """A synchronous stream. Only the client can end a read under way; our limit holds between two reads."""

    def peek(self) -> None:
        """Read up to the first content. Raises what went wrong before it."""
        limit = self._permit.first_content_timeout
        due = time.monotonic() + limit
        while not self._committed:
            with suppress(StopIteration):
                self._held.append(self._step())
            if not self._committed and time.monotonic() > due:
                self._end(self._overdue(limit))

    def __next__(self) -> Any:
        return self._held.popleft() if self._held else self._step()

    def close(self) -> None:
        """Stop: the permit is given back and the connection closed."""
        self._left()
        self._hang_up()

    def _step(self) -> Any:
        if self._over:
            raise StopIteration
        self._cadence.asked(time.monotonic())
        try:
            return self._saw(self._taken.popleft() if self._taken else next(self._source))
        except BaseException as error:  # noqa: BLE001 - all of them are judged, and none is lost
            last = self._end(error)
        if last is None:
            raise StopIteration
        return last

    def _end(self, error: BaseException) -> Any:
        try:
            return self._conclude(error)
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """LiteLLM has no way to close a synchronous stream, the client below it has."""
        close = getattr(getattr(self._stream, "completion_stream", None), "close", None)
        if callable(close):
            with suppress(Exception):
                close()


class AsyncWatchedStream(Watched, AsyncIterator[Any]):
    """An asynchronous stream. Our own limit ends a read under way; up to the first content it is the attempt's."""

    async def peek(self) -> None:
        """Read up to the first content. Raises what went wrong before it."""
        while not self._committed:
            with suppress(StopAsyncIteration):
                self._held.append(await self._step(None))

    async def __anext__(self) -> Any:
        return self._held.popleft() if self._held else await self._step(self._permit.idle_timeout)

    async def aclose(self) -> None:
        """Stop: the permit is given back and the connection closed."""
        self._left()
        await self._stream.aclose()

    async def _step(self, limit: float | None) -> Any:
        if self._over:
            raise StopAsyncIteration
        self._cadence.asked(time.monotonic())
        silence = asyncio.timeout(limit)
        try:
            async with silence:
                return self._saw(self._taken.popleft() if self._taken else await anext(self._source))
        except BaseException as error:  # noqa: BLE001 - all of them are judged, and none is lost
            last = await self._end(self._overdue(limit) if silence.expired() else error)
        if last is None:
            raise StopAsyncIteration
        return last

    async def _end(self, error: BaseException) -> Any:
        try:
            return self._conclude(error)
        finally:
            await self._stream.aclose()


def is_made_up(stream: Any) -> bool:
    """Whether no provider has a part in this stream: it comes out of LiteLLM's cache, or from ``mock_response``."""
    source: str = getattr(stream.completion_stream, "__name__", "")
    return stream.custom_llm_provider == "cached_response" or source.endswith("mock_completion_streaming_obj")


def _original(error: MidStreamFallbackError) -> Exception:
    """What LiteLLM wrapped, with the cause that it lost on the way: without it a timeout looks like any other error."""
    original = error.original_exception
    if original is None:
        return error
    if original.__cause__ is None and error.__context__ is not original:
        original.__cause__ = error.__context__
    return original


def _not_whole() -> StreamInterrupted:
    return StreamInterrupted("The stream ended without a finish reason: the answer is not whole.")
