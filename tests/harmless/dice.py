"""What kinds are drawn with, and where they are filed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from .script import Actor, Ask, Phase, Script

T = TypeVar("T")

_PROVIDERS = ("openai", "anthropic", "mistral", "openai", "anthropic")
ASYNC = ("ainvoke", "astream")
DEAD = ("server_error", "overloaded", "reset", "refused", "rate_limit")
"""Ways to be out of order that end at once."""


class Dice:
    """Chance, decided by host, kind and seed."""

    def __init__(self, host: str, kind: str, seed: int) -> None:
        self.random = Random(f"{host} {kind} {seed}")
        self.one, self.uniform, self.whole = self.random.choice, self.random.uniform, self.random.randint

    def happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def some(self, choices: Sequence[T], least: int = 1) -> list[T]:
        return self.random.sample(choices, self.whole(least, len(choices)))

    def actors(self, count: int, **facts: Any) -> list[Actor]:
        """Healthy targets, of the same provider or of several, each with a key of its own."""
        same = self.one(_PROVIDERS) if self.happens(0.3) else None
        return [
            Actor(
                **{"name": name, "provider": same or self.one(_PROVIDERS), "latency": self.uniform(0.05, 0.6), **facts}
            )
            for name in "abcd"[:count]
        ]

    def asks(self, start: float, end: float, every: float, **facts: Any) -> list[Ask]:
        """Requests from ``start`` to ``end``, one ``every`` so many seconds on average, in the same way."""
        facts.setdefault("way", self.one(ASYNC))
        asks, at = list[Ask](), start + self.uniform(0.0, every)
        while at < end:
            asks.append(Ask(number=len(asks), at=at, **facts))
            at += self.uniform(0.5, 1.5) * every
        return asks

    def burst(self, at: float, count: int, **facts: Any) -> list[Ask]:
        """So many requests at once: one ``abatch``, or each by itself."""
        facts.setdefault("way", self.one(("abatch", *ASYNC)))
        batch = 0 if facts["way"] == "abatch" else None
        return [Ask(number=n, at=at, batch=batch, **facts) for n in range(count)]


def numbered(*groups: Sequence[Ask]) -> tuple[Ask, ...]:
    """Several groups of requests as one; each group's batch is its own."""
    asks = list[Ask]()
    for group in groups:
        batch = len(asks)
        asks += [
            replace(ask, number=batch + place, batch=None if ask.batch is None else batch)
            for place, ask in enumerate(group)
        ]
    return tuple(asks)


def outage(dice: Dice, start: float, end: float, does: str | None = None, **facts: Any) -> Phase:
    """A target is out of order for this time, in one way throughout."""
    return Phase(start=start, end=end, does=does or dice.one(DEAD), **facts)


def fails(actor: Actor, *phases: Phase) -> Actor:
    """The target with these phases."""
    return replace(actor, phases=(*actor.phases, *phases))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of script. ``about`` is the finding of the issue that it is about, CI plays the ``seeds``."""

    host: str
    name: str
    about: str
    seeds: range
    draw: Callable[[Dice], dict[str, Any]]

    def script(self, seed: int) -> Script:
        """The script of this seed."""
        facts = self.draw(Dice(self.host, self.name, seed))
        return Script(host=self.host, kind=self.name, seed=seed, **facts)


KINDS: dict[str, dict[str, Kind]] = {"langchain": {}, "litellm": {}}

Draw = Callable[[Dice], dict[str, Any]]


def kind(about: str, *, often: int = 1, first: int = 0, host: str = "langchain") -> Callable[[Draw], Draw]:
    """File a function that draws the fields of a ``Script`` as a kind of its name.

    CI plays it so ``often``, from the ``first`` seed on.
    """

    def file(draw: Draw) -> Draw:
        KINDS[host][draw.__name__] = Kind(host, draw.__name__, about, range(first, first + often), draw)
        return draw

    return file
