"""What callers catch. Each error carries the trail of the request it ended, and never a secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from failover_plugin.model import Trail


def add_notes(error: BaseException, notes: Iterable[str]) -> None:
    """Put notes on an error, each once, however often its end is asked for."""
    for note in notes:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


class FailoverError(Exception):
    """Base of everything this package raises by itself. ``trail`` says how the request went; empty if none was made."""

    def __init__(self, message: str, *, trail: Trail | None = None) -> None:
        super().__init__(message)
        self.trail = trail if trail is not None else Trail()


class AllTargetsFailed(FailoverError):
    """Nobody could answer. Raised from the first target's error; the others are its notes.

    ``retry_after`` says in how many seconds the first target is due back, None if nobody knows.
    """

    def __init__(self, message: str, *, trail: Trail | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, trail=trail)
        self.retry_after = retry_after

    def first_error(self) -> BaseException:
        """The first target's own error, for callers who know its type; this error itself if nobody was asked.

        It carries this error's notes, ``trail`` and ``retry_after``.
        """
        first = self.__cause__
        if first is None:
            return self
        add_notes(first, getattr(self, "__notes__", ()))
        vars(first).update(trail=self.trail, retry_after=self.retry_after)
        return first


class DeadlineExceeded(FailoverError, TimeoutError):
    """The request's own deadline passed before anybody had answered."""


class StreamInterrupted(FailoverError):
    """A stream died, fell silent or ended without a finish mark after content had been delivered."""


class EmptyResponse(FailoverError):
    """A target answered with success and said nothing.

    ``answer`` is what it said so. With one, the error is a question whether somebody else has more to say: one other
    target is asked, and if that has not, the answer is handed out as it is. Without one it is a failure like any other.
    """

    def __init__(self, message: str, *, trail: Trail | None = None, answer: Any = None) -> None:
        super().__init__(message, trail=trail)
        self.answer = answer


class AnswerFailed(FailoverError):
    """A target gave up on an answer that had begun well, and says so where it should say why it stopped."""


class ConfigError(FailoverError, ValueError):
    """A target, policy or file is wrong; the message names the field, the value and the remedy."""
