"""What headers say is left of a rate limit becomes seconds between 0 and an hour: 0 unless something is used up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_plugin.classify.allowance import used_up_for
from failover_plugin.classify.horizon import MAX_RETRY_AFTER

NOW = 1_762_344_000.0
"""2025-11-05T12:00:00Z."""

PAIRS = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),  # OpenRouter
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),  # Cerebras
]


def wait(reset: str, left: str = "0", pair: tuple[str, str] = PAIRS[0]) -> float:
    return used_up_for({pair[0]: left, pair[1]: reset}, wall=lambda: NOW)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_each_limit_that_providers_name_is_known_by_its_own_pair_of_headers(pair: tuple[str, str]) -> None:
    assert wait("30s", pair=pair) == 30.0
    assert wait("30s", "1", pair=pair) == 0.0


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("0h59m59.5s", 3599.5),
        ("17ms", 0.017),
        ("8.64s", 8.64),
        ("1m0.5s", 60.5),
        ("0s", 0.0),
        (" 20s ", 20.0),
    ],
)
def test_a_go_duration(reset: str, seconds: float) -> None:
    assert wait(reset) == pytest.approx(seconds)


@pytest.mark.parametrize(("reset", "seconds"), [("30", 30.0), ("0.25", 0.25), ("0", 0.0), (" 7 ", 7.0)])
def test_plain_seconds(reset: str, seconds: float) -> None:
    assert wait(reset) == seconds


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2025-11-05T12:00:30Z", 30.0),
        ("2025-11-05T12:00:30.500Z", 30.5),
        ("2025-11-05T12:00:30.123456789Z", 30.123456),
        ("2025-11-05T13:00:30+01:00", 30.0),
        ("2025-11-05T12:00:00Z", 0.0),
        ("2025-11-05T11:59:59Z", 0.0),
        ("1970-01-01T00:00:00Z", 0.0),
    ],
)
def test_a_moment_is_the_time_until_it_and_no_time_once_it_has_passed(reset: str, seconds: float) -> None:
    assert wait(reset) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_moment_that_names_no_time_zone_is_in_utc_wherever_this_machine_stands(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        here.setenv("TZ", zone)
        time.tzset()
        assert wait("2025-11-05T12:00:30") == 30.0
    time.tzset()


@pytest.mark.parametrize(
    "reset",
    ["7200s", "3601", "100h", "9" * 15, "9" * 9 + "h", "2025-11-06T12:00:00Z", "9999-12-31T23:59:59Z"],
)
def test_nothing_keeps_a_target_away_for_longer_than_an_hour(reset: str) -> None:
    assert wait(reset) == MAX_RETRY_AFTER == 3600.0


@pytest.mark.parametrize(
    "reset",
    [
        "",
        " ",
        "soon",
        "-5",
        "-5s",
        "1 s",
        "5d",
        "s",
        "1m30",
        "1,5",
        "1e9",
        "inf",
        "nan",
        "0x10",
        "٣s",
        "2025-13-01T00:00Z",
        "9" * 400,
        "9" * 60 + "h",
    ],
)
def test_a_time_that_nobody_can_read_is_none(reset: str) -> None:
    assert wait(reset) == 0.0


@pytest.mark.parametrize("left", ["0", "0.0", " 0 "])
def test_a_limit_of_which_nothing_is_left_is_used_up(left: str) -> None:
    assert wait("30s", left) == 30.0


@pytest.mark.parametrize("left", ["1", "4999", "0.5", "", "-", "none", "unlimited"])
def test_a_limit_of_which_something_is_left_or_nobody_says_is_not(left: str) -> None:
    assert wait("30s", left) == 0.0


def test_a_time_to_refill_alone_says_nothing_and_neither_does_a_remainder_alone() -> None:
    assert used_up_for({"x-ratelimit-reset-requests": "30s"}) == 0.0
    assert used_up_for({"x-ratelimit-remaining-requests": "0"}) == 0.0
    assert used_up_for({}) == 0.0


def test_a_remainder_is_not_matched_with_another_limits_time() -> None:
    assert used_up_for({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-tokens": "30s"}) == 0.0


def test_of_several_limits_that_are_used_up_the_last_to_refill_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "12s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "40s",
        "anthropic-ratelimit-tokens-remaining": "7",
        "anthropic-ratelimit-tokens-reset": "2025-11-05T12:30:00Z",
    }
    assert used_up_for(headers, wall=lambda: NOW) == 40.0


def test_a_moment_counts_from_when_the_response_was_sent_whatever_the_clock_here_says() -> None:
    headers = {
        "Date": "Wed, 05 Nov 2025 12:00:00 GMT",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2025-11-05T12:00:30Z",
    }
    assert used_up_for(headers, wall=lambda: NOW + 86_400.0) == 30.0


def test_names_may_be_written_in_any_case() -> None:
    assert used_up_for({"X-RateLimit-Remaining-Requests": "0", "X-RATELIMIT-RESET-REQUESTS": "9s"}) == 9.0


@given(seconds=st.integers(-7200, 7200), offset=st.integers(-14 * 60, 14 * 60))
def test_every_moment_counts_from_now_in_whatever_zone_it_is_written(seconds: int, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    moment = datetime.fromtimestamp(NOW + seconds, UTC).astimezone(zone)
    assert wait(moment.isoformat()) == pytest.approx(min(max(0, seconds), 3600), abs=1e-5)


@given(hours=st.integers(0, 2), minutes=st.integers(0, 90), seconds=st.integers(0, 90), milli=st.integers(0, 2000))
def test_every_go_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milli: int) -> None:
    total = 3600 * hours + 60 * minutes + seconds + milli / 1000
    assert wait(f"{hours}h{minutes}m{seconds}s{milli}ms") == pytest.approx(min(total, 3600.0))


NAMES = st.sampled_from([name for pair in PAIRS for name in pair]) | st.text(max_size=8)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat()) | st.datetimes(timezones=st.timezones()).map(
    lambda moment: moment.isoformat()
)
VALUES = st.sampled_from(["0", "0.0"]) | MOMENTS | st.text(alphabet="0123456789.hms:-+TZ ") | st.text()


@given(headers=st.dictionaries(NAMES, VALUES), now=st.floats(-1e18, 1e18))
def test_whatever_headers_hold_it_is_a_time_from_none_to_an_hour(headers: dict[str, str], now: float) -> None:
    assert 0.0 <= used_up_for(headers, wall=lambda: now) <= MAX_RETRY_AFTER


@given(value=st.none() | st.integers() | st.floats() | st.binary())
def test_values_that_are_no_strings_do_no_harm(value: object) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": value}
    assert 0.0 <= used_up_for(headers) <= MAX_RETRY_AFTER  # type: ignore[arg-type]


@given(moment=st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31"]))
def test_the_ends_of_the_calendar_are_no_exception(moment: str) -> None:
    assert wait(moment) in {0.0, MAX_RETRY_AFTER}
