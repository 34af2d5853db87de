"""The trouble is our own process's: it stalls, runs out of something, or has lost its network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .dice import Dice, fails, kind, numbered, outage
from .script import Disturbance

SCARCE = ("pool_timeout", "too_many_files", "no_memory", "no_thread", "loop_closed", "other_loop")


@kind("10: this process is out of connections, files, memory or threads", often=4)
def own_process(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3))
    struck = actors if dice.happens(0.5) else actors[:1]
    does = dice.one(SCARCE)
    actors = [
        fails(actor, outage(dice, 2, dice.uniform(3, 12), does)) if actor in struck else actor for actor in actors
    ]
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, 30, dice.uniform(0.1, 1))), "thrifty": True}


@kind("10: the machine is offline for seconds", often=2)
def offline(dice: Dice) -> dict[str, Any]:
    end = 2 + dice.uniform(1, 10)
    actors = [fails(actor, outage(dice, 2, end, "offline")) for actor in dice.actors(dice.whole(2, 4))]
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, end + 20, dice.uniform(0.1, 1)))}


@kind("8: time jumps while calls are in flight, as in a stalled loop, a frozen container, a laptop that slept", often=4)
def late_timers(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3), latency=dice.uniform(0.3, 2))
    asks = numbered(
        *(dice.burst(at, dice.whole(5, 60), way=dice.one(("ainvoke", "astream"))) for at in range(0, 40, 8)),
        dice.asks(0, 40, 0.5),
    )
    jumps = [
        Disturbance(at=at + dice.uniform(0.05, 0.3), what="stall", seconds=dice.uniform(2, 30)) for at in (8, 16, 24)
    ]
    return {"actors": tuple(actors), "asks": asks, "disturbances": tuple(jumps), "thrifty": True, "at_home": True}


@kind("control: all is well", often=2)
def healthy(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 4))
    asks = numbered(dice.burst(0, dice.whole(10, 500)), dice.asks(0, 30, 0.3))
    return {"actors": tuple(actors), "asks": asks, "thrifty": True, "at_home": True}


@kind("11: the model's own rate limiter makes healthy calls wait", often=3)
def rate_limiter(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    first = replace(first, limiter=dice.uniform(2, 8))
    asks = dice.burst(0, dice.whole(10, 40), way=dice.one(("ainvoke", "astream")))
    return {"actors": (first, *others), "asks": numbered(asks, dice.asks(1, 10, 0.5)), "at_home": True}
