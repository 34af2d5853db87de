"""One call under way: what the server does about it, and what the client hears, until either of them ends it.

A prefill that nobody waits for any more keeps its slot until it would have been done.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import Protocol

from failover_plugin.classify.horizon import horizon
from failover_plugin.model import Target
from failover_plugin.simulation.failures import failure
from failover_plugin.simulation.faults import ActiveFault
from failover_plugin.simulation.history import Tried
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.protocol import SimRequest
from failover_plugin.simulation.server import Server

_DELAYS = {"error": (0.1, 0.5), "refuse": (0.002, 0.01), "empty": (0.3, 1.0), "error_body": (0.3, 1.0)}
_REFUSAL = (0.05, 0.2)
"""Bounds of the seconds until an error has arrived, and until any other refusal has."""

_BREAKS = ("mid", "stall", "truncated")

_ROUNDING = 1e-6

PROMPT_PRICE = 0.25
"""Of a token of prompt, in tokens of output."""


class Listener(Protocol):
    """Who made a call and is told how it goes, until it is over."""

    def first_content(self, call: SimCall) -> None:
        """The first content has come."""
        ...

    def fell_silent(self, call: SimCall) -> None:
        """The last content has come, and the connection stays open."""
        ...

    def ended(self, call: SimCall) -> None:
        """The answer is whole, or ``call.error`` says what went wrong."""
        ...


class SimCall:
    """``prompt`` and ``tokens`` are what is left to do where an answer broke off and goes on here."""

    __slots__ = (
        "_book",
        "_ends",
        "_holds_slot",
        "_kernel",
        "_share",
        "error",
        "first_at",
        "headers",
        "is_left",
        "is_over",
        "listener",
        "pace",
        "prompt",
        "request",
        "server",
        "sick",
        "started",
        "tokens",
    )

    def __init__(
        self, kernel: Kernel, server: Server, request: SimRequest, listener: Listener, done: int, book: list[Tried]
    ) -> None:
        self.server, self.request, self.listener = server, request, listener
        self.prompt, self.tokens = request.prompt + done, max(1, request.output - done)
        self.started = kernel.now
        self.sick = server.is_sick(kernel.now)
        self.first_at = inf
        self.pace = 0.0
        self.error: str | None = None
        self.headers: dict[str, str] = {}
        self.is_left = False
        """Whether the client has stopped listening."""
        self.is_over = False
        self._kernel, self._book = kernel, book
        self._holds_slot = False
        self._ends: str | None = None
        self._share = 1.0

    @property
    def target(self) -> Target:
        """Who was asked."""
        return self.server.target

    @property
    def progress(self) -> int:
        """Tokens of the whole answer that have arrived by now, those included that came before this call."""
        return self.request.output - self.tokens + self.delivered

    @property
    def delivered(self) -> int:
        """Tokens of it that have arrived by now."""
        if self.first_at == inf:
            return 0
        written = (self._kernel.now - self.first_at) / self.pace
        return min(int(self.tokens * self._share), int(written + _ROUNDING))

    def exception(self) -> Exception:
        """What the client raises."""
        return failure(self.error or "error", self.headers)

    def cancel(self, why: str | None = None) -> None:
        """The client stops listening; ``why`` is its error, if that is how it sees it."""
        self.is_left = True
        if not self.is_over:
            self.is_over = True
            self.error = why
            if self.first_at < inf or self._ends == "hang":
                self._release()
            self._note(left=True)

    # -- as the server acts -------------------------------------------------------------------------------------------

    def refuse(self, kind: str, rng: Random, headers: dict[str, str] | None = None) -> None:
        """Answer with an error, soon."""
        self.headers = headers or {}
        self._kernel.at(self.started + rng.uniform(*_DELAYS.get(kind, _REFUSAL)), self._fail, kind)

    def raise_at_once(self, kind: str) -> None:
        """The client raises, and nothing is sent: a call that nobody saw."""
        self._book = []
        self._kernel.at(self.started, self._fail, kind)

    def serve(self, fault: ActiveFault | None, rng: Random) -> None:
        """Read the prompt, then answer, as far as the fault lets it."""
        self._holds_slot = True
        self.server.in_flight += 1
        if fault is not None:
            self._suffer(fault, rng)
        if self._ends != "hang":
            self._kernel.at(self.started + self.server.prefill(self.started, self.prompt, rng), self._begin)

    def _suffer(self, fault: ActiveFault, rng: Random) -> None:
        if fault.kind == "drip":
            self.pace = fault.x
        else:
            self._ends = fault.kind
        if fault.kind in _BREAKS:
            self._share = rng.uniform(0.1, 0.9)

    def _begin(self, _: None) -> None:
        if self.is_over:
            self._release()
            return
        now = self._kernel.now
        self.first_at = now
        self.pace = self.pace or self.server.pace(now)
        self._kernel.at(now + self.tokens * self._share * self.pace, self._finish)
        self.listener.first_content(self)

    def _finish(self, _: None) -> None:
        if self.is_over:
            return
        if self._ends == "stall":
            self.listener.fell_silent(self)
        else:
            self._fail(self._ends)

    def _fail(self, kind: str | None) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.error = kind
        self._note(left=False)
        self._release()
        self.listener.ended(self)

    def _release(self) -> None:
        if self._holds_slot:
            self._holds_slot = False
            self.server.in_flight -= 1

    # -- the record ---------------------------------------------------------------------------------------------------

    def _note(self, *, left: bool) -> None:
        now, target, window = self._kernel.now, self.server.target, self.server.window
        if window is not None and self.first_at < inf:
            window.spend(now, self.delivered)
        asked = horizon(self.headers) if self.headers else None
        self._book.append(
            Tried(
                target=target.id,
                key=target.credential or target.id,
                worker=self.request.worker,
                started=self.started,
                ended=now,
                ok=self.error is None and not left,
                sick=self.sick,
                error=self.error,
                left=left,
                first=self.first_at,
                price=self._price(),
                retry_at=now + asked.seconds if asked is not None else 0.0,
            )
        )

    def _price(self) -> float:
        """Nothing for a refusal or for silence; else prompt and output, at the target's cost."""
        if self.first_at == inf and not self._holds_slot:
            return 0.0
        cost = 1.0 if self.target.cost is None else self.target.cost
        return cost * (self.prompt * PROMPT_PRICE + self.delivered)
