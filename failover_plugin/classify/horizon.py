"""When to come back: whatever a provider says of it, in headers, fields or words, becomes seconds, a period, a reason.

Whom to believe where several speak:

1. ``Retry-After`` and its siblings: they speak of this refusal. Of several the largest, because Azure was recorded with
   ``retry-after: 1`` beside ``retry-after-ms: 0``, and a second too long is cheap where coming back too early is not. A
   zero says that the burst is over, not that the quota is back: it gives way to a time that the body names.
2. The body: a field made for it (Gemini's RetryInfo, Hugging Face's ``estimated_time``) and words ("try again in
   7m12s"). Of several the largest, because RetryInfo was recorded cut to "48s" beside "retry in 48.94s".
3. Reset headers, because they describe buckets and not the refusal: OpenAI's recorded minute limit says
   ``retry-after: 20`` while ``x-ratelimit-reset-requests: 21m36.001s`` is the day's bucket with 196 left. So only what
   is used up by its own ``remaining`` counts, and of that the last to refill. A reset that has passed (Anthropic's
   ``1970-01-01``, Azure's ``0``) is nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from time import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from failover_plugin.classify import dates
from failover_plugin.classify.times import SPOKEN, moment, seconds, sender, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Period: TypeAlias = Literal["minute", "hour", "day", "week", "month"]
"""How long a bucket lasts; what is counted by the second is a minute's, the shortest that providers sell."""

MAX_RETRY_AFTER: Final = 3600.0
"""No wait is longer than an hour (in seconds): by then a probe is cheaper than believing a header."""

_MAX_TEXT: Final = 2000

_MAX_LIMITS: Final = 24
"""Limits of which one response tells; Anthropic has been seen to tell of six."""

_NO_HINTS: Final[Mapping[str, str]] = {}

_ASKED: Final = {"retry-after": 1.0, "retry-after-ms": 0.001, "x-ms-retry-after-ms": 0.001}

_FIELDS: Final = {
    "retrydelay": 1.0,
    "retry_delay": 1.0,
    "retry_after": 1.0,
    "retry-after": 1.0,
    "retryafter": 1.0,
    "retry_after_seconds": 1.0,
    "retry_after_ms": 0.001,
    "retry-after-ms": 0.001,
    "estimated_time": 1.0,
    "quotaresetdelay": 1.0,
    "resets_in_seconds": 1.0,
    "resets_at": 1.0,
    "reset_at": 1.0,
}

_WAIT = re.compile(
    r"(?:retry|try(?<![a-z]try)|wait|resets?|available)(?: again)?(?: (?:in|after|for))?:? "
    rf"(?:~ ?|about |approximately |approx\.? |around |roughly |at least |another )?({SPOKEN})"
)
"""No pattern begins with a word boundary: it costs ten times the search for one of a few letters."""

_CHINESE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(秒|分|小时|天)钟?(?:之|以)?[后後]")
_CHINESE_UNITS: Final = {"秒": 1.0, "分": 60.0, "小时": 3600.0, "天": 86400.0}

_UNTIL = re.compile(
    r"(?:regain access|resets?|try again|available again) (?:at|on|after):? "
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?:t| at | )([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?"
)

_OF_MOMENTS: Final = ("reset", "again", "regain", "renew")
"""Words of which one stands before a moment."""

_LASTS: Final = r"(second|minute|min|hour|day|week|month)(?![a-z])"

_PERIOD = re.compile(
    rf"per[ _-](?<![a-z]per.){_LASTS}|/ ?{_LASTS}|per(minute|hour|day|month)|by(minute|hour|day|month)"
    r"|p(?<=[rti]p)([mhd])\b|hourly|daily|weekly|monthly"
)

_PERIODS: Final[dict[str, Period]] = {
    "second": "minute",
    "minute": "minute",
    "min": "minute",
    "m": "minute",
    "hour": "hour",
    "hourly": "hour",
    "h": "hour",
    "day": "day",
    "daily": "day",
    "d": "day",
    "week": "week",
    "weekly": "week",
    "month": "month",
    "monthly": "month",
}

_UNIFIED: Final = "anthropic-ratelimit-unified-reset"

_PER_DAY: Final = "perday"

SOON: Final = 120.0
"""Seconds of waiting for which a limit of the day may still be a rolling one, that refills: OpenAI's is. Gemini's is
not, and its RetryInfo says "34s" all the same.
"""

_NOTHING_LEFT: Final = frozenset({"0", "0.0"})


@dataclass(frozen=True, slots=True)
class Horizon:
    """``seconds`` to wait, in [0, ``MAX_RETRY_AFTER``]; the ``period`` of the bucket that is empty, if that is known;
    and ``why``: the header, the body's field or the words that said so.
    """

    seconds: float
    period: Period | None
    why: str


def horizon(
    headers: Mapping[str, str],
    text: str = "",
    hints: Mapping[str, str] = _NO_HINTS,
    *,
    wall: Callable[[], float] = time,
) -> Horizon | None:
    """When to come back, or None if the provider named no time.

    ``headers`` have lower-case names. ``text`` is what the provider says, in lower case; 2000 characters are read.
    ``hints`` are the fields of the body that speak of time, by their lower-case names. Moments count from the
    response's own ``Date``; ``wall`` (seconds since the epoch) is asked only where there is none. Never raises for what
    strings hold.
    """
    now = sender(headers, wall)
    text = text[:_MAX_TEXT]
    found = _longest(_named(headers, _ASKED, now))
    if found is None or not found[0]:
        found = _longest((*([found] if found else ()), *_named(hints, _FIELDS, now), *_words(text, now)))
    found = found or _longest((*used_up(headers, now), *_unified(headers, now)))
    found = found or _longest(used_up(hints, now, assumed=True))
    if found is None or (
        found[1] == "retrydelay" and found[0] <= SOON and _PER_DAY in hints.get("quotaid", "").lower()
    ):
        return None
    named = min(found[0], MAX_RETRY_AFTER)
    return Horizon(named, bucket(headers, text, hints) or _bucket_of(*found), found[1])


def bucket(headers: Mapping[str, str], text: str = "", hints: Mapping[str, str] = _NO_HINTS) -> Period | None:
    """The period of the bucket that is empty: as GitHub's header, Gemini's quota id, OpenRouter's limit source or the
    words name it.

    The first words count: what is empty is said before what could be bought. Arguments as for ``horizon``.
    """
    named = (headers.get("x-ratelimit-type", ""), hints.get("quotaid", ""), hints.get("limit_source", ""))
    for said in (*named, text):
        if found := _PERIOD.search(str(said)[:_MAX_TEXT].lower()):
            return _PERIODS[next(filter(None, found.groups()), found[0])]
    return None


def used_up(
    headers: Mapping[str, str], now: Callable[[], float], *, assumed: bool = False
) -> Iterator[tuple[float, str]]:
    """Seconds until each limit of which nothing is left refills, with the header that says so; none that has passed.

    A reset counts only beside its own remainder of zero, which is ``assumed`` where none is named. ``headers`` have
    lower-case names; ``now`` is in seconds since the epoch.
    """
    resets = (name for name in headers if "reset" in name and "ratelimit" in name)
    for name in islice(resets, _MAX_LIMITS):
        left = str(headers.get(name.replace("reset", "remaining"), "0" if assumed else ""))
        wait = seconds(headers[name], now) if left.strip() in _NOTHING_LEFT else None
        if wait is not None and wait > 0.0:
            yield wait, name


def _unified(headers: Mapping[str, str], now: Callable[[], float]) -> Iterator[tuple[float, str]]:
    """Of a refusal: when Anthropic's limits of a subscription, which tell no remainder, refill."""
    wait = seconds(headers.get(_UNIFIED), now)
    if wait is not None and wait > 0.0 and headers.get(f"{_UNIFIED[:-5]}status", "rejected") == "rejected":
        yield wait, _UNIFIED


def _named(
    said: Mapping[str, str], units: Mapping[str, float], now: Callable[[], float]
) -> Iterator[tuple[float, str]]:
    for name, unit in units.items():
        wait = seconds(said.get(name), now, unit)
        if wait is not None and wait >= 0.0:  # a moment that has passed is no time to come back
            yield wait, name


def _words(text: str, now: Callable[[], float]) -> Iterator[tuple[float, str]]:
    if wait := _WAIT.search(text):
        yield spoken(wait[1]), f'says "{wait[0].strip()}"'
    if ("后" in text or "後" in text) and (wait := _CHINESE.search(text)):
        yield float(wait[1]) * _CHINESE_UNITS[wait[2]], f'says "{wait[0]}"'
    if until := _UNTIL.search(text):
        due = moment(" ".join(filter(None, until.groups())))
        if due is not None and due > now():
            yield due - now(), f'says "{until[0]}"'
    elif any(word in text for word in _OF_MOMENTS) and (told := dates.told(text, now())) and told[0] > now():
        yield told[0] - now(), f'says "{told[1]}"'


def _longest(found: Iterable[tuple[float, str]]) -> tuple[float, str] | None:
    return max(found, key=lambda one: one[0], default=None)


def _bucket_of(wait: float, name: str) -> Period | None:
    """What a reset header's own name says. A bucket of requests that refills for more than a minute is the day's."""
    if "ratelimit" not in name:
        return None
    suffix = name.rpartition("-")[2]
    if suffix in _PERIODS:
        return _PERIODS[suffix]
    if name == "x-ratelimit-reset-requests":
        return "day" if wait > 60.0 else None
    return "minute" if name.startswith("anthropic-") or name == "x-ratelimit-reset-tokens" else None
