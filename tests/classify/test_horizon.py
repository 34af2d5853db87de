"""When to come back: every notation of every provider becomes seconds between 0 and an hour, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_plugin.classify import classify_response
from failover_plugin.classify.horizon import MAX_RETRY_AFTER, Horizon, Period, bucket, horizon

DATE = "Wed, 05 Nov 2025 12:00:00 GMT"
NOW = 1_762_344_000.0
"""The same moment in seconds since the epoch."""

ABSURD = [
    "",
    " ",
    "banana",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "-1",
    "-0.5",
    "-20s",
    "9" * 16,
    "9" * 400,
    "9" * 16 + "s",
    "1." + "0" * 400,
    "1,2",
    "1 2",
    "20, 20",
    "['20']",
    "1_000",
    "1e3",
    "0x10",
    ".5",
    "5.",
    "\u00bd",
    "\u0662\u0660",
    "\uff12\uff10",
    "\u0662\u0660s",
    "2²",
    "20\u00a0",
    "0001-13-41T00:00:00Z",
    "2025-11-05T99:00:00Z",
    "Wed, 99 Nov 2025 12:00:20 GMT",
    "Wed, 05 Nov 99999 12:00:20 GMT",
    "Wed, \u0660\u0665 Nov 2025 12:00:20 GMT",
    "tomorrow",
    "null",
    "None",
    "\x00",
    "20\x00",
]
"""What is no time in any notation."""

SECONDS = {
    "0": 0.0,
    "1": 1.0,
    "20": 20.0,
    " 7 ": 7.0,
    "+5": 5.0,
    "0.66": 0.66,
    "1.5": 1.5,
    "32.13720703125": 32.13720703125,
    "3600": 3600.0,
    "3601": 3600.0,
    "73192": 3600.0,
    "31536000": 3600.0,
    "4294967295": 3600.0,
    "999999999999999": 3600.0,
}


def nobody_asks() -> NoReturn:
    raise AssertionError("the wall clock was asked although the response has a Date")


def wait(headers: Mapping[str, str], text: str = "", hints: Mapping[str, str] | None = None) -> float | None:
    """Seconds, where the response was sent at ``DATE``."""
    found = horizon({"date": DATE, **headers}, text, hints or {}, wall=nobody_asks)
    return found and found.seconds


def spent(value: str, limit: str = "x-ratelimit-{}-requests") -> dict[str, str]:
    """Headers of a limit of which nothing is left, with the time at which it is back."""
    return {limit.format("remaining"): "0", limit.format("reset"): value}


@pytest.mark.parametrize(("value", "expected"), SECONDS.items())
def test_retry_after_in_seconds(value: str, expected: float) -> None:
    assert wait({"retry-after": value}) == expected


@pytest.mark.parametrize("name", ["retry-after-ms", "x-ms-retry-after-ms"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [("660", 0.66), ("20000", 20.0), ("0", 0.0), ("1500.5", 1.5005), ("86400000", 3600.0), ("4294967295", 3600.0)],
)
def test_retry_after_in_milliseconds(name: str, value: str, expected: float) -> None:
    assert wait({name: value}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Wed, 05 Nov 2025 12:00:20 GMT", 20.0),
        ("Wed, 05 Nov 2025 12:00:20 -0000", 20.0),
        ("Wed, 05 Nov 2025 13:00:20 +0100", 20.0),
        ("Wednesday, 05-Nov-25 12:00:20 GMT", 20.0),
        ("Wed Nov  5 12:00:20 2025", 20.0),
        ("Wed, 05 Nov 2025 12:00:00 GMT", 0.0),
        ("Wed, 05 Nov 2025 11:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Thu, 05 Nov 2026 12:00:00 GMT", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("2025-11-05T12:00:20Z", 20.0),
        ("1762344020", 20.0),
        ("1762344020000", 20.0),
    ],
)
def test_retry_after_as_a_moment_counts_from_the_responses_own_date(value: str, expected: float) -> None:
    assert wait({"retry-after": value}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2ms", 0.002),
        ("120ms", 0.12),
        ("8.64s", 8.64),
        ("20s", 20.0),
        ("1m0s", 60.0),
        ("7m12s", 432.0),
        ("21m36.001s", 1296.001),
        ("59m59.5s", 3599.5),
        ("1h2m", 3600.0),
        ("24h0m0s", 3600.0),
        ("999999999h", 3600.0),
        ("0s", None),  # it is back already: nothing to wait for
    ],
)
def test_a_reset_as_a_go_duration(value: str, expected: float | None) -> None:
    """OpenAI and Groq; the fields of https://platform.openai.com/docs/guides/rate-limits."""
    assert wait(spent(value)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"), [("60", 60.0), ("5", 5.0), ("0.25", 0.25), ("33011.38", 3600.0), ("0", None)]
)
def test_a_reset_in_bare_seconds(value: str, expected: float | None) -> None:
    """Azure and Cerebras."""
    assert wait(spent(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1762344020", 20.0),
        ("1762344020.5", 20.5),
        ("1762344020000", 20.0),
        ("1762344020500", 20.5),
        ("1762387200000", 3600.0),
        ("1762343999", None),
        ("1741305600000", None),
        ("999999999999999", 3600.0),
    ],
)
def test_a_reset_in_seconds_or_milliseconds_since_the_epoch(value: str, expected: float | None) -> None:
    """OpenRouter."""
    assert wait(spent(value, "x-ratelimit-{}")) == expected


@pytest.mark.parametrize("kind", ["requests", "tokens", "input-tokens", "output-tokens"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-11-05T12:00:30Z", 30.0),
        ("2025-11-05T12:00:30.5Z", 30.5),
        ("2025-11-05T13:00:30+01:00", 30.0),
        ("2025-11-05t12:00:30z", 30.0),
        ("2025-11-06T12:00:00Z", 3600.0),
        ("9999-12-31T23:59:59Z", 3600.0),
        ("2025-11-05T12:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),  # recorded once
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_reset_in_rfc_3339(kind: str, value: str, expected: float | None) -> None:
    """Anthropic; https://docs.claude.com/en/api/rate-limits."""
    headers = {f"anthropic-ratelimit-{kind}-remaining": "0", f"anthropic-ratelimit-{kind}-reset": value}
    assert wait(headers) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("retrydelay", "34s", 34.0),
        ("retrydelay", "20.04s", 20.04),
        ("retrydelay", "0s", 0.0),
        ("retrydelay", "86400s", 3600.0),
        ("estimated_time", "20.0", 20.0),
        ("estimated_time", "32.13720703125", 32.13720703125),
        ("retry_after", "3", 3.0),
        ("retry_after_seconds", "3", 3.0),
        ("retry_after_ms", "660", 0.66),
        ("quotaresetdelay", "1m3.5s", 63.5),
        ("resets_in_seconds", "273", 273.0),
        ("resets_at", "1762344020", 20.0),
        ("resets_at", "2025-11-05T12:00:20Z", 20.0),
        ("x-ratelimit-reset", "1762344020000", 20.0),
        ("limit", "50", None),
        ("x-ratelimit-limit", "50", None),
        ("max_tokens", "20s", None),
    ],
)
def test_a_field_of_the_body(name: str, value: str, expected: float | None) -> None:
    """Gemini's RetryInfo, Hugging Face's cold start, OpenRouter's quoted headers."""
    assert wait({}, "", {name: value}) == pytest.approx(expected)


WORDS = {
    "please try again in 7m12s. visit https://platform.openai.com": 432.0,
    "please try again in 20s.": 20.0,
    "please try again in 2.3s. need more tokens?": 2.3,
    "please try again in 350ms.": 0.35,
    "please try again in 8.64s": 8.64,
    "please try again in 1h2m3.5s.": 3600.0,
    "try again in 1 hour and 5 minutes.": 3600.0,
    "try again in 1 minute, 30 seconds": 90.0,
    "try again in 2 minutes": 120.0,
    "please try again in: 5s": 5.0,
    "please retry after 60 seconds. please go here": 60.0,
    "please retry after 1 second.": 1.0,
    "please retry in 48.939935699s.": 48.939935699,
    "retry in 12.3s": 12.3,
    "please retry in 851.28ms.": 0.85128,
    "please wait 44 seconds before retrying.": 44.0,
    "please wait for 3 minutes": 180.0,
    "your quota will reset after 10m5s.": 605.0,
    "resets in 2d": 3600.0,
    "you will regain access on 2025-11-05 at 12:10 utc.": 600.0,
    "you will regain access on 2025-12-01 at 00:00 utc.": 3600.0,
    "you will regain access on 2025-12-01.": 3600.0,
    "you will regain access on 2025-11-01 at 00:00 utc.": None,
    "limit resets at: 2025-11-05 12:00:20 utc": 20.0,
    "your limit will reset at 2025-11-05t12:00:20z": 20.0,
    # hedged
    "please try again in ~10s": 10.0,
    "please retry in about 2 minutes.": 120.0,
    "retry after approximately 45 seconds": 45.0,
    "please wait at least 30 seconds": 30.0,
    "try again in around 90s": 90.0,
    "wait another 5 minutes": 300.0,
    "quota resets in 10h 7m": 3600.0,
    "resets in 0h 7m": 420.0,
    "available again in 3m 20s": 200.0,
    # by the clock: it is 12:00 UTC, 7 in New York and 21 in Tokyo
    "you've hit your limit, resets 12:30pm (utc)": 1800.0,
    "resets at 12:10 utc": 600.0,
    "resets 7:05am (america/new_york)": 300.0,
    "resets 3pm (america/new_york)": 3600.0,
    "your limit resets at 9:15 pm (asia/tokyo).": 900.0,
    "try again at 12:00:20 gmt": 20.0,
    "resets 11am (utc)": 3600.0,
    "resets 3pm": None,
    "resets 3pm (middle/earth)": None,
    # by the calendar
    "limit will reset at nov 5, 2025 12:05 pm": 300.0,
    "try again at nov 5, 2025 12:00:30 utc": 30.0,
    "your limit resets at dec 1, 2026 5:00 am.": 3600.0,
    "resets on november 5 at 12:20 utc": 1200.0,
    "resets at nov 5th, 2025 7:30 am (america/new_york)": 1800.0,
    "your limit will reset at 11-05 12:01:00 utc": 60.0,
    "reset at 11-05 12:02:00": 120.0,
    "reset at 11-04 15:33:00 utc": None,
    "resets at nov 1, 2025 5:00 am": None,
    "resets at 13-40 99:99 utc": None,
    # not in English
    "请在 30 秒后重试": 30.0,
    "请5分钟后再试": 300.0,
    "1小时后重置": 3600.0,
    "1.5 秒之后再试": 1.5,
    "请稍后再试": None,
    # no time, whatever they look like
    "": None,
    "please try again later.": None,
    "please try again in a few seconds": None,
    "try again in -5s": None,
    "try again in 5": None,
    "try again in 5 attempts": None,
    "try again in \u0662\u0660s": None,
    "try again in nan seconds": None,
    "retry 3 more times": None,
    "we have retried for 20s": None,
    "we are waiting 20s": None,
    "country in 20s": None,
    "please try again in " + "9" * 30 + "s": None,
    "regain access on 2025-13-41 at 99:99": None,
    "regain access on june 1": None,
    "the limit is 20 requests per 10s": None,
    "the timeout is 60 seconds": None,
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_words(text: str, expected: float | None) -> None:
    if "/" in text and not available_timezones():
        pytest.skip("this machine knows no time zones")
    assert wait({}, text) == pytest.approx(expected)


@pytest.mark.parametrize("value", ABSURD, ids=ascii)
def test_what_is_no_time_is_nothing_wherever_it_stands(value: str) -> None:
    for name in ("retry-after", "retry-after-ms", "x-ms-retry-after-ms"):
        assert wait({name: value}) is None
    for limit in (
        "x-ratelimit-{}-requests",
        "x-ratelimit-{}-tokens",
        "x-ratelimit-{}",
        "anthropic-ratelimit-tokens-{}",
    ):
        assert wait(spent(value, limit)) is None
    for name in ("retrydelay", "estimated_time", "retry_after", "resets_at", "x-ratelimit-reset"):
        assert wait({}, "", {name: value}) is None
    assert wait({}, f"please try again in {value}") is None


@pytest.mark.parametrize("value", [None, 20, 20.0, ["20"], {"seconds": 20}, b"20"])
def test_what_is_no_text_is_nothing(value: Any) -> None:
    assert horizon({"retry-after": value, "date": value, **spent(value)}, "", {"retrydelay": value}) is None


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "banana"}])
def test_without_a_date_of_its_own_the_wall_clock_is_asked(date: dict[str, str]) -> None:
    headers = {"retry-after": "Wed, 05 Nov 2025 12:00:20 GMT"} | date
    assert horizon(headers, wall=lambda: NOW + 5.0) == Horizon(15.0, None, "retry-after")


def test_of_several_retry_afters_the_largest_counts_because_azure_sends_a_second_beside_no_milliseconds() -> None:
    assert wait({"retry-after": "1", "retry-after-ms": "0"}) == 1.0
    assert wait({"retry-after": "1", "retry-after-ms": "1500"}) == 1.5
    assert wait({"retry-after": "2", "x-ms-retry-after-ms": "1500"}) == 2.0
    assert wait({"retry-after": "banana", "retry-after-ms": "1500"}) == 1.5
    assert wait({"retry-after": "1", "retry-after-ms": "nan"}) == 1.0


def test_a_burst_that_is_over_is_not_kept_waiting_by_a_full_bucket_or_one_that_has_refilled() -> None:
    """Azure, as recorded."""
    headers = {
        "retry-after": "1",
        "retry-after-ms": "0",
        "x-ratelimit-remaining-requests": "45",
        "x-ratelimit-reset-requests": "5",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "0",
        "x-ratelimit-type": "Tokens",
    }
    assert horizon(headers) == Horizon(1.0, None, "retry-after")


def test_the_minutes_retry_after_beats_the_days_reset() -> None:
    """OpenAI, as recorded: three requests a minute are used up, 196 of the day's 200 are left."""
    headers = {
        "retry-after": "20",
        "retry-after-ms": "20000",
        "x-ratelimit-limit-requests": "200",
        "x-ratelimit-remaining-requests": "196",
        "x-ratelimit-reset-requests": "21m36.001s",
        "x-ratelimit-remaining-tokens": "39923",
        "x-ratelimit-reset-tokens": "115ms",
    }
    text = "rate limit reached on requests per min (rpm): limit 3, used 3, requested 1. please try again in 20s."
    assert horizon(headers, text) == Horizon(20.0, "minute", "retry-after")
    without = {name: value for name, value in headers.items() if not name.startswith("retry-after")}
    assert horizon(without, text) == Horizon(20.0, "minute", 'says "try again in 20s"')
    assert horizon(without) is None


def test_a_retry_after_beats_the_days_reset_even_where_the_day_is_used_up() -> None:
    headers = {"retry-after": "3", **spent("2h")}
    assert wait(headers) == 3.0
    assert wait(spent("2h")) == 3600.0


def test_a_retry_after_is_rounded_up_and_words_are_not_and_the_header_counts() -> None:
    """Groq, as recorded."""
    text = "on tokens per minute (tpm): limit 6000, used 5447, requested 783. please try again in 2.3s."
    assert horizon({"retry-after": "3"}, text) == Horizon(3.0, "minute", "retry-after")


def test_retry_info_is_cut_to_seconds_and_the_words_are_not_so_the_longer_counts() -> None:
    """Gemini, as recorded."""
    hints = {"retrydelay": "48s", "quotaid": "GenerateContentPaidTierInputTokensPerModelPerMinute"}
    found = horizon({}, "please retry in 48.939935699s.", hints)
    assert found == Horizon(48.939935699, "minute", 'says "retry in 48.939935699s"')


def test_a_retry_after_of_zero_gives_way_to_what_the_body_names_and_to_nothing_else() -> None:
    assert wait({"retry-after": "0"}, "please try again in 7m12s") == 432.0
    assert wait({"retry-after": "0"}, "", {"retrydelay": "34s"}) == 34.0
    assert wait({"retry-after": "0", **spent("30s")}) == 0.0


def test_a_reset_counts_only_where_its_own_remainder_is_zero() -> None:
    assert wait({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "30s"}) is None
    assert wait({"x-ratelimit-reset-requests": "30s"}) is None
    assert wait({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-requests": "30s"}) is None
    assert wait({"x-ratelimit-remaining-requests": " 0 ", "x-ratelimit-reset-requests": "30s"}) == 30.0
    assert wait({}, "", {"x-ratelimit-remaining": "4", "x-ratelimit-reset": "30"}) is None


def test_of_several_limits_that_are_used_up_the_last_to_refill_counts() -> None:
    headers = spent("12s") | spent("40s", "x-ratelimit-{}-tokens") | {"anthropic-ratelimit-tokens-remaining": "7"}
    assert horizon(headers) == Horizon(40.0, "minute", "x-ratelimit-reset-tokens")


@pytest.mark.parametrize(
    ("headers", "text", "hints", "expected"),
    [
        ({"x-ratelimit-type": "UserByModelByMinute"}, "", {}, "minute"),
        ({"x-ratelimit-type": "UserByModelByDay"}, "", {}, "day"),
        ({"x-ratelimit-type": "Tokens"}, "", {}, None),
        ({}, "for userbymodelbyday. please wait 73192 seconds", {}, "day"),
        ({}, "", {"quotaid": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}, "day"),
        ({}, "", {"quotaid": "GenerateContentPaidTierInputTokensPerModelPerMinute"}, "minute"),
        ({}, "", {"limit_source": "openrouter_free_tier_daily"}, "day"),
        ({}, "on requests per min (rpm): limit 3", {}, "minute"),
        ({}, "limit on rpm: 3", {}, "minute"),
        ({}, "limit (itpm) reached", {}, "minute"),
        ({}, "on tokens per day (tpd): limit 500000", {}, "day"),
        ({}, "limit reached (rpd)", {}, "day"),
        ({}, "too many tokens per day, please wait before trying again.", {}, "day"),
        ({}, "rate limit exceeded: free-models-per-min.", {}, "minute"),
        ({}, "rate limit exceeded: free-models-per-day. add 10 credits to unlock 1000 per month", {}, "day"),
        ({}, "limited to 40 api calls / minute", {}, "minute"),
        ({}, "limited to 1000 api calls / month", {}, "month"),
        ({}, "100 requests/hour", {}, "hour"),
        ({}, "you've reached your hourly usage limit", {}, "hour"),
        ({}, "you've reached your weekly usage limit", {}, "week"),
        ({}, "you have exceeded your monthly included credits", {}, "month"),
        ({}, "requests per second limit exceeded", {}, "minute"),
        ({}, "rate limit exceeded", {}, None),
        ({}, "it has been a long day this month", {}, None),
        ({}, "per dayton", {}, None),
        ({}, "up to 3 months/days", {}, None),
        ({}, "the paper minutes", {}, None),
    ],
)
def test_the_bucket(headers: dict[str, str], text: str, hints: dict[str, str], expected: Period | None) -> None:
    assert bucket(headers, text, hints) == expected
    found = horizon({"retry-after": "5", **headers}, text, hints)
    assert found == Horizon(5.0, expected, "retry-after")


@pytest.mark.parametrize(
    ("limit", "value", "expected"),
    [
        ("x-ratelimit-{}-requests", "7m12s", "day"),
        ("x-ratelimit-{}-requests", "20s", None),
        ("x-ratelimit-{}-tokens", "20s", "minute"),
        ("x-ratelimit-{}-tokens-minute", "20", "minute"),
        ("x-ratelimit-{}-requests-day", "20", "day"),
        ("x-ratelimit-{}-tokens-per-day", "1762344020", "day"),
        ("x-ratelimit-{}", "1762344020000", None),
        ("anthropic-ratelimit-requests-{}", "2025-11-05T12:00:30Z", "minute"),
    ],
)
def test_the_bucket_by_the_name_of_its_reset(limit: str, value: str, expected: str | None) -> None:
    found = horizon({"date": DATE, **spent(value, limit)})
    assert found
    assert found.period == expected


def test_a_response_with_headers_in_any_case() -> None:
    assert classify_response(429, {"RETRY-After": "4"}, "").retry_after == 4.0
    assert classify_response(503, {"Retry-After": "99999"}, "").retry_after == MAX_RETRY_AFTER
    assert classify_response(429, {}, "").retry_after is None


@given(seconds=st.integers(-10_000, 10_000))
def test_the_same_moment_is_the_same_wait_in_every_notation(seconds: int) -> None:
    at = NOW + seconds
    moment = datetime.fromtimestamp(at, UTC)
    written = (f"{at:.0f}", f"{at * 1000:.0f}", moment.isoformat(), f"{moment:%a, %d %b %Y %H:%M:%S} GMT")
    expected = min(float(seconds), MAX_RETRY_AFTER) if seconds >= 0 else None
    assert {wait({"retry-after": value}) for value in written} == {expected}


VALUES = st.text(max_size=80) | st.text(alphabet="0123456789.hms:-+TZ ,", max_size=80) | st.floats().map(str)
NAMES = st.sampled_from(
    [
        "date",
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-type",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "anthropic-ratelimit-tokens-reset",
        "anthropic-ratelimit-tokens-remaining",
        "retrydelay",
        "resets_at",
        "quotaid",
    ]
)
SAID = st.lists(
    st.sampled_from(
        ["try again in ", "wait ", "regain access on ", "2025-11-05", " at 12:00", "5", "m", "s", " per day"]
    )
    | st.text(max_size=9)
).map("".join)
MANY = st.dictionaries(NAMES, VALUES | st.just("0"))


@given(headers=MANY, hints=MANY, text=SAID, now=st.floats(-1e18, 1e18))
def test_whatever_is_said_it_is_nothing_or_from_none_to_an_hour(
    headers: dict[str, str], hints: dict[str, str], text: str, now: float
) -> None:
    found = horizon(headers, text, hints, wall=lambda: now)
    assert found is None or (0.0 <= found.seconds <= MAX_RETRY_AFTER and found.why)


UNIFIED = "anthropic-ratelimit-unified-reset"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({UNIFIED: "1762344600"}, 600.0),
        ({UNIFIED: "1762344600", "anthropic-ratelimit-unified-status": "rejected"}, 600.0),
        ({UNIFIED: "1762344600", "anthropic-ratelimit-unified-status": "allowed"}, None),
        ({UNIFIED: "1762343999"}, None),
        ({UNIFIED: "1762344600", "retry-after": "20"}, 20.0),
        ({"retry-after": "1000000000"}, None),
        ({"retry-after": "999999999"}, MAX_RETRY_AFTER),
    ],
)
def test_limits_of_a_subscription_and_a_billion(headers: dict[str, str], expected: float | None) -> None:
    assert wait(headers) == expected


@pytest.mark.parametrize(
    ("quota", "delay", "expected"),
    [
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "34s", None),
        ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "34s", 34.0),
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "3000s", 3000.0),
    ],
)
def test_a_short_wait_for_a_quota_of_the_day_is_not_believed(quota: str, delay: str, expected: float | None) -> None:
    details = [{"violations": [{"quotaId": quota}]}, {"retryDelay": delay}]
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded.", "details": details}}
    found = classify_response(429, {}, body, provider="gemini")
    assert found.retry_after == expected
    assert found.error_class == ("rate_limit" if "Minute" in quota else "quota_exhausted")
