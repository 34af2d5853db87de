"""One documented error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOON = {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}
"""The clock of an answer that names a moment: what it says of the time is meant by this, not by when it is replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """An error as a public page, ``follows``, describes it; where the page gives no wording, the words are ours.

    ``body`` is a JSON value, or a string that goes out as plain text or HTML. ``headers`` are those that belong to the
    error, by lower-case name. An error that is only ever sent inside a stream has the status it would have had before
    the stream began; ``event`` is then the name of its server-sent event or of its exception in a binary stream, where
    the wire format has another by default.
    """

    status: int
    body: Any
    follows: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    event: str = ""
