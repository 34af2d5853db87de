"""What ``Failover.stream`` and ``astream`` return: iterators of chunks that also know the trail and the target."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from failover_plugin.flow import Flow
from failover_plugin.model import Target, Trail

C = TypeVar("C")


class _Record:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    @property
    def trail(self) -> Trail:
        """How the request has gone so far."""
        return self._flow.trail

    @property
    def target(self) -> Target | None:
        """Who is answering; None before the first chunk was asked for."""
        return self._flow.target


class Stream(_Record, Iterator[C], Generic[C]):
    """Chunks of one answer. Close it (or use ``with``) when you stop early."""

    def __init__(self, flow: Flow, chunks: Generator[C, None, None]) -> None:
        super().__init__(flow)
        self._chunks = chunks

    def __next__(self) -> C:
        return next(self._chunks)

    def close(self) -> None:
        """Stop: the target's stream is closed and its permit given back."""
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(_Record, AsyncIterator[C], Generic[C]):
    """Chunks of one answer. Close it (or use ``async with``) when you stop early."""

    def __init__(self, flow: Flow, chunks: AsyncGenerator[C, None]) -> None:
        super().__init__(flow)
        self._chunks = chunks

    def __anext__(self) -> Awaitable[C]:
        return anext(self._chunks)

    async def aclose(self) -> None:
        """Stop: the target's stream is closed and its permit given back."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
