"""What answers teach: that a target is alive, how long it takes, and whether that is usual.

Only what was answered teaches it: a target that fails fast would look fast. Under the lock of the ``Commons``. Told the
time, in monotonic seconds.
"""

from __future__ import annotations

from failover_plugin.commons import Commons
from failover_plugin.latency import Baseline, Generations, Histogram
from failover_plugin.lease import Lease
from failover_plugin.standing import Standing
from failover_plugin.trouble import Trouble


class Answers:
    """Learns from every first content and every answer of a fleet."""

    def __init__(self, commons: Commons, trouble: Trouble) -> None:
        self._commons = commons
        self._trouble = trouble
        self._uplink = trouble.uplink
        self._recent = Generations()

    def content(self, lease: Lease, now: float) -> None:
        """A sign of life: a stream's first content, or a plain answer."""
        lease.content = True
        standing = lease.standing
        counts = standing.counts
        standing.heard = now
        if (counts.in_flight or standing.breakers) and lease.started > standing.heard_of:
            standing.heard_of = lease.started
        if standing.silent:
            standing.silent.pop(lease, None)
        self._uplink.worked(lease.started)
        if counts.histogram is None:
            counts.histogram = Histogram(self._recent)
        counts.histogram.add(now - lease.started, now)
        if now - lease.started < counts.fastest:
            counts.fastest = now - lease.started

    def began(self, lease: Lease, seconds: float, now: float) -> None:
        """A stream's first content arrived, ``seconds`` after its call as if the prompt were short."""
        standing = lease.standing
        if standing.latency is None:
            standing.latency = Baseline()
        was_slow = standing.slow
        if self._commons.tempo.observe(standing, lease, seconds, now):
            self._trouble.anomaly(lease, now)
        self._trouble.capacity.late(standing, now)
        if standing.slow is not was_slow:
            self._commons.review(standing, now)

    @staticmethod
    def took(standing: Standing, seconds: float, now: float) -> None:
        """How long a plain call takes in all: good for its own soft deadline only, since it measures how much is
        written.
        """
        if standing.whole is None:
            standing.whole = Baseline()
        standing.whole.observe(seconds, now)
