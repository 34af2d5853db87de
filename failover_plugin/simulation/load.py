"""Who asks, when, and how much: drawn before the run, so that every policy is asked the same.

Arrivals are a Poisson process over the length of the load, with bursts in between, each at a worker drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from random import Random

from failover_plugin.simulation.parts import Load
from failover_plugin.simulation.protocol import SimRequest
from failover_plugin.simulation.sizes import Size


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and the moment its caller leaves without the answer, if they do."""

    request: SimRequest
    leaves: float = inf


def visits(load: Load, rng: Random) -> list[Visit]:
    """All of a run's, in order of arrival."""
    prompt, out = _size(load.prompt), _size(load.out)
    arrivals = sorted([*_arrivals(load, rng), *(burst.t for burst in load.bursts for _ in range(burst.count))])
    return [_visit(load, number, at, prompt, out, rng) for number, at in enumerate(arrivals)]


def most_output(load: Load) -> int | None:
    """The ``max_tokens`` of the callers; None if they name none."""
    cap = _size(load.out)
    return int(cap.cap) if cap.cap < inf else int(cap.median) if not cap.sigma else None


def _arrivals(load: Load, rng: Random) -> Iterator[float]:
    at = rng.expovariate(load.rate)
    while at < load.T:
        yield at
        at += rng.expovariate(load.rate)


def _visit(load: Load, number: int, at: float, prompt: Size, out: Size, rng: Random) -> Visit:
    share, long = load.long
    size = long if share and rng.random() < share else prompt.draw(rng)
    needs = frozenset(need for need, often in sorted(load.needs.items()) if rng.random() < often)
    worker = rng.randrange(load.workers) if load.workers > 1 else 0
    is_bug = bool(load.bugs) and rng.random() < load.bugs
    request = SimRequest(number, at, size, out.draw(rng), at + load.deadline, worker, needs, is_bug)
    return Visit(request, _leaves(load, at, rng))


def _leaves(load: Load, at: float, rng: Random) -> float:
    leaving = load.leaving
    if leaving is None or not leaving.t0 <= at < leaving.t1 or rng.random() >= leaving.p:
        return inf
    return at + rng.uniform(0.0, leaving.within)


def _size(text: str | float) -> Size:
    size = Size.parse(text)
    assert size is not None  # noqa: S101 - for the type checker: the load was checked
    return size
