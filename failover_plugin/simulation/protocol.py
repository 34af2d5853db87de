"""What a simulated policy may do: a router yields calls and waits, and is told how each went.

The real core, the designs it is compared with and the oracle all answer the same requests in the same world. A router
is a generator per request, one router per simulated worker, so that a design of ten lines stays one of ten lines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeAlias

from failover_plugin.model import ErrorClass, Target


@dataclass(frozen=True, slots=True, eq=False)
class SimRequest:
    """One request. Times in seconds of the run, sizes in tokens; ``deadline`` is absolute."""

    number: int
    arrived: float
    prompt: int
    output: int
    deadline: float
    worker: int
    needs: frozenset[str] = frozenset()
    is_bug: bool = False
    """No client takes it: it is never sent."""


@dataclass(frozen=True, slots=True)
class Call:
    """Make one call; the reply is an ``Outcome``. ``timeout`` is the client's: seconds without any sign of life, until
    the first content and between two pieces of it. A call after delivered content delivers the rest only.
    """

    target: Target
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass; the reply is None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went. ``error`` is the simulator's word for it, ``error_class`` what ``classify`` makes of it.

    ``error`` is one of error, 429, quota, auth, 529, ctx, unsupported, network, empty, timeout, mid, stall, deadline.
    ``first``: content had been delivered. ``ttft`` and ``latency`` in seconds from the call's start.
    """

    ok: bool
    error: str | None = None
    error_class: ErrorClass = ErrorClass.UNKNOWN
    retry_after: float | None = None
    first: bool = False
    ttft: float | None = None
    latency: float = 0.0


Step: TypeAlias = Call | Wait
Reply: TypeAlias = Outcome | None


class Router(Protocol):
    """A policy, as one worker has it."""

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:
        """Answer one request; returns whether it was delivered. Closed at the deadline, whatever it is doing."""
        ...


class WorldView(Protocol):
    """The true state of every target at this moment. For the oracle only."""

    def is_sick(self, target: Target) -> bool:
        """Whether a fault is active that harms calls started now: error, 429, quota, auth, hang, mid, stall, slow and
        the like, but not a loss of capacity.
        """
        ...

    def slowdown(self, target: Target) -> float:
        """Factor on latency now by faults and load, 1 for an idle healthy target."""
        ...

    def in_flight(self, target: Target) -> int:
        """Calls that hold a slot of the target's server, of all workers."""
        ...

    def capacity(self, target: Target) -> float:
        """Calls the server takes at once without slowing, now; inf without a limit."""
        ...

    def admits(self, target: Target, request: SimRequest) -> bool:
        """Whether the rate window (requests and tokens per minute) of its key would let this request in now."""
        ...

    def admits_in(self, target: Target, request: SimRequest) -> float:
        """Seconds until the rate window would let it in; 0 if it does now."""
        ...

    def can_serve(self, target: Target, request: SimRequest) -> bool:
        """Whether the request fits the target: context window and capabilities."""
        ...


Factory: TypeAlias = Callable[[Sequence[Target], Callable[[], float], Random, WorldView], Router]
"""``make(targets, now, rng, world)``: one router for one worker."""
