"""Who is asked within a tier. A strategy is a function from the targets that can be asked to the one that is.

Strategies see only targets whose health allows a call, so none of them has to think about failures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from failover_plugin.standing import Standing

Strategy = Callable[[Sequence[Standing], Random, float], Standing]
"""(targets that can be asked, in the order they were given; randomness; now in seconds) -> the one to ask."""


def sequential(standings: Sequence[Standing], rng: Random, now: float) -> Standing:  # noqa: ARG001 - a Strategy
    """The first that can."""
    return standings[0]


def p2c(standings: Sequence[Standing], rng: Random, now: float) -> Standing:
    """The cheaper of two drawn at random.

    Almost as even as asking the cheapest of all, without the herd that sends everybody to the same target at once
    (M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001).
    """
    if len(standings) == 1:
        return standings[0]
    a, b = rng.sample(range(len(standings)), 2)
    first, second = standings[min(a, b)], standings[max(a, b)]
    return first if cost(first, now) <= cost(second, now) else second


def cost(standing: Standing, now: float) -> float:
    """Calls under way per weight, and three more for even odds of failing."""
    rate = standing.counts.tally.failure_rate(now)
    return (standing.counts.in_flight + 1) / standing.target.weight + 3 * rate / (1 - rate)


STRATEGIES: Mapping[str, Strategy] = {"p2c": p2c, "sequential": sequential}
"""By the name a policy gives."""
