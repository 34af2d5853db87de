"""The seconds per chunk of one stream, as far as its listener lets them be seen.

They are counted from the first content on, over so few chunks that they tell how the server is now. What the listener
takes for itself is no time of the server's, and hides it: chunks that come meanwhile wait in a buffer. So a stream with
a slow listener tells nothing. Told the time, in monotonic seconds.
"""

from __future__ import annotations

CHUNKS = 16
"""Chunks after the first content that tell a server's pace."""
FEWEST = 4
"""The fewest that do, of a stream that ends sooner."""
SHARE = 0.1
"""Share of that time that the listener may take."""


class Cadence:
    """Measures one stream, once."""

    __slots__ = ("_arrived", "_began", "_chunks", "_latest", "_listening", "over")

    def __init__(self) -> None:
        self._began: float | None = None
        self._arrived = self._latest = 0.0
        self._listening = 0.0
        self._chunks = 0
        self.over = False
        """Whether no further chunk counts."""

    def asked(self, now: float) -> None:
        """The listener is ready for the next chunk."""
        if self._began is not None:
            self._listening += now - self._arrived

    def came(self, now: float, *, content: bool) -> float | None:
        """A chunk is here; returns the seconds per chunk with the last of those that count, unless the listener was
        slow.
        """
        self._arrived = now
        if not content:
            return None
        if self._began is None:
            self._began = now
            return None
        self._chunks += 1
        self._latest = now
        if self._chunks != CHUNKS:
            return None
        self.over = True
        return self._seconds()

    def ended(self) -> float | None:
        """The stream has ended; returns the seconds per chunk if it was too short to have told them."""
        return self._seconds() if self._chunks >= FEWEST and not self.over else None

    def _seconds(self) -> float | None:
        assert self._began is not None  # noqa: S101 - for the type checker: there were chunks
        passed = self._latest - self._began
        return passed / self._chunks if self._listening <= SHARE * passed else None
