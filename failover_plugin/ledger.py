"""The record of one request: what was tried, what was passed over, and the error it all adds up to."""

from __future__ import annotations

from collections.abc import Iterable

from failover_plugin.errors import AllTargetsFailed, add_notes
from failover_plugin.model import Attempt, Diagnosis, Skip, Trail
from failover_plugin.start import Start, trail


class Ledger:
    """Written by one flow. Times are in monotonic seconds."""

    __slots__ = ("_errors", "_noted", "began", "entries", "latest", "number")

    def __init__(self, now: float) -> None:
        self.began = now
        self.entries: list[Attempt | Skip | Start] = []
        self._errors: list[tuple[Start, BaseException, Diagnosis]] = []
        self._noted: set[tuple[str, str]] | None = None
        self.number = 0
        """Attempts begun."""
        self.latest: Start | None = None
        """The attempt that began last, or that has won the race."""

    @property
    def trail(self) -> Trail:
        """The record so far."""
        return trail(self.entries)

    def skip(self, skip: Skip) -> None:
        """Note a target passed over, once for each reason."""
        if self._noted is None:
            self._noted = set()
        if (skip.target, skip.reason) not in self._noted:
            self._noted.add((skip.target, skip.reason))
            self.entries.append(skip)

    def end(
        self, start: Start, now: float, diagnosis: Diagnosis | None = None, error: BaseException | None = None
    ) -> None:
        """An attempt ended: well, if there is no diagnosis."""
        start.ended = now
        start.diagnosis = diagnosis
        start.handled = None
        self.entries.append(start)
        if diagnosis is None:
            if start.content_after is None:
                start.content_after = max(0.0, now - start.began)
            if self._errors:
                self._errors.clear()  # by their tracebacks they would keep the call, and what it was given, in memory
        elif error is not None:
            self._errors.append((start, error, diagnosis))

    def handed_out(self, start: Start) -> None:
        """This attempt's answer, which said nothing, is the request's answer after all."""
        start.diagnosis = None
        self.latest = start
        self._errors.clear()

    def exhausted(self, retry_after: float | None) -> AllTargetsFailed:
        """Nobody could answer: the first target's error as the cause, the later ones as notes."""
        error = AllTargetsFailed(self._summary(retry_after), trail=self.trail, retry_after=retry_after)
        if self._errors:
            error.__cause__ = self._errors[0][1]
        add_notes(error, (*self._notes(self._errors[1:]), *self._passed_over()))
        return error

    def returned(self, error: BaseException) -> BaseException:
        """An error that goes to the caller as it is, with the trail on it and what went before as notes."""
        vars(error)["trail"] = self.trail
        add_notes(error, self._notes(entry for entry in self._errors if entry[1] is not error))
        return error

    def told(self) -> tuple[str, ...]:
        """What each target said, or why it was not asked, a line each."""
        said = {start.target.id: f"{start.target.id}: {diagnosis.title}" for start, _, diagnosis in self._errors}
        skipped = {s.target: f"{s.target}: {s.reason}" for s in self.entries if isinstance(s, Skip)}
        return tuple((skipped | said).values())

    def _summary(self, retry_after: float | None) -> str:
        back = "" if retry_after is None else f" The first is due back in {retry_after:.1f} s."
        if self._errors:
            asked = {start.target.id: f"{start.target.id}: {said.title}" for start, _, said in reversed(self._errors)}
            return f"All targets failed ({'; '.join(reversed(asked.values()))}).{back}"
        skips = "; ".join(f"{s.target}: {s.reason}" for s in self.trail.skips) or "none is on offer"
        return f"No target can be asked ({skips}).{back}"

    def _passed_over(self) -> list[str]:
        """Why targets that could have answered were not asked."""
        return [str(entry).strip() for entry in self.entries if isinstance(entry, Skip)] if self._errors else []

    @staticmethod
    def _notes(errors: Iterable[tuple[Start, BaseException, Diagnosis]]) -> list[str]:
        return [f"{start.target.id}: {diagnosis}" for start, _, diagnosis in errors]
