"""How fast a server writes, against how fast the same server writes with little to do: what tells that it is too busy.

A server that shares its time among its calls writes each at full speed up to its capacity. Beyond it every further call
slows down all the others, and no more gets done (J. Little, 1961: what is done per second is the calls at once over the
time of each). The seconds per chunk of a stream show this after a few chunks, and scatter less than those to its first
content: in the simulator, which lets them scatter by 0.2, they find a capacity within a fifth, where the others settle
at 1.4 times it.

In log space stand a fast mean over some 20 samples, the scatter, and the pace of a server with little to do: the
creeping minimum of a quick mean, made up for how far noise alone takes such a minimum down. Whether it is slower than
that is decided as in ``evidence``: by Page's CUSUM test, of "a third slower" against "as ever".

Told the time, in monotonic seconds; not safe for concurrent use.
"""

from __future__ import annotations

from math import inf, log, sqrt

from failover_plugin.latency import BOUND, MEAN_TO_DEVIATION

MEMORY = 0.1
"""Weight of one sample in the fast mean and in the scatter: about 20 samples."""
QUICK_MEMORY = 0.25
"""Weight of one sample in the mean whose minimum is the unloaded pace: a worker with little to do sees few samples."""
CREEP = 0.00005
"""Log units by which that minimum rises with every sample: a server that is slower for good is forgiven in hours. Ten
times faster, it would follow an overload of five minutes.
"""
LOWEST = 2.2
"""Standard deviations of the quick mean by which the creeping minimum lies below what is usual, where both are in
balance: the minimum sinks as often and as far as it creeps up.
"""
FIRST_GUESS, SHARPEST = 0.3, 0.1
"""Standard deviation assumed at first, and the least that is believed, in log units."""
SLOWER = 0.15
"""Excess that proves nothing, in log units: half of the third by which a server is slower that has too much to do."""
SLACK = 0.75
"""The same in standard deviations, where the scatter is large."""
BRISK = 0.1
"""Excess of the fast mean, in log units, up to which a server has not too much to do."""
PROOF = 8.0
"""Standard deviations of excess beyond that which prove it. By chance they come together once in a hundred thousand
samples that scatter by 0.2, once in ten thousand that scatter by 0.3.
"""
HALF_LIFE = 600.0
"""Seconds in which it is half forgotten by how much a server was slower for reasons of its own."""
FEW = 4
"""Samples from which there is something to compare with."""
SHORTEST, LONGEST = 0.0005, 3600.0
"""Seconds per chunk that are believed. No server writes faster: such a stream came out of a buffer, or a near cache."""


class Pace:
    """One server's seconds per chunk."""

    __slots__ = ("_allowed", "_at", "_deviation", "_fast", "_proof", "_quick", "count", "unloaded")

    def __init__(self) -> None:
        self.count = 0
        self.unloaded = inf
        """The pace of the server with little to do; a logarithm, as are the next three."""
        self._fast = 0.0
        self._quick = 0.0
        self._deviation = FIRST_GUESS
        self._proof = 0.0
        self._allowed = 0.0
        """By how much it has been slower for reasons of its own, in log units."""
        self._at = -inf

    @property
    def known(self) -> bool:
        """Whether there are samples enough to compare with."""
        return self.count >= FEW

    @property
    def scatter(self) -> float:
        """The standard deviation of a sample, in log units."""
        return self._deviation

    @property
    def usual(self) -> float:
        """What is usual now, as a logarithm."""
        return self._fast

    @property
    def excess(self) -> float:
        """By how much it is slower now than with little to do, and than it is by itself, in log units."""
        return self._fast - self.unloaded - self._allowed

    def heard(self, now: float, within: float) -> bool:
        """Whether the latest sample is no older than so many seconds."""
        return now - self._at <= within

    @property
    def brisk(self) -> bool:
        """Whether it is hardly slower than with little to do."""
        return self.known and self.excess <= BRISK

    @property
    def loaded(self) -> bool:
        """Whether it is proven to be slower, by calls that share it."""
        return self._proof > PROOF * self._deviation

    def observe(self, seconds: float, now: float, *, shared: bool = True) -> float | None:
        """Take a sample; returns its excess in log units, what is absurd bounded; None if nothing can be said yet.

        ``shared``: there are other calls, which may be why it is slow.
        """
        if not SHORTEST < seconds < LONGEST:
            return None
        value = log(seconds)
        if self._allowed:
            self._allowed *= 0.5 ** ((now - self._at) / HALF_LIFE)
        self._at = now
        self.count += 1
        if self.count == 1:
            self._fast = self._quick = value
            return None
        bound = BOUND * self._deviation
        z = min(max(value - self._fast, -bound), bound)
        self._quick += max(1 / self.count, QUICK_MEMORY) * (self._fast + z - self._quick)
        weight = max(1 / self.count, MEMORY)
        self._fast += weight * z
        self._deviation = max(SHARPEST, self._deviation + weight * (MEAN_TO_DEVIATION * abs(z) - self._deviation))
        if self.count < FEW:
            return None
        noise = self._deviation * sqrt(max(1 / self.count, QUICK_MEMORY / (2 - QUICK_MEMORY)))
        self.unloaded = min(self.unloaded + CREEP, self._quick + LOWEST * noise)
        excess = min(max(value - self.unloaded - self._allowed, -bound), bound)
        drift = excess - max(SLOWER, SLACK * self._deviation)
        if shared or drift < 0:
            self._proof = max(0.0, self._proof + drift)
        return excess

    def acquit(self) -> None:
        """What has been proven so far is dealt with."""
        self._proof = 0.0

    def accept(self) -> None:
        """It is slower for reasons of its own: by so much it may be, for some time."""
        self._allowed = max(0.0, self._fast - self.unloaded)
        self.acquit()
