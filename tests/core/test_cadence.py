"""The seconds per chunk of one stream: the server's, not its listener's."""

from __future__ import annotations

import pytest

from failover_plugin.cadence import CHUNKS, FEWEST, Cadence


def listened(
    chunks: int, *, every: float = 0.02, for_itself: float = 0.0, first_wait: float = 0.7
) -> tuple[Cadence, list[float | None]]:
    """A stream whose listener takes so long for each chunk; it comes ``every`` so many seconds if that is longer."""
    cadence, now, told = Cadence(), 0.0, list[float | None]()
    cadence.asked(now)
    now += first_wait
    told.append(cadence.came(now, content=True))
    for _ in range(chunks):
        now += for_itself
        cadence.asked(now)
        now += max(0.0, every - for_itself)
        told.append(cadence.came(now, content=True))
    return cadence, told


def test_it_is_told_once_after_sixteen_chunks_and_not_later() -> None:
    cadence, told = listened(40)
    assert [i for i, seconds in enumerate(told) if seconds is not None] == [CHUNKS]
    assert told[CHUNKS] == pytest.approx(0.02)
    assert cadence.over
    assert cadence.ended() is None


def test_the_wait_for_the_first_content_is_none_of_it() -> None:
    assert listened(CHUNKS, first_wait=30.0)[1][-1] == pytest.approx(0.02)


def test_a_short_stream_tells_it_at_its_end() -> None:
    cadence, told = listened(FEWEST, every=0.5)
    assert told == [None] * (FEWEST + 1)
    assert cadence.ended() == pytest.approx(0.5)


@pytest.mark.parametrize("chunks", range(FEWEST))
def test_a_few_chunks_tell_nothing(chunks: int) -> None:
    assert listened(chunks)[0].ended() is None


def test_an_empty_stream_tells_nothing() -> None:
    cadence = Cadence()
    cadence.asked(1.0)
    assert cadence.came(2.0, content=False) is None
    assert cadence.ended() is None


def test_a_listener_that_is_slow_hides_it() -> None:
    assert listened(CHUNKS, for_itself=0.0025)[1][-1] is None
    assert listened(CHUNKS, for_itself=3.0)[1][-1] is None
    assert listened(FEWEST, for_itself=3.0)[0].ended() is None


def test_a_listener_that_takes_a_moment_does_not() -> None:
    assert listened(CHUNKS, for_itself=0.0015)[1][-1] == pytest.approx(0.02)


def test_chunks_without_content_are_not_counted_but_their_time_is_the_servers() -> None:
    cadence, now = Cadence(), 0.0
    cadence.came(now, content=True)
    told = None
    for number in range(2 * CHUNKS):
        cadence.asked(now)
        now += 0.01
        told = cadence.came(now, content=number % 2 == 1)
    assert told == pytest.approx(0.02)
