"""A router's steps are carried out in their time, and nobody delivers what was not answered."""

from __future__ import annotations

from collections.abc import Generator
from math import inf

import pytest
from simulation.staged import asking, scenario

from failover_plugin.simulation.history import History
from failover_plugin.simulation.protocol import Call, Factory, Reply, SimRequest, Step, Wait, WorldView
from failover_plugin.simulation.run import play, routed


def routing(*steps: Step | None, returns: bool = True) -> Factory:
    """A router that takes these steps whatever comes of them; None is a call to the first target."""

    class Stubborn:
        def __init__(self, first: Call) -> None:
            self._first = first

        def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:
            for step in steps:
                yield step or self._first
            return returns

    return lambda targets, now, rng, world: Stubborn(Call(targets[0], 60.0))


def run(make: Factory, **fields: object) -> History:
    return play(scenario(**{"load": {"T": 10.0}, **fields}), routed(make), 1)


def test_a_wait_passes() -> None:
    history = run(routing(Wait(1.5), None))
    assert all(t.started - s.arrived == pytest.approx(1.5) for s, t in _pairs(history))


def test_a_router_that_makes_up_an_answer_is_found_out() -> None:
    with pytest.raises(RuntimeError, match="no call of its was answered in full"):
        run(routing())
    with pytest.raises(RuntimeError, match="no call of its was answered in full"):
        run(routing(None), faults=[{"kind": "error"}])


def test_a_router_may_give_up() -> None:
    history = run(routing(Wait(2.0), returns=False))
    assert {s.ok for s in history.served} == {False}
    assert all(s.ended - s.arrived == pytest.approx(2.0) for s in history.served)


def test_at_the_deadline_it_is_stopped_in_whatever_it_does() -> None:
    waiting = run(routing(Wait(1e6)))
    assert all(s.ended == s.deadline and not s.ok for s in waiting.served)
    calling = run(asking("p1", timeout=inf), faults=[{"kind": "hang"}], load={"T": 10.0, "deadline": 20.0})
    assert {(t.error, t.left) for t in calling.tried} == {("deadline", True)}
    assert all(s.ended == s.deadline for s in calling.served)


def test_a_caller_who_leaves_takes_his_call_along() -> None:
    history = run(asking("p1"), load={"T": 10.0, "leaving": {"p": 1.0, "within": 0.1}})
    assert {(s.ok, s.left) for s in history.served} == {(False, True)}
    assert {(t.ok, t.left, t.error) for t in history.tried} == {(False, True, None)}


def test_the_oracles_view_is_the_truth() -> None:
    seen: list[tuple[float, ...]] = []

    class Looking:
        def __init__(self, world: WorldView, target: object) -> None:
            self.world, self.target = world, target

        def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:
            world, target = self.world, self.target
            seen.append(
                (
                    request.arrived,
                    world.is_sick(target),
                    world.capacity(target),
                    world.admits(target, request),
                    world.admits_in(target, request),
                    world.can_serve(target, request),
                    world.in_flight(target),
                    world.slowdown(target),
                )
            )
            yield Call(target, 5.0)
            return False

    faults = [{"kind": "error", "t0": 10, "t1": 20}, {"kind": "cap", "x": 0.5, "t0": 20, "t1": 30}]
    what = scenario(faults=faults, cap=60, rpm=150, load={"T": 80.0, "rate": 10})
    play(what, routed(lambda targets, now, rng, world: Looking(world, targets[0])), 1)
    assert {10 <= at < 20 for at, sick, *_ in seen if sick} == {True}
    assert {capacity for at, _, capacity, *_ in seen if 20 <= at < 30} == {30.0}
    assert {capacity for at, _, capacity, *_ in seen if not 20 <= at < 30} == {60.0}
    assert all((admits and wait == 0) or (not admits and 0 < wait <= 60) for _, _, _, admits, wait, *_ in seen)
    assert {row[3] for row in seen} == {True, False}
    assert {row[5] for row in seen} == {True}
    assert max(row[6] for row in seen) > 20
    assert max(row[7] for row in seen) > 1.0


def _pairs(history: History) -> list[tuple[object, object]]:
    served = sorted(history.served)
    return list(zip(served, sorted(history.tried, key=lambda t: t.started), strict=True))
