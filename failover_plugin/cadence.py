"""The seconds per chunk of one stream, as far as its listener and this process let them be seen.

They are counted from the first content on, over so few chunks that they tell how the server is now. What the listener
takes for itself is no time of the server's, and hides it: chunks that come meanwhile wait in a buffer. So they do while
this process is busy with others. A stream with a slow listener, or in a busy process, tells nothing.

Told the time, in monotonic seconds; the processor's is read here.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

CHUNKS = 16
"""Chunks after the first content that tell a server's pace."""
FEWEST = 4
"""The fewest that do, of a stream that ends sooner."""
SHARE = 0.1
"""Share of that time that the listener may take."""
BUSY = 0.8
"""Share of that time that this process may compute: beyond it, chunks wait for a free moment."""


class Cadence:
    """Measures one stream, once."""

    __slots__ = ("_arrived", "_began", "_chunks", "_computing", "_listening", "_worked", "over")

    def __init__(self, computing: Callable[[], float] = process_time) -> None:
        """``computing`` tells the seconds that this process has computed so far."""
        self._computing = computing
        self._worked = 0.0
        self._began: float | None = None
        self._arrived = 0.0
        self._listening = 0.0
        self._chunks = 0
        self.over = False
        """Whether no further chunk counts."""

    def asked(self, now: float) -> None:
        """The listener is ready for the next chunk."""
        if self._began is not None:
            self._listening += now - self._arrived

    def came(self, now: float) -> float | None:
        """The first content, or any chunk after it, is here; returns the seconds per chunk with the last of those that
        count, None if they cannot be told.
        """
        self._arrived = now
        if self._began is None:
            self._began, self._worked = now, self._computing()
            return None
        self._chunks += 1
        if self._chunks < CHUNKS:
            return None
        return self._told()

    def ended(self) -> float | None:
        """The stream has ended; returns the seconds per chunk if it was too short to have told them."""
        return self._told() if self._chunks >= FEWEST else None

    def _told(self) -> float | None:
        if self.over or self._began is None:
            return None
        self.over = True
        passed, computed = self._arrived - self._began, self._computing() - self._worked
        undisturbed = self._listening <= SHARE * passed and computed <= BUSY * passed
        return passed / self._chunks if undisturbed else None
