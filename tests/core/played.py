"""Streams that do as written, and what a listener hears of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from core.scripted import chain

from failover_plugin import Failover, Policy
from failover_plugin.model import Target, Trail
from failover_plugin.testing import FakeClock


def failover(*targets: Target, clock: FakeClock | None = None, **policy: Any) -> Failover:
    return Failover(targets or chain(2), Policy(**policy), clock=clock or FakeClock(), rng=Random(1))


def real(*targets: Target, **policy: Any) -> Failover:
    """On the machine's own clock, for deadlines that a loop keeps."""
    return Failover(targets or chain(2), Policy(**policy), rng=Random(1))


END = "<end>"


def finished(chunk: str) -> bool:
    return chunk == END


def content(chunk: str) -> bool:
    return chunk not in {"", END}


MARKS = {"has_content": content, "is_finished": finished}

Plan = Mapping[str, Sequence[object]]


class Streams:
    """Streams that play chunks and raise exceptions, in order; counts how many were opened and closed."""

    def __init__(self, **plan: Sequence[object]) -> None:
        self.plan = plan
        self.opened: list[str] = []
        self.closed: list[str] = []

    def open(self, asked: Target) -> Iterator[str]:
        self.opened.append(asked.id)
        try:
            for chunk in self.plan[asked.id]:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield str(chunk)
        finally:
            self.closed.append(asked.id)

    async def aopen(self, asked: Target) -> AsyncIterator[str]:
        with contextlib.closing(self.open(asked)) as chunks:
            for chunk in chunks:
                await asyncio.sleep(0)
                yield chunk


class Played:
    """What a listener got: chunks, then an end or an error."""

    def __init__(
        self, fo: Failover, streams: Streams, *, marks: bool | dict[str, Any] = True, asynchronous: bool
    ) -> None:
        self.chunks: list[str] = []
        self.error: BaseException | None = None
        self.fo, self.streams = fo, streams
        self.marks: dict[str, Any] = marks if isinstance(marks, dict) else MARKS if marks else {}
        try:
            asyncio.run(self.listen_async()) if asynchronous else self.listen()
        except Exception as error:  # noqa: BLE001 - whatever it ends with
            self.error = error

    def listen(self) -> None:
        source = self.fo.stream(self.streams.open, **self.marks)
        self.record = source
        for chunk in source:
            self.chunks.append(chunk)

    async def listen_async(self) -> None:
        source = self.fo.astream(self.streams.aopen, **self.marks)
        self.record = source
        async for chunk in source:
            self.chunks.append(chunk)


def classes(trail: Trail) -> list[str]:
    return [a.target if a.diagnosis is None else f"{a.target} {a.diagnosis.error_class}" for a in trail.attempts]


@contextlib.asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
