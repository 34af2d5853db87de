"""Providers fail: outages, refusals, hangs, streams that die."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .dice import DEAD, Dice, fails, kind, outage
from .script import OF_THE_KEY, Phase

CLEAR = sorted(OF_THE_KEY)


@kind("1: who once refused is asked when nobody else is left", often=3)
def set_aside(dice: Dice) -> dict[str, Any]:
    """The primary refuses for a while (key, permission, model, credit), is well again, and then the others fail."""
    first, *others = dice.actors(dice.whole(2, 3))
    well = dice.uniform(2, 6)
    refusal = dice.one((*CLEAR, "named", "rate_limit"))
    first = fails(first, Phase(start=0, end=well, does=refusal))
    others = [fails(other, outage(dice, well + 4, well + 20)) for other in others]
    return {"actors": (first, *others), "asks": tuple(dice.asks(0, well + 20, dice.uniform(0.4, 2)))}


@kind("1: all are dead for seconds, then well", often=3)
def all_dead(dice: Dice) -> dict[str, Any]:
    end = dice.uniform(2, 25)
    actors = [fails(actor, outage(dice, 0, end)) for actor in dice.actors(dice.whole(2, 4))]
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, end + 25, dice.uniform(0.2, 1)))}


@kind("1 and 13: targets fail in turn, and all but one are out of order at any time", often=3)
def in_turn(dice: Dice) -> dict[str, Any]:
    actors, at = dice.actors(dice.whole(2, 4)), 0.0
    for _ in range(6):
        well, until = dice.whole(0, len(actors) - 1), at + dice.uniform(2, 15)
        actors = [
            actor if number == well else fails(actor, outage(dice, at, until)) for number, actor in enumerate(actors)
        ]
        at = until + dice.uniform(0.5, 3)
    asks = dice.asks(0, at, dice.uniform(0.3, 2))
    return {"actors": tuple(actors), "asks": tuple(asks), "layout": dice.one(("plain", "plain", "chains"))}


@kind("15: one failover within another", often=2)
def nested(dice: Dice) -> dict[str, Any]:
    first, second, third = dice.actors(3)
    first, second = fails(first, outage(dice, 1, 20)), fails(second, outage(dice, 4, dice.uniform(8, 25)))
    third = fails(third, outage(dice, 26, 30))
    asks = dice.asks(0, 35, dice.uniform(0.3, 1.5), way="ainvoke")
    return {"actors": (first, second, third), "asks": tuple(asks), "layout": "nested"}


@kind("3: all but one fail, in any way", often=3)
def one_healthy(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(3, 4))
    ways = (*DEAD, *CLEAR, "named", "hang")
    dead = [fails(actor, outage(dice, 0, 1000, dice.one(ways))) for actor in actors[:-1]]
    return {"actors": (*dead, actors[-1]), "asks": tuple(dice.asks(0, 15, dice.uniform(0.3, 2)))}


@kind("1a: a Retry-After is kept, and somebody else serves meanwhile", often=2)
def retry_after(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    rests = [outage(dice, at, at + dice.uniform(1, 8), "named") for at in range(0, 40, 12)]
    others = [fails(other, outage(dice, 9 + 12 * n, 12 + 12 * n)) for n, other in enumerate(others)]
    return {"actors": (fails(first, *rests), *others), "asks": tuple(dice.asks(0, 45, dice.uniform(0.3, 1.5)))}


@kind("13: a dead minute, and the return", often=1)
def dead_minute(dice: Dice) -> dict[str, Any]:
    first, second = dice.actors(2)
    begins = dice.uniform(0, 10)
    first = fails(first, outage(dice, begins, begins + 60))
    return {"actors": (first, second), "asks": tuple(dice.asks(0, 110, 4))}


@kind("noise: some calls of one target fail, scattered", often=2)
def flaky(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    share, spans = dice.uniform(0.05, 0.5), range(120)
    noise = [outage(dice, at / 2, at / 2 + 0.5, "server_error") for at in spans if dice.happens(share)]
    return {"actors": (fails(first, *noise), *others), "asks": tuple(dice.asks(0, 60, dice.uniform(0.2, 1)))}


@kind("14: a primary that hangs", often=2)
def hang(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3), timeout=dice.one((30.0, 60.0, None)))
    first = fails(first, outage(dice, 5, dice.uniform(30, 200), "hang"))
    asks = dice.asks(0, 250, dice.uniform(2, 6), way=dice.one(("ainvoke", "astream", "invoke", "stream")))
    return {"actors": (first, *others), "asks": tuple(asks)}


@kind("14: first tokens that come late, of one target", often=2)
def slow_first_token(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    first = fails(first, outage(dice, dice.uniform(0, 10), 60, "slow", seconds=dice.uniform(3, 25)))
    return {"actors": (first, *others), "asks": tuple(dice.asks(0, 90, dice.uniform(0.5, 2)))}


@kind("8 and 14: models that think for long, all well", often=2)
def thinking(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3), latency=dice.uniform(4, 18))
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, 120, dice.uniform(0.5, 3)))}


@kind("streams that are cut before the end", often=2)
def cut_streams(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3))
    first = fails(actors[0], outage(dice, 2, 20, "cut"))
    return {"actors": (first, *actors[1:]), "asks": tuple(dice.asks(0, 40, dice.uniform(0.3, 1)))}


@kind("6: empty answers, of one target or of all", often=3)
def empty(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3))
    silent = len(actors) if dice.happens(0.5) else 1
    actors = [fails(a, outage(dice, 1, 15, "empty")) if n < silent else a for n, a in enumerate(actors)]
    return {"actors": tuple(actors), "asks": tuple(dice.asks(0, 25, dice.uniform(0.2, 1)))}


@kind("12: two regions of one account, one of them down", often=2)
def regions(dice: Dice) -> dict[str, Any]:
    east, west = dice.actors(2, provider="bedrock", key="shared")
    east, west = replace(east, region="us-east-1"), replace(west, region="eu-west-1")
    does = dice.one(("server_error", "overloaded", "refused", "reset", "hang", "rate_limit"))
    east = fails(east, outage(dice, 1, 25, does))
    west = fails(west, outage(dice, 30, 45, dice.one(DEAD[:3]))) if dice.happens(0.5) else west
    return {"actors": (east, west), "asks": tuple(dice.asks(0, 50, dice.uniform(0.3, 1.5)))}
