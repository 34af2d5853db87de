"""A time that a provider wrote, in any of their notations, becomes seconds from now; what is none of them is nothing.

Why so strict: ``float`` takes "nan", "1_000" and Arabic digits, and a wait that nobody meant is worse than none. Digits
are ASCII and at most fifteen. A plain number of a billion or more is no wait but a moment: no provider asks for 31
years, and OpenRouter writes its resets as milliseconds since the epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import fsum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_LENGTH: Final = 64
"""Characters; no notation needs more."""

_FIRST_MOMENT: Final = 1e9

_FIRST_MOMENT_MS: Final = 1e11

_NUMBER = re.compile(r"\+?([0-9]{1,15}(?:\.[0-9]{1,20})?)")

_PART: Final = r"[0-9]{1,9}(?:\.[0-9]{1,12})?"

_GO = re.compile(rf"(?:{_PART}(?:h|ms|m|s))+")

_PARTS = re.compile(rf"({_PART}) ?(milli|ms|[smhd])")

_UNITS: Final = {"milli": 0.001, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[Tt ])")

SPOKEN: Final = (
    rf"(?:{_PART} ?(?:milliseconds?|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
    r"(?:,? (?:and )?(?=[0-9]))?){1,6}+"
)
"""A pattern for a duration in words, in lower case: "7m12s", "60 seconds", "1 hour and 5 minutes"."""


def seconds(value: object, now: Callable[[], float], unit: float = 1.0) -> float | None:
    """Seconds from ``now`` (seconds since the epoch), negative for a moment that has passed, or None.

    Knows plain numbers (in ``unit`` seconds), moments as seconds or milliseconds since the epoch, Go and protobuf
    durations ("1m30.5s"), HTTP dates, and RFC 3339, in UTC where no zone is named. ``now`` is asked for moments only.
    """
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or not value.isascii():
        return None
    value = value.strip()
    if number := _NUMBER.fullmatch(value):
        return _counted(float(number[1]), now, unit)
    if _GO.fullmatch(value):
        return spoken(value)
    due = moment(value)
    return None if due is None else due - now()


def spoken(words: str) -> float:
    """Seconds of a Go duration, or of words that match ``SPOKEN``."""
    return fsum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(words))


def moment(value: object) -> float | None:
    """Seconds since the epoch of a date in RFC 3339 or of HTTP's, in UTC where it names no zone; None for others."""
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or not value.isascii():
        return None
    try:
        at = datetime.fromisoformat(value.upper()) if _ISO.match(value) else parsedate_to_datetime(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def sender(headers: Mapping[str, str], wall: Callable[[], float]) -> Callable[[], float]:
    """The clock of whoever sent the response: its own ``Date``, so that a wrong clock on either side does no harm.

    ``wall`` (seconds since the epoch) is asked only where there is none.
    """

    def now() -> float:
        sent = moment(headers.get("date", ""))
        return wall() if sent is None else sent

    return now


def _counted(number: float, now: Callable[[], float], unit: float) -> float:
    if number >= _FIRST_MOMENT_MS:
        return number / 1000.0 - now()
    return number - now() if number >= _FIRST_MOMENT and unit == 1.0 else number * unit
