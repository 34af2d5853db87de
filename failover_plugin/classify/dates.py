"""Moments that providers tell in words: by the clock ("3pm (America/New_York)") or by the calendar ("Dec 1, 2026 5:00
AM"), as seconds since the epoch.

A moment without its year, or its day, is the next one. Without a zone a date is in UTC; a time of day alone would be
anybody's guess, and is nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_TIME: Final = r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)? ?(?P<half>[ap]m)?(?![a-z0-9])"

_ZONE: Final = r"(?: ?\(?(?P<zone>utc|gmt|[a-z]{2,20}/[a-z_]{2,30}(?:/[a-z_]{2,30})?))?"

_COMES: Final = r"(?:resets?|renews?|again|access)(?: (?:at|on|after|by))?:? "

_NAMED: Final = (
    rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.? (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>20[0-9]{{2}}))?"
)

_NUMBERED: Final = r"(?P<month>[0-9]{2})-(?P<date>[0-9]{2})"

_CALENDAR: Final = re.compile(rf"{_COMES}(?:{_NAMED}|{_NUMBERED}),?(?: at)? {_TIME}{_ZONE}")

_CLOCK: Final = re.compile(rf"{_COMES}{_TIME}{_ZONE}")


def told(text: str, now: float) -> tuple[float, str] | None:
    """The first moment that a text tells in such words, and these words; None if it tells none. ``text`` is lower case,
    ``now`` in seconds since the epoch.
    """
    for pattern, read in ((_CALENDAR, _of_the_calendar), (_CLOCK, _of_the_clock)):
        if found := pattern.search(text):
            try:
                due = read(found, now)
            except (ValueError, OverflowError, LookupError, OSError):
                due = None
            if due is not None:
                return due.timestamp(), found[0].strip()
    return None


def _of_the_calendar(found: re.Match[str], now: float) -> datetime | None:
    zone = _zone(found["zone"]) or UTC
    here = datetime.fromtimestamp(now, zone)
    month = _MONTHS.index(found["name"]) + 1 if found["name"] else int(found["month"])
    day, time = int(found["day"] or found["date"]), _time(found)
    due = datetime(int(found["year"] or here.year), month, day, *time, tzinfo=zone)
    if not found["year"] and here - due > timedelta(days=180):
        due = due.replace(year=due.year + 1)
    return due


def _of_the_clock(found: re.Match[str], now: float) -> datetime | None:
    zone = _zone(found["zone"])
    if zone is None or not (found["half"] or found["minute"]):
        return None
    here = datetime.fromtimestamp(now, zone)
    hour, minute, second = _time(found)
    due = here.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return due if due > here else due + timedelta(days=1)


def _time(found: re.Match[str]) -> tuple[int, int, int]:
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"] == "pm")
    return hour, int(found["minute"] or 0), int(found["second"] or 0)


def _zone(name: str | None) -> tzinfo | None:
    """The zone of this name, in lower case; None for none."""
    if name is None:
        return None
    if name in ("utc", "gmt"):
        return UTC
    return ZoneInfo("/".join("_".join(word.capitalize() for word in part.split("_")) for part in name.split("/")))
