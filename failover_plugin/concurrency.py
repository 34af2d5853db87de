"""How many calls at once a target may have: a limit that exists only in trouble.

It starts where a server has said that it is overloaded, where it has grown slower, or small after an outage; it goes
when it no longer binds. It is steered by what is known:

- after an outage it grows by one with every answer, up to more calls than the server had before;
- where streams tell the server's pace, every sample moves it: up where the server is hardly slower than with little to
  do, down where it is slower than that. There is no threshold to be crossed, so noise cancels out (an integral
  controller, at a set point of 5 %);
- where they do not, it grows with every answer that comes in good time;
- it is cut where first contents come later and later, unless the pace shows that the server has not too much to do.

Told the time, in monotonic seconds; not safe for concurrent use.
"""

from __future__ import annotations

from math import inf

from failover_plugin.pace import Pace

SHRINK = 0.7
"""Share of the calls under way that an overloaded server keeps (as in TCP BIC; halving throws good capacity away)."""
EASE = 0.93
"""The same where only rising latency says so."""
APART = 1.0
"""Seconds between two cuts: the effect of one must be seen first."""
RAMP_START = 2.0
RAMP_END = 8.0
"""Calls at once after a recovery, at first and at the end at the least."""
LIFT = 16.0
"""Calls at once above which a limit that does not bind is lifted."""

REST = 0.05
"""Excess of the pace at which a limit rests, in log units: a server that is 5 % slower has 3 to 5 % too many calls."""
STEP = 0.67
"""Calls by which an excess of one log unit moves the limit: the calls under way follow within the time of an answer, so
a controller that is twice as eager swings.
"""
EAGER = 0.08
"""Calls by which each sample raises a limit that binds while the server is not slower at all."""
HEADROOM = 1.25
"""Times the most calls lately, and one more, that the limit is at most: so that it binds soon when it is to."""
HALF, MORE = 0.5, 1.25
"""Times the calls it began with at which the number of calls must have told."""
HELPED = 0.2
"""Log units by which the server must be faster then, and more than it scatters: had it too much to do, it would be by
0.7.
"""
ENOUGH = 16
"""Samples in a row that tell whether it is, once the calls that were under way have ended, or others have come in their
places; also the answers without a sample after which the pace does not steer the limit.
"""


class ConcurrencyLimit:
    """How many calls a target may have at once; infinite while nothing speaks against any number."""

    __slots__ = ("_began", "_cut_at", "_in_vain", "_ramp_to", "_slowest", "_unpaced", "value")

    def __init__(self) -> None:
        self.value: float = inf
        self._ramp_to = 0.0
        self._cut_at = -inf
        self._began = 0.0
        """Calls at once when the pace took over."""
        self._slowest = -inf
        """The slowest that was usual with more than half of these."""
        self._in_vain = 0
        """Samples in a row with half of these or less and no faster, or far more and no slower."""
        self._unpaced = 0
        """Answers since the latest sample."""

    @property
    def ramping(self) -> bool:
        """Whether the limit is there to warm up a server that has come back, not because it is overloaded."""
        return self._ramp_to > 0 and self.value < inf

    @property
    def paced(self) -> bool:
        """Whether streams tell the pace often enough to steer it."""
        return self._unpaced <= ENOUGH

    def ramp(self, before: int, in_flight: int) -> None:
        """A server has come back that had ``before`` calls when it went: start slowly, double with every answer.

        Calls ``in_flight`` that outlived its absence are well, and take nobody's place.
        """
        self.value = in_flight + RAMP_START
        self._ramp_to = max(RAMP_END, 1.5 * before, 2 * self.value)
        self._began = 0.0

    def shrink(self, in_flight: int, now: float, factor: float = SHRINK, floor: float = RAMP_START) -> None:
        """The server has too much to do; ``floor`` calls at once it gets all the same."""
        if now - self._cut_at > APART:
            self._cut_at = now
            self.value = min(self.value, max(floor, min(self.value, in_flight) * factor))
            self._ramp_to = 0.0

    def grow(self, in_flight: int, *, eased: bool, wanted: bool) -> None:
        """An answer came: more may come. ``eased``: it came in good time; ``wanted``: somebody waits for a place."""
        if self._ramp_to:
            self.value += 1
        elif eased:
            self.value += 4 / self.value
        if self.value >= (self._ramp_to or max(LIFT, 2 * in_flight)) and not wanted:
            self.value = inf

    def begin(self, in_flight: int) -> None:
        """The server is slower than with little to do: no more calls than now."""
        self.value = float(max(in_flight, 1))

    def answered(self) -> None:
        """An answer came; it may have been a stream, whose pace comes a little later."""
        self._unpaced += 1

    def follow(self, pace: Pace, excess: float, in_flight: int, most: float) -> bool:
        """A call was slower by ``excess``, in log units, than with little to do; lately there were ``most`` at once.

        While there are more calls than it allows, what it has done is not seen yet, and it falls no further. Returns
        whether it may be worth its price: it is not if half as many calls, or one alone, are no faster for some time,
        or a quarter more no slower. What has helped must help again when it is halved again.
        """
        self._unpaced = 0
        if not self._began:
            self._began, self._slowest, self._in_vain = max(float(in_flight), self.value), -inf, 0
        top = HEADROOM * most + 1
        moved = STEP * (REST - excess) + (EAGER if pace.excess < 0 and in_flight > self.value - 1 else 0.0)
        self.value = min(max(1.0, self.value + (max(moved, 0.0) if in_flight > self.value + 1 else moved)), top)
        if self.value >= top and pace.excess < REST:
            self.value = inf
        self._in_vain = self._in_vain + 1 if self._is_in_vain(pace, in_flight, top) else 0
        return self._in_vain <= (max(ENOUGH, in_flight) if in_flight < self._began else ENOUGH)

    def _is_in_vain(self, pace: Pace, in_flight: int, top: float) -> bool:
        if in_flight >= MORE * self._began:
            return pace.excess > HELPED and pace.usual <= self._slowest
        if self.value > HALF * self._began:
            self._slowest = max(self._slowest, pace.usual)
        if self.value > max(1.0, HALF * self._began) or self.value >= top or pace.brisk:
            return False
        if pace.usual > self._slowest - max(HELPED, pace.scatter):
            return True
        self._began, self._slowest = self.value, pace.usual
        return False
