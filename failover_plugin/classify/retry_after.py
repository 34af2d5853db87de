"""A provider's Retry-After becomes seconds between 0 and an hour, or None; nonsense never becomes a wait.

Why the largest value wins: providers send the same wish in several headers, and Azure has been recorded with
``retry-after: 1`` beside ``retry-after-ms: 0``. Waiting a second too long is cheap, coming back too early is not.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_RETRY_AFTER: Final = 3600.0
"""No wait is longer than an hour (in seconds): by then a probe is cheaper than believing a header."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

_UNITS: Final = {"retry-after-ms": 0.001, "x-ms-retry-after-ms": 0.001, "retry-after": 1.0}


def retry_after(headers: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait, in [0, ``MAX_RETRY_AFTER``], or None if the provider named no time.

    ``headers`` have lower-case names. An HTTP date is measured against the response's own ``Date``, so that a wrong
    clock on either side does no harm; ``wall`` (seconds since the epoch) is asked only where there is none.
    """
    numbers = [_seconds(headers.get(name, ""), unit) for name, unit in _UNITS.items()]
    named = [number for number in (*numbers, _until(headers, wall)) if number is not None]
    return min(max(*named, 0.0), MAX_RETRY_AFTER) if named else None


def _seconds(value: str, unit: float) -> float | None:
    value = value.strip()
    return float(value) * unit if _NUMBER.fullmatch(value) else None


def _until(headers: Mapping[str, str], wall: Callable[[], float]) -> float | None:
    due = _epoch(headers.get("retry-after", ""))
    if due is None:
        return None
    sent = _epoch(headers.get("date", ""))
    return due - (wall() if sent is None else sent)


def _epoch(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return _aware(moment).timestamp()


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
