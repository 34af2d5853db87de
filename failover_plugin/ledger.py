"""The record of one request: what was tried, what was passed over, and the error it all adds up to."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from failover_plugin.errors import AllTargetsFailed, add_notes
from failover_plugin.model import Attempt, Diagnosis, Skip, Target, Trail

_BLANK = Trail()


class Ledger:
    """Written by one flow. Times are in monotonic seconds."""

    __slots__ = ("_begun", "_errors", "_first_content", "_noted", "_started", "entries", "handled", "number", "target")

    def __init__(self, now: float) -> None:
        self._started = self._begun = now
        self.entries: list[Attempt | Skip] = []
        self._errors: list[tuple[Target, BaseException, Diagnosis]] = []
        self._noted: set[tuple[str, str]] = set()
        self._first_content: float | None = None
        self.number = 0
        self.target: Target | None = None
        self.handled: BaseException | None = None
        """What was being handled when the attempt started. Let go of at the first content: it may hold the stream."""

    @property
    def trail(self) -> Trail:
        """The record so far."""
        return Trail(tuple(self.entries)) if self.entries else _BLANK

    def skip(self, skip: Skip) -> None:
        """Note a target passed over, once for each reason."""
        if (skip.target, skip.reason) not in self._noted:
            self._noted.add((skip.target, skip.reason))
            self.entries.append(skip)

    def begin(self, target: Target, now: float) -> None:
        """An attempt starts."""
        self.number += 1
        self.target, self._begun, self._first_content = target, now, None
        self.handled = sys.exception()

    def first_content(self, now: float) -> None:
        """Its first content arrived."""
        self._first_content = now - self._begun
        self.handled = None

    def elapsed(self, now: float) -> float:
        """Seconds since the attempt started."""
        return now - self._begun

    def end(self, now: float, diagnosis: Diagnosis | None = None, error: BaseException | None = None) -> None:
        """It ended: well, if there is no diagnosis."""
        assert self.target is not None  # noqa: S101 - for the type checker: begin() came first
        self.handled = None
        duration = max(0.0, now - self._begun)  # a host may give a permit back before its wait is over
        if diagnosis is None and self._first_content is None:
            self._first_content = duration
        self.entries.append(
            Attempt(
                number=self.number,
                target=self.target.id,
                started=self._begun - self._started,
                duration=duration,
                first_content=self._first_content,
                diagnosis=diagnosis,
            )
        )
        if error is not None and diagnosis is not None:
            self._errors.append((self.target, error, diagnosis))
        if diagnosis is None:
            self._errors.clear()  # by their tracebacks they would keep the call, and what it was given, in memory

    def exhausted(self, retry_after: float | None) -> AllTargetsFailed:
        """Nobody could answer: the first target's error as the cause, the later ones as notes."""
        error = AllTargetsFailed(self._summary(retry_after), trail=self.trail, retry_after=retry_after)
        if self._errors:
            error.__cause__ = self._errors[0][1]
        for note in self._notes(self._errors[1:]):
            error.add_note(note)
        return error

    def returned(self, error: BaseException) -> BaseException:
        """An error that goes to the caller as it is, with the trail on it and what went before as notes."""
        vars(error)["trail"] = self.trail
        add_notes(error, self._notes(entry for entry in self._errors if entry[1] is not error))
        return error

    def _summary(self, retry_after: float | None) -> str:
        back = "" if retry_after is None else f" The first is due back in {retry_after:.1f} s."
        if self._errors:
            asked = {target.id: f"{target.id}: {diagnosis.title}" for target, _, diagnosis in reversed(self._errors)}
            return f"All targets failed ({'; '.join(reversed(asked.values()))}).{back}"
        skips = "; ".join(f"{s.target}: {s.reason}" for s in self.trail.skips) or "none is on offer"
        return f"No target can be asked ({skips}).{back}"

    @staticmethod
    def _notes(errors: Iterable[tuple[Target, BaseException, Diagnosis]]) -> list[str]:
        return [f"{target.id}: {diagnosis}" for target, _, diagnosis in errors]
