"""Whether a server has more to do than it can: what it says, how it writes and how late it begins, and what follows.

Under the lock of the ``Commons``. Told the time, in monotonic seconds.
"""

from __future__ import annotations

from math import inf

from failover_plugin.commons import Commons
from failover_plugin.concurrency import EASE, ConcurrencyLimit
from failover_plugin.pace import Pace
from failover_plugin.standing import Standing, refused_lately

ALIVE = 2.0
"""Seconds since the last first content in which a server that says it is overloaded is only that."""
STEADY = 8
"""Calls at once from which rising latency may mean overload."""
BUSY = 0.5
"""Share of what means overload from which on lateness says nothing about a server's health."""
EASED = 0.55
"""The same up to which a limit grows that latency alone has set."""
PAIR = 2
"""Calls at once from which a slow pace may mean overload: one alone shares the server with nobody."""
SAID = 1.0
"""Calls at once that a server gets which says that it is overloaded, at the least: twenty processes with two each would
be forty, and most of those in vain.
"""
FRESH = 30.0
"""Seconds for which a stream says whether first contents come late, and how fast the server writes."""


class Capacity:
    """Steers the concurrency limits of one fleet."""

    def __init__(self, commons: Commons) -> None:
        self._commons = commons
        self._adaptive = commons.policy.limits.adaptive

    def answered(self, standing: Standing, limit: ConcurrencyLimit, now: float) -> None:
        """A first content, or a plain answer, has come from a target with this limit."""
        limit.answered()
        if limit.ramping or not standing.paced:
            latency = standing.latency
            eased = latency is None or not latency.heard(now, FRESH) or not latency.overloaded(EASED)
            limit.grow(standing.counts.in_flight, eased=eased, wanted=bool(self._commons.news.waiting))
        self._lift(standing)
        self._call(standing)

    def late(self, standing: Standing, now: float) -> None:
        """A first content has come: if they come later and later and there are many calls, let there be fewer."""
        in_flight, latency = standing.counts.in_flight, standing.latency
        if in_flight < STEADY or not self._adaptive:
            return
        most, pace = standing.peaks(now), standing.pace
        brisk = pace is not None and pace.brisk and pace.heard(now, FRESH)
        if latency is not None and latency.overloaded() and not brisk:
            self.limit(standing).shrink(in_flight, now, EASE, 0.5 * most)
            self._commons.review(standing, now)

    def paced(self, standing: Standing, seconds: float, now: float) -> None:
        """A stream of it took so many ``seconds`` per chunk: let there be as many calls as it is good for."""
        if not self._adaptive:
            return
        pace = standing.pace = standing.pace or Pace()
        if standing.slow or standing.ramping:
            pace.acquit()  # its calls are not the cause, or are few already
            return
        self._lift(standing)
        in_flight, limit, most = standing.counts.in_flight, standing.limit, standing.peaks(now)
        excess = pace.observe(seconds, now, shared=in_flight >= PAIR)
        if excess is None:
            return
        if limit is not None:
            pace.acquit()
            helps = limit.follow(pace, excess, in_flight, most)
            if not helps and not refused_lately(standing, self._commons.policy, now):
                self._accept(standing)
            self._lift(standing)
        elif pace.loaded and in_flight >= PAIR:
            self.limit(standing).begin(in_flight)
        else:
            return
        self._commons.review(standing, now)
        self._call(standing)

    def refused(self, standing: Standing, weight: float, now: float) -> float:
        """It says that it is overloaded: it gets fewer calls. Returns how much of a failure that is: none, unless
        nothing comes from it any more.
        """
        if not self._adaptive:
            return weight
        standing.refused = now
        self.limit(standing).shrink(standing.counts.in_flight, now, floor=SAID)
        trusted = all(breaker.until is None for _, breaker in standing.breakers)
        return 0.0 if trusted and now - standing.heard < ALIVE else weight

    @staticmethod
    def busy(standing: Standing, now: float) -> bool:
        """Whether it is slow because it has too much to do: content still comes from it, but ever later."""
        if now - standing.heard >= ALIVE:
            return False
        if standing.limit is not None and not standing.ramping:
            return True
        latency = standing.latency
        return standing.counts.in_flight >= STEADY and latency is not None and latency.overloaded(BUSY)

    @staticmethod
    def limit(standing: Standing) -> ConcurrencyLimit:
        """Its limit, which there is from now on."""
        if standing.limit is None:
            standing.limit = ConcurrencyLimit()
        return standing.limit

    def _call(self, standing: Standing) -> None:
        """Wake one of those who wait, if there is a place."""
        if not standing.full:
            self._commons.news.room(1)

    @staticmethod
    def _accept(standing: Standing) -> None:
        """It is slower for reasons of its own, and fewer calls are no remedy: so slow it may be, for some time."""
        standing.limit = None
        for clock in (standing.pace, standing.latency):
            if clock is not None:
                clock.accept()

    @staticmethod
    def _lift(standing: Standing) -> None:
        if standing.limit is not None and standing.limit.value == inf:
            standing.limit = None
