"""The seconds per chunk of one stream: the server's, not its listener's."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import pytest

from failover_plugin.cadence import CHUNKS, FEWEST, Cadence


def idle() -> float:
    """A process that computes nothing."""
    return 0.0


def listened(
    chunks: int,
    *,
    every: float = 0.02,
    for_itself: float = 0.0,
    first_wait: float = 0.7,
    computing: Callable[[], float] = idle,
) -> tuple[Cadence, list[float | None]]:
    """A stream whose listener takes so long for each chunk; it comes ``every`` so many seconds if that is longer."""
    cadence, now, told = Cadence(computing), 0.0, list[float | None]()
    cadence.asked(now)
    now += first_wait
    told.append(cadence.came(now))
    for _ in range(chunks):
        now += for_itself
        cadence.asked(now)
        now += max(0.0, every - for_itself)
        told.append(cadence.came(now))
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
    assert cadence.ended() is None


def test_a_listener_that_is_slow_hides_it() -> None:
    assert listened(CHUNKS, for_itself=0.0025)[1][-1] is None
    assert listened(CHUNKS, for_itself=3.0)[1][-1] is None
    assert listened(FEWEST, for_itself=3.0)[0].ended() is None


def test_a_listener_that_takes_a_moment_does_not() -> None:
    assert listened(CHUNKS, for_itself=0.0015)[1][-1] == pytest.approx(0.02)


@pytest.mark.parametrize(("share", "told"), [(0.0, True), (0.7, True), (0.9, False), (1.6, False)])
def test_a_process_that_computes_all_the_time_hides_it(share: float, told: bool) -> None:  # noqa: FBT001 - a table
    """Its other tasks keep the listener waiting, and the chunks; it was taken for the server's fault."""
    seconds = map((share * CHUNKS * 0.02).__mul__, count())
    assert (listened(CHUNKS, computing=lambda: next(seconds))[1][-1] is not None) is told


def test_what_the_process_computes_is_read_from_the_processor() -> None:
    cadence = Cadence()
    began = time.process_time()
    cadence.came(0.0)
    while time.process_time() - began < 0.03:
        pass
    told = [cadence.came(0.001 * number) for number in range(1, CHUNKS + 1)]
    assert told[-1] is None
