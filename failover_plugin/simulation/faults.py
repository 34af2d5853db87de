"""A fault is data: which calls it strikes, when, how often, and what it does to them.

Kinds, after the catalogue: ``error`` 500 after 0.1-0.5 s; ``429``, ``quota``, ``auth``; ``slow`` (time factor ``x``,
reached over ``ramp`` seconds); ``hang`` (never answers); ``mid`` (the stream dies at 10-90 %); ``stall`` (it stops, the
socket stays open); ``cap`` (capacity times ``x``). Beyond it: ``refuse`` (connection refused), ``empty`` (200 without a
body), ``truncated`` (a stream without a finish mark), ``error_body`` (200 with an error in it), ``drip`` (one token
every ``x`` seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "error",
    "429",
    "quota",
    "auth",
    "slow",
    "hang",
    "mid",
    "stall",
    "cap",
    "refuse",
    "empty",
    "truncated",
    "error_body",
    "drip",
]

SICK = 2.0
"""From this factor on a slow target counts as sick: the ideal policy leaves it when it takes twice its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFault:
    """One fault of a run. Times in seconds of the run; ``worker`` None: it strikes the calls of all workers."""

    kind: Kind
    start: float = 0.0
    end: float = inf
    p: float = 1.0
    x: float = 1.0
    on: float = inf
    off: float = 0.0
    ramp: float = 0.0
    worker: int | None = None
    retry_after: tuple[float, float] | str | None = None
    """Bounds in seconds of what a 429 asks for, or the header as it is."""
    date_skew: float | None = None
    """The 429 names a date instead, by a server clock that is wrong by so many seconds."""

    def is_active(self, now: float) -> bool:
        """Whether it is there now; a flapping one comes and goes."""
        return self.start <= now < self.end and (not self.off or (now - self.start) % (self.on + self.off) < self.on)

    def factor(self, now: float) -> float:
        """What ``slow`` and ``cap`` multiply by now."""
        if not self.is_active(now):
            return 1.0
        risen = min(1.0, (now - self.start) / self.ramp) if self.ramp else 1.0
        return 1.0 + (self.x - 1.0) * risen

    def strikes(self, now: float, worker: int, rng: Random) -> bool:
        """Whether a call that starts now is hit."""
        if not self.is_active(now) or (self.worker is not None and self.worker != worker):
            return False
        return self.p >= 1.0 or rng.random() < self.p

    def harms(self, now: float) -> bool:
        """Whether calls are better not started here now; a loss of capacity alone harms nobody by itself."""
        if self.kind == "cap" or self.worker is not None:
            return False
        return self.factor(now) > SICK if self.kind == "slow" else self.is_active(now)
