"""One target's server: as fast as it is idle and well, slower as its load and its faults say.

Time to first content is lognormal, its median per target 0.6 to 0.66 s (the fallback's 0.8 s) with sigma 0.45, and
grows with the prompt, by 1 + prompt/16k: on purpose not quite what a policy may assume. Then comes a token every
15.5 ms. With the catalogue's outputs (274 tokens in the mean) a call takes 5.0 s, so 20 requests per second keep 100
calls under way: 83 % of four servers of 30. Above its capacity a server slows by load^1.5, and above twice that it
rejects with 529.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.faults import ActiveFault
from failover_plugin.simulation.window import Window

PREFILL = 16_000.0
"""Tokens of prompt that double the time to first content."""

CONGESTION = 1.5
"""Power of the load by which a full server slows."""

REJECTS = 2.0
"""Times its capacity at which it takes no more."""


class Server:
    """Times in seconds; ``in_flight`` counts the calls that hold a slot, those included that nobody waits for."""

    __slots__ = (
        "_harms",
        "_limits",
        "_slows",
        "_strikes",
        "cap",
        "in_flight",
        "sigma",
        "target",
        "tpot",
        "ttft",
        "window",
    )

    def __init__(
        self,
        target: Target,
        *,
        ttft: float,
        tpot: float,
        cap: float = inf,
        sigma: float = 0.45,
        faults: Sequence[ActiveFault] = (),
        window: Window | None = None,
    ) -> None:
        self.target = target
        self.ttft, self.tpot, self.cap, self.sigma = ttft, tpot, cap, sigma
        self.window = window
        self.in_flight = 0
        self._slows = tuple(f for f in faults if f.kind == "slow")
        self._limits = tuple(f for f in faults if f.kind == "cap")
        self._harms = tuple(f for f in faults if f.kind != "cap")
        self._strikes = tuple(f for f in faults if f.kind not in ("slow", "cap"))

    def capacity(self, now: float) -> float:
        """Calls at once that it takes without slowing down."""
        capacity = self.cap
        for fault in self._limits:
            capacity *= fault.factor(now)
        return capacity

    def slowdown(self, now: float) -> float:
        """The factor on its times, by faults and by load."""
        factor = 1.0
        for fault in self._slows:
            factor *= fault.factor(now)
        if self.cap < inf:
            factor *= max(1.0, self.in_flight / self.capacity(now)) ** CONGESTION
        return factor

    def is_full(self, now: float) -> bool:
        """Whether it rejects."""
        return self.cap < inf and self.in_flight >= REJECTS * self.capacity(now)

    def is_sick(self, now: float) -> bool:
        """Whether a fault harms what starts now."""
        return any(fault.harms(now) for fault in self._harms)

    def struck_by(self, now: float, worker: int, rng: Random) -> ActiveFault | None:
        """The fault that befalls a call of this worker that starts now."""
        for fault in self._strikes:
            if fault.strikes(now, worker, rng):
                return fault
        return None

    def prefill(self, now: float, prompt: int, rng: Random) -> float:
        """Seconds to the first content of a call that starts now and has its slot."""
        noise = exp(self.sigma * rng.gauss(0.0, 1.0))
        return self.ttft * noise * (1.0 + prompt / PREFILL) * self.slowdown(now)

    def pace(self, now: float) -> float:
        """Seconds per token of an answer that begins now."""
        return self.tpot * self.slowdown(now)
