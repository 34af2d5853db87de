"""Who may be asked although nobody would ask it: a request that has no better target left is not refused for that.

A target that is out is tried all the same when the request would else be lost, the likeliest first: a probe of it is
under way; it is open, or rests for a time that it did not name; its model or permission is missing; its key is blocked.
Nothing that a provider asked for, or a user set, is run over: ``waits`` says until when a target is left alone.

Under the lock of a ``FleetHealth``; told the time, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from math import inf

from failover_plugin.breaker import Breaker, State
from failover_plugin.model import Scope
from failover_plugin.policy import Policy
from failover_plugin.standing import Standing, refused_lately

STANDS = 1.0
"""Seconds for which the word that a key, an account, a permission or a model is no good stands for every request."""
PLACE = 0.5
"""Seconds after which to ask again for a place at a target that has enough calls, should nobody be woken before."""
LATELY = 30.0
"""Seconds for which a 429 is remembered so."""


class Rank(IntEnum):
    """How likely one that is out is to answer, the likeliest first."""

    PROBED = 0
    RESTING = 1
    MISSING = 2
    BLOCKED = 3


def best_aside(
    standings: Iterable[Standing], policy: Policy, tokens: float, now: float
) -> tuple[Standing | None, float]:
    """Whom of these to ask with a request of so many tokens; None, and the least time to wait in seconds, if all are
    left alone.
    """
    best: Standing | None = None
    place, least = (inf, inf, inf, inf), inf
    for standing in standings:
        if wait := waits(standing, policy, tokens, now):
            least = min(least, wait)
            continue
        own = rank(standing, now), standing.counts.in_flight > 0, due_back(standing, now), standing.index
        if own < place:
            best, place = standing, own
    return best, least


def rank(standing: Standing, now: float) -> Rank:
    """By the worst of what keeps it out."""
    ranks = [_rank(scope, breaker, now) for scope, breaker in standing.breakers if breaker.until is not None]
    return max(ranks, default=Rank.RESTING)


def _rank(scope: Scope, breaker: Breaker, now: float) -> Rank:
    if breaker.blocked_by_answer:
        return Rank.MISSING if scope in (Scope.TARGET, Scope.RATE) else Rank.BLOCKED
    return Rank.PROBED if breaker.state(now) is State.HALF_OPEN else Rank.RESTING


def due_back(standing: Standing, now: float) -> float:
    """When it would be asked again as a matter of course."""
    ends = [breaker.until for _, breaker in standing.breakers if breaker.until is not None]
    return max(ends, default=now) if standing.rates is None else max(standing.rates.free_at(now), *ends, now)


def waits(standing: Standing, policy: Policy, tokens: float, now: float) -> float:
    """Seconds for which it is left alone even by a request that has nobody else; infinite if it is disabled."""
    if standing.disabled:
        return inf
    until = now
    for _, breaker in standing.breakers:
        if breaker.until is None:
            continue
        if breaker.by_hand and now < breaker.until:
            until = max(until, breaker.until)
        if breaker.blocked_by_answer:
            until = max(until, breaker.refused + STANDS)
    if (rates := standing.rates) is not None:
        until = max(until, rates.cooldown.alone_until(now), rates.metered(now, tokens))
    if until > now:
        return until - now
    return PLACE if _has_enough(standing, policy, now) else 0.0


def _has_enough(standing: Standing, policy: Policy, now: float) -> bool:
    """Whether it has as many calls as its user, or its own word, allows: one that has lately had too many gets one at a
    time from those who have nobody else.
    """
    in_flight, most = standing.counts.in_flight, standing.target.max_parallel
    if most is not None and in_flight >= most:
        return True
    said = refused_lately(standing, policy, now)
    if standing.rates is not None:
        said = said or 0 <= now - standing.rates.cooldown.said < LATELY
    return said and in_flight > 0
