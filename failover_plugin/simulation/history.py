"""What happened in a run, as plain records: all that metrics and plots need, and nothing of how it was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple


class Served(NamedTuple):
    """One request's fate. Times in seconds of the run; ``first`` is when its first content was delivered, or inf.

    ``ended`` is when the answer was whole, or when it was given up; ``left``: the caller did not wait for it.
    """

    arrived: float
    deadline: float
    first: float
    ended: float
    ok: bool
    left: bool
    attempts: int
    worker: int = 0

    @property
    def in_time(self) -> bool:
        """Answered in full before the deadline."""
        return self.ok and self.ended <= self.deadline


class Tried(NamedTuple):
    """One call. ``sick``: a fault that harms was active on its target when it started.

    ``error`` is None for a success; ``left``: we stopped listening. ``retry_at``: the moment before which the target
    asked not to be asked again. ``price`` is in the target's cost units.
    """

    target: str
    key: str
    worker: int
    started: float
    ended: float
    ok: bool
    sick: bool
    error: str | None = None
    left: bool = False
    first: float = inf
    price: float = 0.0
    retry_at: float = 0.0


class Opening(NamedTuple):
    """A breaker of our own opened, for ``lasts`` seconds."""

    at: float
    target: str
    worker: int
    lasts: float


class Plight(NamedTuple):
    """A fault as it was: which targets, from when to when, whether it took capacity only, or one worker's way only."""

    start: float
    end: float
    targets: frozenset[str]
    only_capacity: bool = False
    worker: int | None = None


@dataclass(slots=True, kw_only=True)
class History:
    """One policy's run."""

    duration: float
    workers: int = 1
    targets: tuple[str, ...] = ()
    served: list[Served] = field(default_factory=list[Served])
    tried: list[Tried] = field(default_factory=list[Tried])
    openings: list[Opening] | None = None
    """None: the policy does not tell."""
    blocked: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """Alerts: when, which key."""
    plights: tuple[Plight, ...] = ()
    leaked: int | None = None
    """Calls that a policy still believed to be under way when all was over; None: it does not tell."""

    @property
    def fault_start(self) -> float | None:
        """When the first fault began."""
        return min((p.start for p in self.plights), default=None)

    @property
    def fault_end(self) -> float | None:
        """When the last fault ended; None if there was none, or if it stayed to the end."""
        end = max((p.end for p in self.plights), default=inf)
        return end if end < self.duration else None
