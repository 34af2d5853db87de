"""What becomes of a stream's chunks: held back until the first content, then passed on; whole only with a finish
mark.

A stream commits at its first content, not at its first chunk: providers send an empty first chunk as soon as they have
accepted a request, and fail afterwards. Up to there the request can go elsewhere and nobody has seen anything. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from failover_plugin.errors import StreamInterrupted
from failover_plugin.flow import Flow
from failover_plugin.start import Start

C = TypeVar("C")

AFTERMATH = 1.0
"""Seconds that what may follow the finish mark (a usage chunk, a closing sentinel) has to arrive."""


class Intake(Generic[C]):
    """One attempt's stream. Told the time, in monotonic seconds."""

    def __init__(
        self,
        flow: Flow,
        start: Start,
        now: float,
        has_content: Callable[[C], bool],
        is_finished: Callable[[C], bool] | None,
    ) -> None:
        self._flow = flow
        self._start = start
        self._started = now
        self._has_content = has_content
        self._is_finished = is_finished
        self._finished = False
        self._held: list[C] = []
        self.committed = False
        """Whether content has been delivered."""
        self.good = True
        """Whether nothing has gone wrong."""

    def accept(self, chunk: C, now: float) -> list[C]:
        """Take a chunk; returns the chunks that may be delivered now. Raises ``TimeoutError`` if content, or the finish
        mark at the request's deadline, is overdue.
        """
        if self._is_finished is not None and self._is_finished(chunk):
            self._finished = True
        if self.committed:
            if now >= self._start.deadline and not self._finished:
                raise self.overdue(now)
            return [chunk]
        self._held.append(chunk)
        if not self._has_content(chunk):
            if now - self._started > self._start.first_content_timeout and not self._finished:
                raise self.overdue(now)
            return []
        self.committed = True
        self._flow.first_content(self._start, now)
        return self.rest()

    def ended(self, now: float) -> None:
        """The stream ended. Raises ``StreamInterrupted`` if a finish mark is due and was not seen."""
        if self._is_finished is not None and not self._finished:
            raise StreamInterrupted(f"The stream from {self._start.target.id} ended without a finish mark.")
        self._flow.succeeded(self._start, now)

    def broke(self, error: Exception, now: float) -> None:
        """The stream failed; after its finish mark that does not matter."""
        if self._finished:
            self._flow.succeeded(self._start, now)
        else:
            self.good = False
            self._flow.failed(self._start, error, now)

    def left(self, now: float) -> None:
        """The caller stopped listening; after the finish mark it had the whole answer."""
        if self._finished:
            self._flow.succeeded(self._start, now)
        else:
            self._flow.abandoned(self._start, now)

    def rest(self) -> list[C]:
        """What a stream without any content held back, once it has ended well."""
        held, self._held = self._held, []
        return held

    def patience(self, now: float) -> float:
        """Seconds that the next chunk may take from now; the time a listener takes is not the target's silence."""
        if self._finished:
            limit = now + AFTERMATH
        elif self.committed:
            limit = now + self._start.idle_timeout
        else:
            limit = self._started + self._start.first_content_timeout
        return max(0.0, min(limit, self._start.deadline) - now)

    def overdue(self, now: float) -> TimeoutError:
        """The error for a chunk that did not come in time."""
        who, start = self._start.target.id, self._start
        if now >= start.deadline:
            return TimeoutError(f"{who} had not finished at the request's deadline.")
        if self.committed:
            return TimeoutError(f"{who} fell silent for {start.idle_timeout:g} s (idle_timeout).")
        return TimeoutError(f"{who} sent no content within {start.first_content_timeout:g} s (first_content_timeout).")
