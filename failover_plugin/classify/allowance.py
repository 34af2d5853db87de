"""What a provider says is left of a rate limit, read off the headers of any response, good or bad.

A limit that is used up is known from the last answer before it: who reads it need not run into it. Only what is used up
matters, so only a remainder of zero is told, with the time until it refills.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import fsum
from time import time
from typing import Final

LONGEST: Final = 3600.0
"""Seconds: a limit that takes longer to refill is a quota, and is met when the provider says so."""

_PAIRS: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s))+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def used_up_for(headers: Mapping[str, str], *, wall: Callable[[], float] = time) -> float:
    """Seconds until everything that is used up has refilled, in [0, ``LONGEST``]; 0 if nothing is.

    ``headers`` may have names in any case; ``wall`` is in seconds since the epoch. Never raises for what they hold.
    """
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    waits = (_seconds(lower.get(reset, ""), wall) for left, reset in _PAIRS if lower.get(left, "").strip() in _NOTHING)
    return min(max(waits, default=0.0), LONGEST)


_NOTHING: Final = frozenset({"0", "0.0"})


def _seconds(value: str, wall: Callable[[], float]) -> float:
    """A Go duration (1m30s), seconds, or a moment in RFC 3339, in UTC if it names no zone."""
    value = value.strip()[:64]
    if _NUMBER.fullmatch(value):
        return float(value)
    if _DURATION.fullmatch(value):
        return fsum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    try:
        moment = datetime.fromisoformat(value)
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall())
    except (ValueError, OverflowError):
        return 0.0
