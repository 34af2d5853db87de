"""What the core costs, side by side with what it could be replaced by.

Run it as `uv run --group bench python tests/benchmarks/core.py`.

Every line is the best of many short rounds, and the rounds of all lines take turns, so that a machine that is busy or
changes its clock treats all alike: read the ratios. Times are of the processor, in microseconds for one call. `--json`
prints the same as data; `--check` exits with status 1 where a figure misses its goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import thread_time

from failover_plugin import Failover, Policy, Request, Target

FEW, MANY = 3, 10_000
ROUNDS = 15
NOTHING_SAID = Request()
EVERYBODY = -1


@dataclass
class Line:
    """One thing that is measured: ``work(n)`` does it n times."""

    name: str
    work: Callable[[int], None]
    calls: int
    goal: float | None = None
    best: float = field(default=float("inf"))

    def measure(self) -> None:
        """One round."""
        began = thread_time()
        self.work(self.calls)
        self.best = min(self.best, (thread_time() - began) / self.calls * 1e6)


def targets(count: int) -> list[Target]:
    """Equals, in one tier."""
    return [Target(f"t{i}", provider="p", model=f"m{i}") for i in range(count)]


def no_op(target: object) -> int:
    """What is called."""
    return 1


async def async_no_op(target: object) -> int:
    """What is awaited."""
    return 1


# -- the core ---------------------------------------------------------------------------------------------------------


def pick_and_record(strategy: str, count: int) -> Callable[[int], None]:
    """Choose a target, admit a call, book its success."""
    health = Failover(targets(count), Policy(strategy=strategy))._fleet.health
    selection, now = health.selection, 1000.0
    pick, succeeded = health.pick, health.succeeded
    moment = iter_time(now)

    def work(calls: int) -> None:
        for _ in range(calls):
            now = next(moment)
            lease = pick(NOTHING_SAID, EVERYBODY, selection, now, 150.0)
            succeeded(lease, now + 0.5)

    work(4 * count)  # everybody has been asked: what is made at a first call is made
    return work


def iter_time(now: float) -> Iterator[float]:
    """A clock that always goes on."""
    while True:
        now += 0.001
        yield now


def run(policy: Policy) -> Callable[[int], None]:
    """A healthy plain call."""
    failover = Failover(targets(FEW), policy)

    def work(calls: int) -> None:
        for _ in range(calls):
            failover.run(no_op)

    return work


def arun() -> Callable[[int], None]:
    """A healthy plain call, awaited."""
    failover = Failover(targets(FEW))

    async def many(calls: int) -> None:
        for _ in range(calls):
            await failover.arun(async_no_op)

    return lambda calls: asyncio.run(many(calls))


# -- what else there is -----------------------------------------------------------------------------------------------


def bare() -> Callable[[int], None]:
    """try/except."""

    def work(calls: int) -> None:
        for _ in range(calls):
            try:
                no_op(None)
            except Exception:
                raise

    return work


def bare_async() -> Callable[[int], None]:
    """await with a time limit."""

    async def many(calls: int) -> None:
        for _ in range(calls):
            async with asyncio.timeout(120):
                await async_no_op(None)

    return lambda calls: asyncio.run(many(calls))


def with_pybreaker() -> Callable[[int], None]:
    """One breaker, no choice."""
    import pybreaker

    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=60)

    def work(calls: int) -> None:
        for _ in range(calls):
            breaker.call(no_op, None)

    return work


def with_purgatory() -> Callable[[int], None]:
    """One breaker, no choice."""
    import purgatory

    breaker = purgatory.SyncCircuitBreakerFactory(default_threshold=3).get_breaker("a")

    def work(calls: int) -> None:
        for _ in range(calls):
            with breaker:
                no_op(None)

    return work


def with_tenacity() -> Callable[[int], None]:
    """Retries, no memory."""
    import tenacity

    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(3), reraise=True)

    def work(calls: int) -> None:
        for _ in range(calls):
            retrying(no_op, None)

    return work


def idle_bytes() -> float:
    """Memory for a target that has not been asked yet, beyond the ``Target`` itself."""
    fleet = targets(MANY)
    tracemalloc.start()
    failover = Failover(fleet)
    held = tracemalloc.get_traced_memory()[0] / MANY
    tracemalloc.stop()
    assert len(failover.targets) == MANY
    return held


def lines() -> list[Line]:
    """Everything that is measured."""
    picks = [
        Line(f"pick + record, {strategy}, {count:,} targets", pick_and_record(strategy, count), 2000, goal)
        for strategy in ("p2c", "sequential", "round_robin")
        for count, goal in ((FEW, 5.0), (MANY, None))
    ]
    return [
        *picks,
        Line("Failover.run of a no-op", run(Policy()), 2000, 8.0),
        Line('Failover.run, sync_deadlines="thread"', run(Policy(sync_deadlines="thread")), 200),
        Line("Failover.arun of a no-op", arun(), 1000, 25.0),
        Line("try/except", bare(), 2000),
        Line("asyncio.timeout around an await", bare_async(), 1000),
        Line("pybreaker", with_pybreaker(), 1000),
        Line("purgatory", with_purgatory(), 1000),
        Line("tenacity", with_tenacity(), 500),
    ]


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="data instead of a table")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    measured = lines()
    for _ in range(ROUNDS):
        for line in measured:
            line.measure()
    best = {line.name: line.best for line in measured}
    growth = {s: best[_pick(s, MANY)] / best[_pick(s, FEW)] for s in ("p2c", "sequential", "round_robin")}
    idle = idle_bytes()
    slow = [line for line in measured if line.goal and line.best > line.goal]
    missed = [f"{line.name}: {line.best:.1f} > {line.goal} us" for line in slow]
    missed += [f"growth to {MANY:,} targets, {name}: {g:.2f} > 1.5" for name, g in growth.items() if g > 1.5]
    missed += [f"idle target: {idle:.0f} > 2000 bytes"] if idle > 2000 else []
    if options.json:
        print(json.dumps({"us": best, "growth": growth, "idle_bytes": idle, "missed": missed}, indent=2))
    else:
        for line in measured:
            goal = f"  (goal {line.goal:g})" if line.goal else ""
            print(f"{line.name:45} {line.best:8.2f} us{goal}")
        for name, factor in growth.items():
            print(f"{name + f' at {MANY:,} over {FEW}':45} {factor:8.2f} x   (goal 1.5)")
        print(f"{'idle target':45} {idle:8.0f} bytes (goal 2000)")
        print("\n".join(["all goals met"] if not missed else ["missed:", *missed]))
    return 1 if missed and options.check else 0


def _pick(strategy: str, count: int) -> str:
    return f"pick + record, {strategy}, {count:,} targets"


if __name__ == "__main__":
    sys.exit(main())
