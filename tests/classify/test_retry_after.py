"""Retry-After becomes seconds between 0 and an hour, or nothing."""

from __future__ import annotations

from typing import NoReturn

import pytest

from failover_plugin.classify import MAX_RETRY_AFTER, classify_response
from failover_plugin.classify.retry_after import retry_after

DATE = "Wed, 05 Nov 2025 12:00:00 GMT"
EPOCH = 1762344000.0

SECONDS = {
    "0": 0.0,
    "1": 1.0,
    "20": 20.0,
    " 7 ": 7.0,
    "+5": 5.0,
    "0.66": 0.66,
    "1.5": 1.5,
    "3600": 3600.0,
    "3601": 3600.0,
    "73192": 3600.0,
    "31536000": 3600.0,
    "4294967295": 3600.0,
    "9" * 400: 3600.0,
    "-1": 0.0,
    "-0.5": 0.0,
    "-" + "9" * 400: 0.0,
    "": None,
    " ": None,
    "banana": None,
    "20s": None,
    "1,2": None,
    "1 2": None,
    "1_000": None,
    "1e3": None,
    "0x10": None,
    "nan": None,
    "NaN": None,
    "inf": None,
    "-inf": None,
    "Infinity": None,
    ".5": None,
    "5.": None,
    "\u0665": None,
}


@pytest.mark.parametrize(("value", "expected"), SECONDS.items())
def test_seconds(value: str, expected: float | None) -> None:
    assert retry_after({"retry-after": value}) == expected


@pytest.mark.parametrize("name", ["retry-after-ms", "x-ms-retry-after-ms"])
@pytest.mark.parametrize(
    ("value", "expected"), [("660", 0.66), ("20000", 20.0), ("0", 0.0), ("-1", 0.0), ("9e9", None), ("banana", None)]
)
def test_milliseconds(name: str, value: str, expected: float | None) -> None:
    assert retry_after({name: value}) == (None if expected is None else pytest.approx(expected))


DATES = {
    "Wed, 05 Nov 2025 12:00:20 GMT": 20.0,
    "Wed, 05 Nov 2025 12:00:20 -0000": 20.0,
    "Wed, 05 Nov 2025 13:00:20 +0100": 20.0,
    "Wednesday, 05-Nov-25 12:00:20 GMT": 20.0,
    "Wed Nov  5 12:00:20 2025": 20.0,
    "Wed, 05 Nov 2025 12:00:00 GMT": 0.0,
    "Wed, 05 Nov 2025 11:59:59 GMT": 0.0,
    "Thu, 01 Jan 1970 00:00:00 GMT": 0.0,
    "Thu, 05 Nov 2026 12:00:00 GMT": 3600.0,
    "Fri, 31 Dec 9999 23:59:59 GMT": 3600.0,
    "Wed, 99 Nov 2025 12:00:20 GMT": None,
    "Wed, 05 Nov 99999 12:00:20 GMT": None,
    "tomorrow": None,
    "2025-11-05T12:00:20Z": None,
}


def nobody_asks() -> NoReturn:
    raise AssertionError("the wall clock was asked although the response has a Date")


@pytest.mark.parametrize(("value", "expected"), DATES.items())
def test_dates_are_measured_against_the_responses_own(value: str, expected: float | None) -> None:
    assert retry_after({"retry-after": value, "date": DATE}, wall=nobody_asks) == expected


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "banana"}])
def test_without_a_date_of_its_own_the_wall_clock_is_asked(date: dict[str, str]) -> None:
    headers = {"retry-after": "Wed, 05 Nov 2025 12:00:20 GMT"} | date
    assert retry_after(headers, wall=lambda: EPOCH + 5.0) == 15.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "1", "retry-after-ms": "0"}, 1.0),  # Azure sends this
        ({"retry-after": "1", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "2", "x-ms-retry-after-ms": "1500"}, 2.0),
        ({"retry-after": "banana", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "1", "retry-after-ms": "nan"}, 1.0),
        ({"retry-after": "-5", "retry-after-ms": "-5"}, 0.0),
    ],
)
def test_of_several_values_the_largest_wins(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers) == expected


def test_a_response_with_headers_in_any_case() -> None:
    assert classify_response(429, {"RETRY-After": "4"}, "").retry_after == 4.0
    assert classify_response(503, {"Retry-After": "99999"}, "").retry_after == MAX_RETRY_AFTER
    assert classify_response(429, {}, "").retry_after is None
