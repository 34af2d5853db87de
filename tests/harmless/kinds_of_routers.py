"""LiteLLM's Router, as it comes and with failover installed, over the emulator in real time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from .dice import Dice, fails, numbered, outage
from .dice import kind as _kind
from .kinds_on_the_wire import actors
from .script import Actor, Ask, Disturbance

DEAD = ("server_error", "overloaded", "reset", "rate_limit")
WAYS = ("ainvoke", "ainvoke", "astream")
LAYOUTS = ("plain", "groups", "order")


kind = partial(_kind, host="litellm")


def _script(dice: Dice, targets: list[Actor], asks: list[Ask], **facts: Any) -> dict[str, Any]:
    ways = [dice.one(WAYS)] * 3 + ["astream"]
    asks = [replace(ask, way=dice.one(ways) if ask.way not in ("invoke", "stream") else ask.way) for ask in asks]
    facts.setdefault("layout", dice.one(LAYOUTS))
    return {"actors": tuple(targets), "asks": tuple(asks), "runtime": "asyncio", **facts}


@kind("1: all but one are out of order")
def routed_one_healthy(dice: Dice) -> dict[str, Any]:
    *dead, well = actors(dice, dice.whole(2, 4))
    dead = [fails(one, outage(dice, 0, 60, dice.one((*DEAD, "invalid_api_key", "permission_denied")))) for one in dead]
    targets = [*dead, well]
    dice.random.shuffle(targets)
    return _script(dice, targets, dice.asks(0, 3, 0.2))


@kind("1 and 7: targets fail in turn", first=2, often=2)
def routed_in_turn(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    first = fails(first, outage(dice, 0.5, 4, dice.one(DEAD)))
    second = fails(second, outage(dice, 4.3, 6.3, dice.one(DEAD)))
    return _script(dice, [first, second], dice.asks(0, 6.3, 0.2))


@kind("1: who once refused is asked when nobody else is left")
def routed_set_aside(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    first = fails(first, outage(dice, 0, 1.5, dice.one(("invalid_api_key", "permission_denied", "model_not_found"))))
    second = fails(second, outage(dice, 3, 6, dice.one(DEAD[:3])))
    return _script(dice, [first, second], dice.asks(0, 6, 0.25))


@kind("1: all are dead for a moment", first=1)
def routed_all_dead(dice: Dice) -> dict[str, Any]:
    end = dice.uniform(1, 3)
    targets = [fails(one, outage(dice, 0, end, dice.one(DEAD[:3]))) for one in actors(dice, dice.whole(2, 3))]
    return _script(dice, targets, dice.asks(0, end + 4, 0.3))


@kind("2: many at once at the start of an outage")
def routed_burst(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    first = fails(first, outage(dice, 0, 30, dice.one(DEAD)))
    asks = numbered(dice.burst(0.2, dice.whole(60, 90), way="ainvoke"), dice.asks(2, 4, 0.2))
    return _script(dice, [first, second], list(asks))


@kind("2 and 5: one target refuses what another takes")
def routed_refusals(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    second = replace(second, provider="anthropic" if first.provider == "openai" else "openai")
    first = replace(first, refuses={"odd": dice.one(("strict", "unexplained", "unsupported", "context_length"))})
    asks = [replace(ask, features=frozenset({"odd"})) for ask in dice.asks(0, 3, 0.15)]
    return _script(dice, [first, second], asks)


@kind("9: limits shorter than any answer")
def routed_short_limits(dice: Dice) -> dict[str, Any]:
    targets = actors(dice, 2, latency=dice.uniform(0.3, 0.5))
    asks = [replace(ask, timeout=0.1 if dice.happens(0.5) else None) for ask in dice.asks(0, 3, 0.15)]
    return _script(dice, targets, asks)


@kind("9: wrong arguments")
def routed_wrong_arguments(dice: Dice) -> dict[str, Any]:
    targets = actors(dice, 2)
    asks = [replace(ask, features=frozenset({"wrong"})) if dice.happens(0.5) else ask for ask in dice.asks(0, 3, 0.15)]
    return _script(dice, targets, asks)


@kind("6: empty answers", first=1)
def routed_empty(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    first = fails(first, outage(dice, 0.5, 2.5, "empty"))
    second = fails(second, outage(dice, 0.5, 2.5, "empty")) if dice.happens(0.5) else second
    return _script(dice, [first, second], dice.asks(0, 3, 0.2))


@kind("8: the loop stalls for 2 s")
def routed_stall(dice: Dice) -> dict[str, Any]:
    targets = actors(dice, 2, latency=dice.uniform(0.2, 0.6))
    groups = [dice.burst(at, dice.whole(10, 40), way="ainvoke") for at in (0.0, 2.0, 4.5)]
    stall = Disturbance(at=2.1, what=dice.one(("stall", "callback", "freeze")), seconds=2.0)
    return _script(dice, targets, list(numbered(*groups)), disturbances=(stall,), thrifty=True)


@kind("in threads, sync")
def routed_in_threads(dice: Dice) -> dict[str, Any]:
    first, second = actors(dice, 2)
    first = fails(first, outage(dice, 0.5, 2.5, dice.one(DEAD)))
    asks = [replace(ask, way=dice.one(("invoke", "stream"))) for ask in dice.asks(0, 3, 0.2)]
    return {**_script(dice, [first, second], asks), "runtime": "threads"}


@kind("control: all is well")
def routed_healthy(dice: Dice) -> dict[str, Any]:
    asks = numbered(dice.burst(0, dice.whole(10, 60), way="ainvoke"), dice.asks(0, 3, 0.2))
    return _script(dice, actors(dice, dice.whole(2, 4)), list(asks), thrifty=True)
