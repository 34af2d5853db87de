"""Played in real time with real clients: where the loop, the thread or the socket is what matters. Seconds are few."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .dice import Dice, fails, kind, numbered, outage
from .script import Actor, Ask, Disturbance

DEAD = ("server_error", "overloaded", "reset", "rate_limit")


def actors(dice: Dice, count: int, **facts: Any) -> list[Actor]:
    """Targets of the two providers whose classes are called here."""
    facts.setdefault("latency", dice.uniform(0.02, 0.2))
    return [replace(actor, provider=dice.one(("openai", "anthropic"))) for actor in dice.actors(count, **facts)]


def short_world(dice: Dice, ways: tuple[str, ...]) -> dict[str, Any]:
    """Four seconds: the primary dies and comes back, or all are dead for a moment, or one hangs."""
    first, *others = actors(dice, dice.whole(2, 3), timeout=2.0)
    begins = dice.uniform(0.5, 1.0)
    match dice.one(("dead", "dead", "all", "hang", "refuses")):
        case "dead":
            first = fails(first, outage(dice, begins, begins + 2, dice.one(DEAD)))
        case "all":
            first, *others = (
                fails(one, outage(dice, begins, begins + 1, dice.one(DEAD[:3]))) for one in (first, *others)
            )
        case "hang":
            first = fails(first, outage(dice, begins, begins + 0.5, "hang"))
        case _:
            first = fails(first, outage(dice, begins, begins + 0.7, dice.one(("invalid_api_key", "permission_denied"))))
            others = [fails(other, outage(dice, begins + 2, 9, dice.one(DEAD[:3]))) for other in others]
    asks = [replace(ask, way=dice.one(ways)) for ask in dice.asks(0, 3, 0.15)]
    return {"actors": (first, *others), "asks": tuple(asks)}


@kind("8: another task, a slow callback, the collector or the system stops the process for 2 s", first=1)
def stalled_loop(dice: Dice) -> dict[str, Any]:
    what = dice.one(("stall", "callback", "collect", "freeze"))
    targets = actors(dice, dice.whole(2, 3), latency=dice.uniform(0.2, 0.8))
    ways = ("ainvoke", "astream")
    groups = [dice.burst(at, dice.whole(20, 120), way=dice.one(ways)) for at in (0.0, 2.5, 5.0)]
    return {
        "actors": tuple(targets),
        "asks": numbered(*groups),
        "runtime": dice.one(("asyncio", "asyncio", "uvloop")),
        "disturbances": (Disturbance(at=2.6, what=what, seconds=2.0),),
        "thrifty": True,
        "at_home": True,
    }


@kind("8: the thread pool is full, and models that know no async wait for a thread", often=1)
def starved_pool(dice: Dice) -> dict[str, Any]:
    asks = numbered(dice.asks(0, 1, 0.05, way="ainvoke"), dice.burst(1.2, dice.whole(5, 20), way="ainvoke"))
    return {
        "actors": tuple(actors(dice, 2)),
        "asks": asks,
        "runtime": "asyncio",
        "layout": "sync_only",
        "disturbances": (Disturbance(at=1.0, what="starve", seconds=dice.uniform(2, 5)),),
        "thrifty": True,
        "at_home": True,
    }


@kind("10: one asyncio.run for each request, over clients that are kept")
def run_per_request(dice: Dice) -> dict[str, Any]:
    targets = actors(dice, dice.whole(2, 3))
    if dice.happens(0.3):
        targets[0] = fails(targets[0], outage(dice, 1, 2.5, dice.one(DEAD)))
    asks = [replace(ask, way=dice.one(("ainvoke", "astream"))) for ask in dice.asks(0, 3, 0.15)]
    return {"actors": tuple(targets), "asks": tuple(asks), "runtime": "run_each"}


@kind("streams on the wire: cut, silent, late, in error, empty")
def streams_on_the_wire(dice: Dice) -> dict[str, Any]:
    first, *others = actors(dice, dice.whole(2, 3), timeout=2.0)
    does = dice.one(("cut", "hang", "slow", "empty", "server_error", "overloaded", "reset"))
    first = fails(first, outage(dice, 0.5, 2.5, does, seconds=dice.uniform(0.5, 1.5)))
    asks = [replace(ask, way="astream") for ask in dice.asks(0, 3, 0.15)]
    return {"actors": (first, *others), "asks": tuple(asks), "runtime": "asyncio"}


@kind("on uvloop", often=1)
def on_uvloop(dice: Dice) -> dict[str, Any]:
    return {**short_world(dice, ("ainvoke", "astream")), "runtime": "uvloop"}


@kind("in a notebook: sync calls from within a running loop", first=1)
def in_a_notebook(dice: Dice) -> dict[str, Any]:
    return {**short_world(dice, ("invoke", "stream", "ainvoke", "astream")), "runtime": "notebook"}


@kind("in threads", often=1)
def in_threads(dice: Dice) -> dict[str, Any]:
    return {**short_world(dice, ("invoke", "stream")), "runtime": "threads"}


@kind("under gevent", often=1)
def under_gevent(dice: Dice) -> dict[str, Any]:
    return {**short_world(dice, ("invoke", "stream")), "runtime": "gevent"}


@kind("9: in threads, with limits given to each call", often=1)
def short_limits_in_threads(dice: Dice) -> dict[str, Any]:
    targets = actors(dice, 2, latency=dice.uniform(0.2, 0.4))
    asks: list[Ask] = dice.asks(0, 3, 0.1)
    asks = [replace(ask, way="invoke", timeout=0.1 if dice.happens(0.5) else None) for ask in asks]
    return {"actors": tuple(targets), "asks": tuple(asks), "runtime": "threads"}
