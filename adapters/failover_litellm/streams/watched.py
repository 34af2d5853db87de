"""A stream of LiteLLM's under our eyes: held back until its first content, and never a success without a finish mark.

LiteLLM counts an attempt as done when a stream is open. So we read up to the first content while the attempt is under
way: what fails until then fails like any other call. From there on the stream settles its permit by itself, once: by a
success, a failure, or as left by its caller.

LiteLLM tells its streams by their classes and wraps ours in turn. A watched stream therefore stands for the stream it
watches: it passes for an instance of its class, and all but iteration and closing is that stream's own.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import Any, Self

from litellm.exceptions import MidStreamFallbackError, Timeout

from failover_litellm.streams.chat import ChatReader
from failover_litellm.streams.reader import Reader, unfinished
from failover_litellm.streams.resume import DeliveredText, Resume
from failover_plugin import EmptyResponse, FailoverError, Permit

_AFTER_FINISH = 1.0
"""Seconds that what may follow the finish mark (a usage chunk, a closing sentinel) has to arrive."""


class _Theirs:
    """An attribute of the watched stream that LiteLLM also sets, to read the stream's chunks under its own eyes."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, watched: Any, owner: type) -> Any:
        return getattr(watched._stream, self._name)  # noqa: SLF001 - a part of Watched

    def __set__(self, watched: Any, value: Any) -> None:
        setattr(watched._stream, self._name, value)  # noqa: SLF001 - a part of Watched


class Watched:
    """What a synchronous and an asynchronous stream have in common."""

    completion_stream = _Theirs()
    _iterator = _Theirs()
    _hidden_params = _Theirs()

    def __init__(self, reader: Reader, permit: Permit, *, resume: Resume | None = None) -> None:
        """``resume`` is how the stream goes on elsewhere if it dies after content."""
        self.failover_watch: Any = None
        """Whatever is to live as long as this stream. It is told the permit and the reader of a resumed stream, as its
        attributes.
        """
        self._stream = reader.stream
        self.reader = reader
        self.permit = permit
        self._idle_timeout = permit.idle_timeout
        self._resume = resume
        self._text = None if resume is None else DeliveredText()
        self._first_error: Exception | None = None
        self._held = deque[Any]()
        self._content = self._over = self._ours = self._empty = False

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - what isinstance asks
        return self._stream.__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def _committed(self) -> bool:
        return self._content or self._over or self.reader.finished

    @property
    def _whole(self) -> bool:
        """Whether the caller has the whole answer, or will have it with the chunks that are held."""
        return self.reader.whole and (self._text is None or self._text.up_to_date)

    def _saw(self, chunk: Any) -> Any:
        """Note what a chunk brings; returns it as the caller is to have it, None if he is not. Raises what is wrong."""
        reader, permit = self.reader, self.permit
        if self._content:
            permit.chunk_came()
            reader.read(chunk, has_content=True)
        else:
            content = reader.has_content(chunk)
            try:
                reader.read(chunk, has_content=content)  # an error in the first chunk with content: nobody has had that
            except EmptyResponse:
                self._empty = True
            if content:
                self._content = True
                permit.first_content()
        return chunk if self._text is None else self._text.deliver(chunk)

    def _conclude(self, error: BaseException) -> Exception | None:
        """The attempt has ended in this error: settle the permit. Returns the failure, None if the answer is whole.

        An error after the provider's finish mark changes nothing, unless the finish itself is wrong.
        """
        self._over = True
        if not isinstance(error, Exception):
            if self._ours:
                self._leave()
            raise error
        ended = isinstance(error, StopIteration | StopAsyncIteration)
        if self._whole and not isinstance(error, FailoverError):
            wrong = None if ended else self._take_last_chunk()
            if wrong is None:
                if not self._empty:
                    self.permit.stream_ended()
                    self.permit.success(self.reader.usage)
                return None
            error = wrong
        failure = unfinished() if ended else _original(error)
        self._failed(failure)
        return failure

    def _take_last_chunk(self) -> Exception | None:
        """Hold the chunk that LiteLLM still owes, if it does. Returns what is wrong with the answer that it ends."""
        try:
            if (last := self.reader.last_chunk()) is not None and (last := self._saw(last)) is not None:
                self._held.append(last)
        except Exception as wrong:  # noqa: BLE001 - it is booked, and raised
            return wrong
        return None

    def _failed(self, failure: Exception) -> None:
        self.permit.failure(failure)
        _mark(failure, self.permit)

    def _leave(self) -> None:
        """The caller wants no more: that is evidence only if the answer is whole."""
        self._over = True
        self._held.clear()
        if self._whole:
            self.permit.success(self.reader.usage)
        self.permit.cancel()

    def _peeked(self) -> None:
        """All is read that belongs to the attempt. Raises ``EmptyResponse``, with this stream, if it says nothing."""
        self._ours = True
        if self._empty:
            raise EmptyResponse("The stream has no content: no text, no tool call, no refusal.", answer=self)
        if not self._content:
            self.permit.without_content()

    def _silent(self, limit: float) -> Exception:
        target = self.permit.target
        return Timeout(f"The stream was silent for {limit:g} s.", model=target.model, llm_provider=target.provider)

    # -- going on elsewhere -------------------------------------------------------------------------------------------

    def _next_permit(self, failure: Exception) -> Permit | None:
        """Leave to go on elsewhere after this failure, None if the stream cannot be gone on with."""
        text = self._text
        if self._resume is None or text is None or not self._ours:
            return None
        self._first_error = self._first_error or failure
        permit = self._resume.next(self.permit) if text.resumable and text.so_far else None
        if permit is None:
            _mark(self._first_error, self.permit)
            return None
        self.permit = permit
        if self.failover_watch is not None:
            self.failover_watch.permit = permit
        return permit

    def _go_on(self, reader: Reader) -> None:
        """This is the stream from now on."""
        self._stream, self.reader = reader.stream, reader
        if self.failover_watch is not None:
            self.failover_watch.reader = reader
        self._content = self._over = False


class WatchedStream(Watched):
    """A synchronous stream. Only the client can end a read under way; our limit holds between two reads."""

    def peek(self) -> None:
        """Read up to the first content. Raises what went wrong before it, and has then booked it on the permit; but for
        ``EmptyResponse``, whose ``answer`` is this stream, as whole as it will be.

        An interruption (not an ``Exception``) leaves the permit to the caller.
        """
        limit = self.permit.first_content_timeout
        due = time.monotonic() + limit
        try:
            self.reader.open()
        except Exception as error:  # noqa: BLE001 - all of them are booked, and raised
            self._end(error)
        while not self._committed:
            if (chunk := self._step()) is not None:
                self._held.append(chunk)
            if not self._committed and not self.reader.finishing and time.monotonic() > due:
                self._end(self._silent(limit))
        self._peeked()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while not self._held:
            if self._over:
                raise StopIteration
            if (chunk := self._step()) is not None:
                return chunk
        return self._held.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop: the permit is given back and the connection closed."""
        self._leave()
        self.reader.close()

    def _step(self) -> Any:
        """The next chunk that the caller is to have; None if there is none yet, or no more."""
        self.permit.chunk_asked()
        try:
            return self._saw(next(self._stream))
        except BaseException as error:  # noqa: BLE001 - all of them are judged, and none is lost
            self._end(error)
        return None

    def _end(self, error: BaseException) -> None:
        """The attempt is over: book it, and go on elsewhere or raise the failure, if it is one."""
        try:
            failure = self._conclude(error)
        finally:
            self.reader.close()
        if failure is not None and not self._resumed(failure):
            raise self._first_error or failure

    def _resumed(self, failure: Exception) -> bool:
        while (permit := self._next_permit(failure)) is not None:
            assert self._resume is not None and self._text is not None  # noqa: S101, PT018 - for the type checker
            if permit.wait:
                time.sleep(permit.wait)
            try:
                reader = ChatReader(self._resume.open(permit, self._text.resume(permit)), may_be_silent=True)
                reader.open()
            except Exception as error:  # noqa: BLE001 - booked; the caller gets the first error, or the whole answer
                self._failed(_original(error))
            except BaseException:
                permit.cancel()
                raise
            else:
                self._go_on(reader)
                return True
        return False


class AsyncWatchedStream(Watched):
    """An asynchronous stream. Our limits end a read under way; until ``peek`` is through, the caller's own."""

    _due = 0.0

    async def peek(self) -> None:
        """Read up to the first content. Raises what went wrong before it, and has then booked it on the permit; but for
        ``EmptyResponse``, whose ``answer`` is this stream, as whole as it will be.

        A cancellation, such as by the caller's own time limit, leaves the permit to the caller.
        """
        try:
            await self.reader.aopen()
        except Exception as error:  # noqa: BLE001 - all of them are booked, and raised
            await self._end(error)
        while not self._committed:
            if (chunk := await self._step()) is not None:
                self._held.append(chunk)
        self._peeked()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._held:
            if self._over:
                raise StopAsyncIteration
            if (chunk := await self._step()) is not None:
                return chunk
        return self._held.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop: the permit is given back and the connection closed."""
        self._leave()
        await self.reader.aclose()

    def close(self) -> Any:
        """Stop: the permit is given back, and the rest is the watched stream's own way to close."""
        self._leave()
        return self.reader.stream.close()

    async def _step(self) -> Any:
        """The next chunk that the caller is to have; None if there is none yet, or no more."""
        self.permit.chunk_asked()
        limit = self._limit()
        silence = asyncio.timeout(limit)
        try:
            async with silence:
                return self._saw(await self._stream.__anext__())
        except BaseException as error:  # noqa: BLE001 - all of them are judged, and none is lost
            await self._end(self._silent(limit or 0.0) if silence.expired() else error)
        return None

    def _limit(self) -> float | None:
        """Seconds that the next chunk may take."""
        if not self._ours:
            return None
        if self.reader.finishing:
            return _AFTER_FINISH
        return self._idle_timeout if self._content else max(0.0, self._due - time.monotonic())

    async def _end(self, error: BaseException) -> None:
        """The attempt is over: book it, and go on elsewhere or raise the failure, if it is one."""
        try:
            failure = self._conclude(error)
        finally:
            await self.reader.aclose()
        if failure is not None and not await self._resumed(failure):
            raise self._first_error or failure

    async def _resumed(self, failure: Exception) -> bool:
        while (permit := self._next_permit(failure)) is not None:
            assert self._resume is not None and self._text is not None  # noqa: S101, PT018 - for the type checker
            limit = permit.first_content_timeout
            try:
                await asyncio.sleep(permit.wait)
                self._due = time.monotonic() + limit
                async with asyncio.timeout(limit):
                    stream = await self._resume.aopen(permit, self._text.resume(permit))
                    reader = ChatReader(stream, may_be_silent=True)
                    await reader.aopen()
            except Exception as error:  # noqa: BLE001 - booked; the caller gets the first error, or the whole answer
                self._failed(_original(error))
            except BaseException:
                permit.cancel()
                raise
            else:
                self._go_on(reader)
                return True
        return False


def _mark(error: Exception, permit: Permit) -> None:
    """Write the trail on an error; one with slots goes without."""
    with suppress(AttributeError):
        error.trail = permit.trail  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def _original(error: Exception) -> Exception:
    """What LiteLLM wrapped, with the cause that it lost on the way: without it a timeout looks like any other error."""
    if not isinstance(error, MidStreamFallbackError) or error.original_exception is None:
        return error
    original = error.original_exception
    if original.__cause__ is None and error.__context__ is not original:
        original.__cause__ = error.__context__
    return original
