"""Row 22: a primary that is dead for a minute, a request every four seconds, whatever the phase in which it dies."""

from __future__ import annotations

from random import Random
from statistics import median

from core.scripted import target

from failover_plugin import Failover
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock

EVERY, DEAD, PHASES = 4.0, 60.0, 20


def through(phase: int) -> tuple[int, float]:
    """How often the dead one is asked, and how long after its recovery it first answers."""
    clock, hits, back = FakeClock(), 0, list[float]()
    failover = Failover([target("a"), target("b", 1)], clock=clock, rng=Random(phase))
    start = clock.monotonic()
    dies = start + EVERY * (1 + phase / PHASES)

    def call(asked: Target) -> str:
        nonlocal hits
        since = clock.monotonic() - dies
        if asked.id == "a" and 0 <= since < DEAD:
            hits += 1
            raise ConnectionResetError("dead")
        if asked.id == "a" and since >= DEAD:
            back.append(since - DEAD)
        clock.advance(0.3)
        return "hi"

    for turn in range(24):
        clock.advance(max(0.0, start + EVERY * turn - clock.monotonic()))
        assert failover.run(call).value == "hi"
    return hits, back[0]


def test_row_22_it_is_hardly_asked_and_back_in_time_in_every_phase() -> None:
    hits, back = zip(*map(through, range(PHASES)), strict=True)
    assert median(hits) <= 8
    assert max(hits) <= 10
    assert max(back) <= 16
