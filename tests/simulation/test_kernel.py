"""Time jumps, and what is planned for the same moment happens in the order in which it was planned."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import pytest

from failover_plugin.simulation.kernel import Kernel


def test_events_happen_in_order_of_time_then_of_planning() -> None:
    kernel, seen = Kernel(), list[tuple[float, str]]()

    def note(what: Any) -> None:
        seen.append((kernel.now, what))

    for time, what in ((2.0, "b"), (1.0, "a"), (2.0, "c"), (inf, "never")):
        kernel.at(time, note, what)
    kernel.run()
    assert seen == [(1.0, "a"), (2.0, "b"), (2.0, "c")]


def test_what_is_planned_for_the_past_happens_now() -> None:
    kernel, seen = Kernel(), list[float]()
    kernel.at(5.0, lambda _: kernel.at(1.0, lambda _: seen.append(kernel.now)))
    kernel.run()
    assert seen == [5.0]


def test_it_stops_when_told() -> None:
    kernel, seen = Kernel(), list[float]()
    for time in (1.0, 2.0, 3.0):
        kernel.at(time, lambda _: seen.append(kernel.monotonic()))
    kernel.run(until=2.0)
    assert seen == [1.0, 2.0]
    kernel.run()
    assert seen == [1.0, 2.0, 3.0]


def test_nobody_sleeps_in_virtual_time() -> None:
    with pytest.raises(RuntimeError, match="plan"):
        Kernel().sleep(1.0)
    with pytest.raises(RuntimeError, match="plan"):
        asyncio.run(Kernel().asleep(1.0))
