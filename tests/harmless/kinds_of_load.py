"""Many ask at once, and some targets have limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .dice import DEAD, Dice, fails, kind, numbered, outage


@kind("2: many at once at the start of an outage", often=3)
def burst(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    first = fails(first, outage(dice, 0, 30, dice.one((*DEAD, "invalid_api_key", "named"))))
    asks = numbered(dice.burst(0.5, dice.one((60, 200, 600, 1000))), dice.asks(1, 20, 0.5))
    return {"actors": (first, *others), "asks": asks}


@kind("1 and 2: many at once while all are dead, then again", often=2)
def burst_in_the_dark(dice: Dice) -> dict[str, Any]:
    end = dice.uniform(2, 6)
    actors = [fails(actor, outage(dice, 0, end, dice.one(("server_error", "reset")))) for actor in dice.actors(2)]
    asks = numbered(*(dice.burst(at, dice.whole(20, 100)) for at in (0.5, end + 1, end + 10)))
    return {"actors": tuple(actors), "asks": asks}


@kind("4 and 1b: a target that answers so many at once, and says so to the others", often=3)
def full(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    actors = [
        replace(one, capacity=dice.whole(3, 30), when_full=dice.one(("overloaded", "rate_limit")))
        for one in (first, *others)
    ]
    asks = numbered(*(dice.burst(at, dice.whole(10, 80), way="ainvoke") for at in range(0, 30, 6)))
    return {"actors": tuple(actors), "asks": asks, "by_share": True}


@kind("1a: a limit per second, and a Retry-After beyond it", often=2)
def rate_window(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(2)
    actors = [replace(one, per_second=dice.whole(3, 10)) for one in (first, *others)]
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, 30, dice.uniform(0.05, 0.4))), "by_share": True}


@kind("4: a guess at a limit refuses nobody", often=2)
def guessed_limit(dice: Dice) -> dict[str, Any]:
    """Answers get slower with load, and nobody has said that it is too much."""
    first, second = dice.actors(2, latency=dice.uniform(0.5, 2))
    first = fails(first, *(outage(dice, at, at + 3, "slow", seconds=dice.uniform(0.5, 2)) for at in (6, 14, 22)))
    second = fails(second, outage(dice, 18, 40, dice.one(("server_error", "reset"))))
    asks = numbered(*(dice.burst(at, dice.whole(20, 80)) for at in range(0, 36, 4)))
    return {"actors": (first, second), "asks": asks}
