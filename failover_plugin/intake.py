"""What becomes of a stream's chunks: held back until the first content, then passed on; whole only with a finish
mark.

A stream commits at its first content, not at its first chunk: providers send an empty first chunk as soon as they have
accepted a request, and fail afterwards. Up to there the request can go elsewhere and nobody has seen anything. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from failover_plugin.cadence import Cadence
from failover_plugin.errors import EmptyResponse, StreamInterrupted
from failover_plugin.flow import Flow
from failover_plugin.judgement import Diverged
from failover_plugin.start import Start

C = TypeVar("C")

PREFILL = "prefill"
"""Capability of a target that goes on with a text it is given."""
AFTERMATH = 1.0
"""Seconds that what may follow the finish mark (a usage chunk, a closing sentinel) has to arrive."""


@dataclass(frozen=True, slots=True)
class Marks(Generic[C]):
    """How to read a stream's chunks: which carry content, and which, if any, carries the provider's finish mark.

    ``text`` and ``cut`` let a broken stream be resumed: a chunk's text, and the chunk without its first so many
    characters. Chunks that are strings need neither. ``check`` is handed the chunk with the finish mark and whether
    there has been content, and raises what is wrong with the answer.
    """

    has_content: Callable[[C], bool]
    is_finished: Callable[[C], bool] | None = None
    text: Callable[[C], str] | None = None
    cut: Callable[[C, int], C] | None = None
    check: Callable[[C, bool], None] | None = None


class Delivered(Generic[C]):
    """The text that a request's caller has had, so that another target may go on from there and nowhere else."""

    def __init__(self, marks: Marks[C]) -> None:
        self._marks = marks
        self.so_far = ""
        self.readable = True
        """Whether all of it is known: a stream whose chunks cannot be read is not resumed."""

    def text(self, chunk: C) -> str:
        """The chunk's."""
        if self._marks.text is not None:
            return self._marks.text(chunk)
        self.readable = self.readable and isinstance(chunk, str)
        return chunk if isinstance(chunk, str) else ""

    def cut(self, chunk: C, count: int) -> C:
        """The chunk without its first so many characters."""
        if self._marks.cut is not None:
            return self._marks.cut(chunk, count)
        return cast("C", self.text(chunk)[count:])

    def add(self, chunk: C) -> None:
        """The caller has it now."""
        self.so_far += self.text(chunk)


class Repetition:
    """What a stream that was started again has yet to repeat of the text that its caller has had."""

    def __init__(self, text: str) -> None:
        self._left = text

    @property
    def complete(self) -> bool:
        """Whether nothing is left to repeat: all text from here on is new."""
        return not self._left

    def repeated(self, text: str) -> int:
        """How many characters at the beginning of this text, the stream's next, the caller has had.

        Raises ``Diverged`` if the text does not continue what was delivered.
        """
        same = min(len(text), len(self._left))
        if text[:same] != self._left[:same]:
            raise Diverged("The restarted stream says something else than what was delivered.")
        self._left = self._left[same:]
        return same

    def ended(self) -> None:
        """The stream has ended. Raises ``Diverged`` if it is shorter than what was delivered."""
        if self._left:
            raise Diverged("The restarted stream is shorter than what was delivered.")


class Intake(Generic[C]):
    """One attempt's stream. Told the time, in monotonic seconds.

    Of a resumed stream, a target that takes a prefix (capability ``prefill``) is handed the text so far, and goes on.
    Any other starts anew: what it says first is checked against that text and dropped, as far as it is the same.
    """

    def __init__(
        self,
        flow: Flow,
        start: Start,
        marks: Marks[C],
        delivered: Delivered[C],
    ) -> None:
        self._flow = flow
        self._start = start
        self._has_content = marks.has_content
        self._is_finished = marks.is_finished
        self._check = None if start.resumed else marks.check
        self._delivered = delivered
        self._finished = False
        self._empty: EmptyResponse | None = None
        """What the finish mark of an answer without content says of it."""
        self._held: list[C] = []
        self.cadence = Cadence()
        """How fast the chunks come; to be told when the listener is ready for the next one."""
        self.committed = False
        """Whether content has been delivered."""
        self.good = True
        """Whether nothing has gone wrong."""
        self._repetition = Repetition("")
        if start.resumed:
            start.prefix = delivered.so_far
            if PREFILL not in start.target.capabilities:
                self._repetition = Repetition(delivered.so_far)

    def accept(self, chunk: C, now: float) -> list[C]:
        """Take a chunk; returns the chunks that may be delivered now. Raises ``TimeoutError`` if content, or the finish
        mark at the request's deadline, is overdue.
        """
        if self._is_finished is not None and self._is_finished(chunk):
            self._saw_mark(chunk)
        if self.committed:
            if now >= self._start.deadline and not self._finished:
                raise self.overdue(now)
            if not self.cadence.over:
                self._tell(self.cadence.came(now), now)
            return self._deliver([chunk])
        self._held.append(chunk)
        if not self._has_content(chunk):
            if now > self._start.content_due and not self._finished:
                raise self.overdue(now)
            return []
        self.committed = True
        self._flow.first_content(self._start, now)
        self.cadence.came(now)
        return self._deliver(self.rest())

    def _saw_mark(self, chunk: C) -> None:
        """This chunk carries the finish mark. Raises if that is a failure's; an empty answer is one once it has ended,
        so that all of it is there to be handed out.
        """
        if self._check is not None:
            try:
                self._check(chunk, self.committed or self._has_content(chunk))
            except EmptyResponse as empty:
                if not self._finished:
                    self._empty = empty
        self._finished = True

    def _tell(self, seconds: float | None, now: float) -> None:
        """Pass on how fast the target writes, once that is known."""
        if seconds is not None:
            self._flow.paced(self._start, seconds, now)

    def _succeeded(self, now: float) -> None:
        self._tell(self.cadence.ended(), now)
        self._start.wordless = not self.committed
        self._flow.succeeded(self._start, now)

    def _deliver(self, chunks: list[C]) -> list[C]:
        """What of these the caller has not had."""
        repeats = not self._repetition.complete
        fresh = [new for chunk in chunks if (new := self._beyond(chunk)) is not None] if repeats else chunks
        for chunk in fresh:
            self._delivered.add(chunk)
        self._flow.resumable = self._delivered.readable
        return fresh

    def _beyond(self, chunk: C) -> C | None:
        """The chunk as far as it goes beyond what was delivered. Raises ``Diverged`` if it does not continue that."""
        text = self._delivered.text(chunk)
        same = self._repetition.repeated(text)
        if same == len(text):
            return None
        return self._delivered.cut(chunk, same) if same else chunk

    def ended(self, now: float) -> None:
        """The stream ended. Raises ``StreamInterrupted`` if a finish mark is due and was not seen, ``EmptyResponse`` if
        the answer says nothing.
        """
        if self._is_finished is not None and not self._finished:
            raise StreamInterrupted(f"The stream from {self._start.target.id} ended without a finish mark.")
        self._repetition.ended()
        if empty := self._nothing_said():
            raise empty
        self._succeeded(now)

    def _nothing_said(self) -> EmptyResponse | None:
        """The error that says so, with all that there is of the answer, if it is an empty one."""
        if self._empty is not None and not self.committed:
            self._empty.answer = self._held
            return self._empty
        return None

    def broke(self, error: Exception, now: float) -> None:
        """The stream failed; after its finish mark that does not matter."""
        empty = self._nothing_said()
        if self._complete and empty is None:
            self._succeeded(now)
        else:
            self.good = False
            self._flow.failed(self._start, empty or error, now)

    def left(self, now: float) -> None:
        """The caller stopped listening; after the finish mark it had the whole answer."""
        if self._complete and self._nothing_said() is None:
            self._succeeded(now)
        else:
            self._flow.abandoned(self._start, now)

    @property
    def _complete(self) -> bool:
        """Whether it has said all: a restart that ended before it had repeated what was delivered has not."""
        return self._finished and self._repetition.complete

    def rest(self) -> list[C]:
        """What a stream without any content held back, once it has ended well."""
        held, self._held = self._held, []
        return held

    def patience(self, now: float) -> float:
        """Seconds that the next chunk may take from now; the time a listener takes is not the target's silence."""
        return max(0.0, self.due(now) - now)

    def due(self, now: float) -> float:
        """When the next chunk is overdue, asked for ``now``."""
        if self._finished:
            return min(now + AFTERMATH, self._start.deadline)
        if self.committed:
            return min(now + self._start.idle_timeout, self._start.deadline)
        return self._start.content_due

    def overdue(self, now: float) -> TimeoutError:
        """The error for a chunk that did not come in time."""
        who, start = self._start.target.id, self._start
        if now >= start.deadline:
            return TimeoutError(f"{who} had not finished at the request's deadline.")
        if self.committed:
            return TimeoutError(f"{who} fell silent for {start.idle_timeout:g} s (idle_timeout).")
        return TimeoutError(f"{who} sent no content within {start.first_content_timeout:g} s (first_content_timeout).")
