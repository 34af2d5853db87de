"""Callers make mistakes, ask for what not every target has, set limits and leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .dice import DEAD, Dice, fails, kind, outage
from .script import Actor, Ask


def _of_another_provider(dice: Dice, first: Actor, others: list[Actor]) -> list[Actor]:
    """What the first refuses they may take, being of another provider or at least other models."""
    provider = "anthropic" if first.provider != "anthropic" else "openai"
    if dice.happens(0.3):
        return [replace(other, model=f"another-model-{other.name}") for other in others]
    return [replace(other, provider=provider) for other in others]


def _featured(dice: Dice, asks: list[Ask], feature: str, share: float) -> tuple[Ask, ...]:
    return tuple(replace(ask, features=frozenset({feature})) if dice.happens(share) else ask for ask in asks)


@kind("9: wrong arguments, refused by the client before anything is sent", often=3)
def wrong_arguments(dice: Dice) -> dict[str, Any]:
    bug = dice.one(("type_error", "value_error", "key_error"))
    actors = dice.actors(dice.whole(2, 3))
    buggy = actors if dice.happens(0.6) else actors[: len(actors) - 1]
    actors = [replace(actor, refuses={"foo": bug}) if actor in buggy else actor for actor in actors]
    asks = dice.asks(0, 20, dice.uniform(0.1, 1))
    return {"actors": tuple(actors), "asks": _featured(dice, asks, "foo", dice.uniform(0.1, 1)), "thrifty": True}


@kind("9: limits shorter than any answer", often=3)
def short_limits(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3), latency=dice.uniform(0.2, 0.6))
    asks = dice.asks(0, 30, dice.uniform(0.2, 1), way=dice.one(("ainvoke", "astream", "invoke")))
    share = dice.one((0.2, 0.5, 0.9))
    asks = [replace(ask, timeout=0.1) if dice.happens(share) else ask for ask in asks]
    return {"actors": tuple(actors), "asks": tuple(asks)}


@kind("9: callers who leave", often=2)
def cancellations(dice: Dice) -> dict[str, Any]:
    actors = dice.actors(dice.whole(2, 3), latency=dice.uniform(0.2, 3))
    asks = dice.asks(0, 40, dice.uniform(0.1, 1))
    asks = [replace(ask, leaves=dice.uniform(0.0, 3)) if dice.happens(0.6) else ask for ask in asks]
    return {"actors": tuple(actors), "asks": tuple(asks)}


@kind("2: one target refuses images or tools, many ask for them", often=3)
def mixed_capabilities(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    others = _of_another_provider(dice, first, others)
    first = replace(first, refuses={"images": "unsupported"})
    asks = dice.burst(0, dice.one((60, 150, 600))) if dice.happens(0.6) else dice.asks(0, 30, 0.1)
    return {"actors": (first, *others), "asks": _featured(dice, asks, "images", dice.uniform(0.5, 1))}


@kind("5: a 400 of a provider's own strictness, or one that nobody explains", often=4)
def strictness(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(2)
    others = _of_another_provider(dice, first, others)
    first = replace(first, refuses={"odd": dice.one(("strict", "strict", "unexplained"))})
    asks = dice.asks(0, 20, dice.uniform(0.1, 1))
    return {"actors": (first, *others), "asks": _featured(dice, asks, "odd", dice.uniform(0.3, 1))}


@kind("5: the same, behind a target that fails otherwise", often=3)
def strict_second(dice: Dice) -> dict[str, Any]:
    first, second, third = dice.actors(3)
    (third,) = _of_another_provider(dice, second, [third])
    second = replace(second, refuses={"odd": dice.one(("strict", "unexplained"))})
    first = fails(first, outage(dice, 0, 60, dice.one(DEAD)))
    asks = dice.asks(0, 20, dice.uniform(0.2, 1))
    return {"actors": (first, second, third), "asks": _featured(dice, asks, "odd", dice.uniform(0.3, 1))}


@kind("5: prompts that are too long or too large for one target", often=3)
def too_long(dice: Dice) -> dict[str, Any]:
    first, *others = dice.actors(dice.whole(2, 3))
    others = _of_another_provider(dice, first, others)
    first = replace(first, refuses={"long": dice.one(("context_length", "payload_too_large"))})
    asks = dice.burst(0, 200) if dice.happens(0.4) else dice.asks(0, 20, dice.uniform(0.1, 1))
    return {"actors": (first, *others), "asks": _featured(dice, asks, "long", dice.uniform(0.3, 1))}


@kind("content policy is never routed around, and blames nobody", often=1)
def content_policy(dice: Dice) -> dict[str, Any]:
    actors = [replace(actor, refuses={"unsafe": "content_policy"}) for actor in dice.actors(2)]
    asks = dice.asks(0, 20, dice.uniform(0.1, 1))
    return {"actors": tuple(actors), "asks": _featured(dice, asks, "unsafe", 0.4)}
