"""A stage moved by hand: the time, what each target answers, and what a router did about it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import chain, repeat
from math import inf
from random import Random
from typing import Any

from failover_plugin import Target
from failover_plugin.simulation.failures import error_class
from failover_plugin.simulation.protocol import Call, Factory, Outcome, Reply, Router, SimRequest, Step

REQUEST = SimRequest(number=0, arrived=0.0, prompt=800, output=200, deadline=inf, worker=0)


def target(name: str, tier: int = 0, **facts: Any) -> Target:
    """A target of the catalogue's kind."""
    return Target(name, provider="openai", model="m", tier=tier, **facts)


STD = (target("p1"), target("p2"), target("q1"), target("f1", 1))
SOLO = (target("p1"), target("f1", 1))


def fine(latency: float = 1.0) -> Outcome:
    """A whole answer."""
    return Outcome(ok=True, first=True, ttft=latency / 5, latency=latency)


def failed(kind: str = "error", *, retry_after: float | None = None, latency: float = 0.2) -> Outcome:
    """No content came."""
    return Outcome(ok=False, error=kind, error_class=error_class(kind), retry_after=retry_after, latency=latency)


def broke(kind: str = "mid", latency: float = 0.8) -> Outcome:
    """Content came, and then no more of it."""
    return Outcome(ok=False, error=kind, error_class=error_class(kind), first=True, ttft=latency / 2, latency=latency)


@dataclass
class Told:
    """One request's story."""

    asked: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    delivered: bool = False


class Stage:
    """What each target answers: one outcome for good, or several in turn, the last of which stays. Others are fine."""

    def __init__(self, **says: Outcome | Iterable[Outcome]) -> None:
        self.now = 0.0
        self._says = {name: _in_turn(said) for name, said in says.items()}

    def router(self, make: Factory, targets: Iterable[Target] = STD, *, world: Any = None, seed: int = 1) -> Router:
        """An opponent, on this stage."""
        return make(tuple(targets), lambda: self.now, Random(seed), world)

    def let(self, **says: Outcome | Iterable[Outcome]) -> None:
        """From now on these answer so."""
        self._says.update({name: _in_turn(said) for name, said in says.items()})

    def answer(self, name: str) -> Outcome:
        """What this target says next."""
        return next(self._says.get(name, repeat(fine())))

    def ask(self, router: Router, at: float | None = None) -> Told:
        """One request from its beginning to its end, nobody else being there."""
        self.now = self.now if at is None else at
        told = Told()
        steps = router.handle(REQUEST)
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as returned:
                told.delivered = bool(returned.value)
                return told
            reply = self._carry_out(step, told)

    def _carry_out(self, step: Step, told: Told) -> Reply:
        if not isinstance(step, Call):
            told.waited.append(step.seconds)
            self.now += step.seconds
            return None
        told.asked.append(step.target.id)
        outcome = self.answer(step.target.id)
        told.outcomes.append(outcome)
        self.now += outcome.latency
        return outcome


class Pending:
    """A request whose call is under way until somebody says how it went."""

    def __init__(self, router: Router) -> None:
        self._steps: Generator[Step, Reply, bool] = router.handle(REQUEST)
        self.asked = _target(next(self._steps))

    def ends(self, outcome: Outcome) -> bool | str:
        """Whether it was delivered, or whom it asks now."""
        try:
            self.asked = _target(self._steps.send(outcome))
        except StopIteration as returned:
            return bool(returned.value)
        return self.asked


def asked(stage: Stage, router: Router, requests: int, *, every: float = 0.0) -> list[list[str]]:
    """Whom each of so many requests asked."""
    begin = stage.now
    return [stage.ask(router, at=max(stage.now, begin + number * every)).asked for number in range(requests)]


def _target(step: Step) -> str:
    return step.target.id if isinstance(step, Call) else "nobody yet"


def _in_turn(said: Outcome | Iterable[Outcome]) -> Any:
    if isinstance(said, Outcome):
        return repeat(said)
    outcomes = list(said)
    return chain(outcomes, repeat(outcomes[-1]))
