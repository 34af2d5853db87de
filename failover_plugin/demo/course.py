"""The course of the demo: a healthy start, an outage of the primary, its return; two requests a second per lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from failover_plugin.classify.redact import redact
from failover_plugin.demo.lane import Track
from failover_plugin.demo.record import Answer, Record
from failover_plugin.emulator import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """When what happens, in seconds from the start."""

    dies: float = 4.0
    returns: float = 14.0
    ends: float = 29.0
    every: float = 0.5
    frame: float = 0.25

    def phase(self, at: float) -> str:
        """What the primary is like at that moment."""
        if at < self.dies:
            return "healthy"
        return "DEAD" if at < self.returns else "healthy again"


async def drive(course: Course, records: list[Record], fault: Fault, show: Callable[[float], None]) -> None:
    """Send every lane its requests on time, kill and revive the primaries, and ``show`` the seconds passed."""
    start = monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(_outage(course, records, fault, start))
        group.create_task(_watch(course, show, start))
        for record in records:
            group.create_task(_requests(course, record, start))
    show(monotonic() - start)


async def _outage(course: Course, records: list[Record], fault: Fault, start: float) -> None:
    await _until(start + course.dies)
    for record in records:
        record.track.primary.fail(fault)
    await _until(start + course.returns)
    for record in records:
        record.track.primary.heal()
        record.returned = monotonic()


async def _watch(course: Course, show: Callable[[float], None], start: float) -> None:
    while (passed := monotonic() - start) < course.ends:
        show(passed)
        await asyncio.sleep(course.frame)


async def _requests(course: Course, record: Record, start: float) -> None:
    """One at a time would let a slow lane off with fewer requests: they go out on time, however long the last takes."""
    async with asyncio.TaskGroup() as group:
        for number in range(int(course.ends / course.every)):
            await _until(start + number * course.every)
            group.create_task(_request(record.track, record, number))


async def _request(track: Track, record: Record, number: int) -> None:
    asked = monotonic()
    try:
        text = await track.lane.ask(f"Request {number}: say hello.")
    except Exception as error:  # noqa: BLE001 - a lost request is a result here
        record.lost(redact(f"{type(error).__name__}: {error}"))
    else:
        record.answers.append(Answer(asked, monotonic() - asked, text))


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - monotonic()))
