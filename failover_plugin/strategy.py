"""Who is asked within a tier. A strategy is a function from the targets that can be asked to the one that is.

Strategies see only targets whose health allows a call, so none of them has to think about failures. A strategy of your
own is a function with the same four arguments, given as ``Policy(strategy=…)``: it gets the candidates (a collection of
``Standing``, at least one), the ``Request``, a ``random.Random`` and the time, and returns one of the candidates. It is
called under the fleet's lock: be quick, and call nothing that waits. Where it returns anything else, or raises, the
first in order is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import inf, log
from random import Random

from failover_plugin.model import Request
from failover_plugin.roster import Candidates
from failover_plugin.standing import Standing

Strategy = Callable[[Candidates, Request, Random, float], Standing]
"""(candidates, request, randomness, now in seconds) -> the one to ask."""

__all__ = ["STRATEGIES", "Candidates", "Standing", "Strategy", "expense"]

_log = logging.getLogger(__name__)

UNVISITED = 30.0
"""Seconds in which a target that is not asked drifts back into play."""
UNKNOWN = 0.5
"""Seconds to first content assumed of a target without a sample."""
CROWDED = 1.25
"""Times the average number of calls that a target of an affinity may have (bounded load: V. Mirrokni et al., 2018)."""


def p2c(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001 - a Strategy
    """The cheaper of two drawn at random, by their weights.

    Almost as even as asking the cheapest of all, without the herd that sends everybody to the same target at once
    (M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001). A target without a sample is taken
    to be no slower than the other one: how fast it is will not be known before it is asked.
    """
    one, other = candidates.pair(rng)
    if one is other:
        return one
    mine, theirs = _seconds(one, now), _seconds(other, now)
    if mine is None:
        mine = UNKNOWN if theirs is None else min(UNKNOWN, theirs)
    if theirs is None:
        theirs = min(UNKNOWN, mine)
    return one if _expense(one, mine, now) <= _expense(other, theirs, now) else other


def sequential(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """The first that can."""
    return candidates.first()


def sticky(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """The same as last time, as long as it can; then the next in order."""
    return candidates.after(max(candidates.tier.cursor, 0) - 1)


def round_robin(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """The next in order after the one asked last."""
    return candidates.after(candidates.tier.cursor)


def random(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """Any."""
    return candidates.draw(rng)


def weighted(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """Any, as often as its weight says."""
    pool = list(candidates)
    return rng.choices(pool, [s.weight for s in pool])[0]


def least_busy(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """The one with the fewest calls under way for its weight; among equals the one asked least."""
    return min(candidates, key=lambda s: ((s.counts.in_flight + 1) / s.weight, s.counts.attempts))


def cost(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:  # noqa: ARG001
    """The one whose ``Target.cost`` is lowest; unknown is dearest; among equals as ``least_busy``."""
    return min(candidates, key=lambda s: (_price(s), (s.counts.in_flight + 1) / s.weight, s.counts.attempts))


def rendezvous(session: str | None, standing: Standing) -> float:
    """How much a session belongs to a target: the highest of all is its home."""
    digest = blake2b(f"{session}\0{standing.id}".encode(), digest_size=8).digest()
    unit = (int.from_bytes(digest) + 1) / (2**64 + 1)
    return standing.weight / -log(unit)


def affinity(
    candidates: Candidates,
    request: Request,
    rng: Random,
    now: float,
    rank: Callable[[str | None, Standing], float] = rendezvous,
) -> Standing:
    """Requests of one ``Request.affinity`` at one target, and so at its prompt cache; others as ``p2c``.

    Rendezvous hashing (D. Thaler, C. Ravishankar, 1998): when a target goes, only its own sessions move, each to the
    next in its own order. A target with more than 1.25 times the average of calls under way takes no newcomers.
    """
    if request.affinity is None:
        return p2c(candidates, request, rng, now)
    pool = list(candidates)
    most = CROWDED * (sum(s.counts.in_flight for s in pool) + 1) / len(pool)
    roomy = [s for s in pool if s.counts.in_flight + 1 <= max(1.0, most)]
    return max(roomy or pool, key=lambda s: rank(request.affinity, s))


def expense(standing: Standing, now: float) -> float:
    """What a call costs in seconds: latency times those before it, and three for even odds of failing."""
    seconds = _seconds(standing, now)
    return _expense(standing, UNKNOWN if seconds is None else seconds, now)


def _seconds(standing: Standing, now: float) -> float | None:
    """The time to first content to expect, None without a sample."""
    latency = standing.latency
    return None if latency is None else max(latency.recent_peak(now, UNVISITED), 0.5 * latency.usual)


def _expense(standing: Standing, seconds: float, now: float) -> float:
    counts = standing.counts
    cost = seconds * (counts.in_flight / standing.weight + 1)
    if counts.failures and (rate := counts.failure_rate(now)):
        cost += 3 * rate / (1 - rate)
    return cost


def _price(standing: Standing) -> float:
    price = standing.target.cost
    return inf if price is None else price


STRATEGIES: Mapping[str, Strategy] = {
    "p2c": p2c,
    "sequential": sequential,
    "sticky": sticky,
    "round_robin": round_robin,
    "random": random,
    "weighted": weighted,
    "least_busy": least_busy,
    "cost": cost,
    "affinity": affinity,
}
"""By the name a policy gives."""


def strategy_of(given: str | Strategy) -> Strategy:
    """The strategy of this name; one of the user's own is guarded."""
    if isinstance(given, str):
        return STRATEGIES[given]
    return given if given in STRATEGIES.values() else _Guarded(given)


class _Guarded:
    """A user's strategy, which may be wrong: then the first in order is asked, and the log says so, once."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._told = False

    def __call__(self, candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:
        try:
            chosen = self._strategy(candidates, request, rng, now)
        except Exception as error:  # noqa: BLE001 - no request may be lost for it
            return self._instead(candidates, f"raised a {type(error).__name__}")
        if type(chosen) is not Standing:
            return self._instead(candidates, f"returned a {type(chosen).__name__}")
        if chosen.tier is not candidates.tier or not candidates.mask >> chosen.index & 1:
            return self._instead(candidates, f"returned {chosen.id!r}, which is not among the candidates")
        return chosen

    def _instead(self, candidates: Candidates, what: str) -> Standing:
        if not self._told:
            self._told = True
            name = getattr(self._strategy, "__qualname__", type(self._strategy).__name__)
            _log.warning("strategy %s %s: return one of the candidates. Until then the first is asked.", name, what)
        return candidates.first()
