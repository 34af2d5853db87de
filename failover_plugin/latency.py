"""How long a target usually takes, told apart from how long it happens to take now, in constant time and memory.

The signal is the time to first content, never the whole time of a call, which measures how much was written. It is
nearly log-normal, so the baseline lives in log space: a mean and a mean absolute deviation, both moving slowly, every
sample's influence bounded (winsorised at 2.5 deviations), so that the outliers it should find cannot poison it. Only
successes feed it: else a target that fails fast would look fast.

Beside the slow baseline stand a fast mean over some 20 samples and its own creeping minimum, the reference of an
unloaded server: the distance of the two tells overload before a server says so (the idea of TCP Vegas: L. Brakmo,
L. Peterson, 1995, and of Netflix' gradient limiter). And a peak-sensitive average, up at once and down in seconds, is
what strategies compare (Finagle's peak EWMA).

Told the time, in monotonic seconds; not safe for concurrent use.
"""

from __future__ import annotations

from array import array
from math import exp, inf, log
from typing import TYPE_CHECKING, Self, cast

if TYPE_CHECKING:
    _Counters = array[int]
else:
    _Counters = array  # Python 3.11 knows no array[int]

MEMORY = 0.02
"""Weight of one sample in the slow baseline: it follows about 50 samples."""
FAST_MEMORY = 0.05
"""Weight of one sample in the fast mean: about 20 samples."""
BOUND = 2.5
"""Deviations beyond which a sample counts no more."""
MEAN_TO_DEVIATION = 1.2533
"""sqrt(pi/2): a normal distribution's standard deviation over its mean absolute deviation."""
SHARPEST = 0.2
"""Least deviation believed, in log units."""
FIRST_GUESS = 0.6
"""Deviation assumed after one sample, in log units."""
PEAK_MEMORY = 10.0
"""Seconds in which a peak fades to 1/e."""
NOISE = 1.04
"""The fast mean's own noise, in deviations, times 6.5: what it must exceed to mean overload."""
LOADED = 0.45
"""Least excess of the fast mean over its minimum that means overload, in log units: 1.57 times as slow."""
KNOWN = 10
"""Samples from which a target's own baseline is used."""
SETTLED = 30
"""Samples from which the fast mean's excess is believed."""
SHORTEST, LONGEST = 1e-3, 86_400.0
"""Seconds that a sample counts as at the least and at the most: what is absurd, or no number, is a clock's fault."""
PREFILL = 20_000.0
"""Prompt tokens that double the time to first content: a prior, since no provider says."""


def unhurried(seconds: float, tokens: int | None) -> float:
    """The time to first content as if the prompt were short; ``tokens`` is its length."""
    return seconds / (1 + tokens / PREFILL) if tokens else seconds


def _clamped(seconds: float) -> float:
    return SHORTEST if seconds <= SHORTEST else LONGEST


class Baseline:
    """What is usual at one target, or over all of them, in seconds to first content."""

    __slots__ = ("_peak", "_peak_at", "count", "deviation", "fast", "floor", "mean")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        """Of the logarithm, as are the next three."""
        self.deviation = FIRST_GUESS
        self.fast = 0.0
        self.floor = 0.0
        self._peak = 0.0
        self._peak_at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """Take a sample."""
        if not SHORTEST < seconds < LONGEST:
            seconds = _clamped(seconds)
        value = log(seconds)
        self.count = count = self.count + 1
        faded = self._peak * exp((self._peak_at - now) / PEAK_MEMORY)
        self._peak = seconds if seconds > faded else faded + (seconds - faded) * 0.1
        self._peak_at = now
        if count == 1:
            self.mean = self.fast = self.floor = value
            return
        self._follow(value, count)
        z = value - self.mean
        if count > 5:
            bound = BOUND * self.deviation
            z = bound if z > bound else -bound if z < -bound else z
        weight = 1 / count if count < 50 else MEMORY
        if count > SETTLED and self.fast - self.floor > 0.4:
            weight *= 0.1  # an overload is not what is usual
        self.mean += weight * z
        deviation = self.deviation + weight * (MEAN_TO_DEVIATION * abs(z) - self.deviation)
        self.deviation = deviation if deviation > SHARPEST else SHARPEST

    def _follow(self, value: float, count: int) -> None:
        self.fast += (value - self.fast) * (1 / count if count < 20 else FAST_MEMORY)
        if count < 20 or self.fast < self.floor:
            self.floor = self.fast
        else:
            self.floor += 0.0005 if self.fast - self.floor < 0.4 else 0.00005

    @property
    def usual(self) -> float:
        """The median, in seconds."""
        return exp(self.mean)

    def heard(self, now: float, within: float) -> bool:
        """Whether the latest sample is no older than so many seconds."""
        return now - self._peak_at <= within

    @property
    def known(self) -> bool:
        """Whether there are samples enough to judge by."""
        return self.count >= KNOWN

    def within(self, deviations: float) -> float:
        """Seconds that an answer exceeds no more often than a normal one does by so many ``deviations``."""
        return exp(self.mean + deviations * self.deviation)

    def anomaly(self, seconds: float) -> float:
        """How many deviations from the usual this is: a z-score."""
        return (log(max(seconds, SHORTEST)) - self.mean) / self.deviation

    def recent_peak(self, now: float, fade: float = PEAK_MEMORY) -> float:
        """The latest peak, faded by 1/e every ``fade`` seconds, in seconds."""
        return self._peak * exp((self._peak_at - now) / fade) if self._peak else 0.0

    def accept(self) -> None:
        """It is slower for reasons of its own: what is usual now is the reference from here on."""
        self.floor = self.fast

    def overloaded(self, share: float = 1.0) -> bool:
        """Whether first content has come later and later, beyond ``share`` of what noise explains."""
        threshold = NOISE * self.deviation
        return self.count > SETTLED and self.fast - self.floor > share * (threshold if threshold > LOADED else LOADED)

    def restart(self, usual: float) -> None:
        """What the fast mean and the peak followed is over: expect what is ``usual``, as a logarithm."""
        self.fast = min(self.fast, usual)
        self._peak = min(self._peak, exp(usual))


class Generations:
    """The five minutes whose values are forgotten together; the same for all histograms of a fleet."""

    __slots__ = ("since", "until")

    LIFE = 300.0

    def __init__(self) -> None:
        self.since = self.until = -inf

    def turn(self, now: float) -> None:
        """The next generation begins."""
        recent = now - self.since < 2 * self.LIFE
        self.since = self.since + self.LIFE if recent else now
        self.until = self.since + self.LIFE


class Histogram(_Counters):
    """Percentiles in 0.8 kB: counts on a logarithmic scale, right within 5 % (the idea of DDSketch, Masson et al.
    2019). Where a count is full, all are halved: shares are what is asked for.

    Two generations of five minutes each: what is asked for is the last five to ten minutes. The array holds the
    present one.
    """

    __slots__ = ("_generations", "_old", "_since")

    BUCKETS = 160
    _GROWTH = log(1.1)
    _OFFSET = 72
    """Bucket of one second; the scale runs from 1 ms to more than an hour."""

    def __new__(cls, generations: Generations | None = None) -> Self:  # noqa: ARG004 - for ``__init__``
        """Empty, until the first value."""
        return cast("Self", super().__new__(cls, "H"))

    def __init__(self, generations: Generations | None = None) -> None:
        self._generations = generations or Generations()
        self._old: array[int] | None = None
        self._since = -inf

    def add(self, seconds: float, now: float) -> None:
        """Count a value."""
        if not SHORTEST < seconds < LONGEST:
            seconds = _clamped(seconds)
        generations = self._generations
        if now >= generations.until:
            generations.turn(now)
        if self._since != generations.since:
            self._turn(generations.since)
        bucket = int(log(seconds) / self._GROWTH + self._OFFSET)
        try:
            self[bucket if bucket < self.BUCKETS else -1] += 1
        except OverflowError:
            self[:] = array("H", (count // 2 for count in self))

    def percentiles(self, *shares: float, now: float) -> tuple[float | None, ...]:
        """The values, in seconds, below which these ``shares`` of the latest lie; None if there are none."""
        counts = self._counts(now)
        total = sum(counts)
        return tuple(self._value(counts, share * total) if total else None for share in shares)

    def _value(self, counts: list[int], rank: float) -> float:
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            if count and seen >= rank:
                return exp((bucket + 0.5 - self._OFFSET) * self._GROWTH)
        raise AssertionError("the rank is at most the total")

    def _counts(self, now: float) -> list[int]:
        age = now - self._since
        kept = [g for g, lives in ((self, 2), (self._old, 1)) if g is not None and age < lives * Generations.LIFE]
        return [sum(pair) for pair in zip(*kept, strict=True)]

    def _turn(self, since: float) -> None:
        self._old = array("H", self) if since - self._since < 1.5 * Generations.LIFE else None
        self[:] = array("H", bytes(2 * self.BUCKETS))
        self._since = since
