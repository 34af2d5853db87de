"""A request in the hands of a router: carry out each step it yields, tell it the outcome, until it returns."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from typing import Protocol

from failover_plugin.classify.horizon import horizon
from failover_plugin.simulation.call import SimCall
from failover_plugin.simulation.failures import error_class
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.protocol import Call, Outcome, Reply, Router, Step
from failover_plugin.simulation.receipt import Receipt
from failover_plugin.simulation.world import World


class Errand(Protocol):
    """A request being answered by some policy."""

    def begin(self) -> None:
        """It has arrived."""
        ...

    def end(self, *, left: bool) -> None:
        """Its deadline has come, or its caller has ``left``."""
        ...


class RoutedErrand:
    """One request of one router. A call after delivered content goes on where that broke off."""

    __slots__ = ("_call", "_kernel", "_limit", "_receipt", "_steps", "_whole", "_world")

    def __init__(self, kernel: Kernel, world: World, router: Router, receipt: Receipt) -> None:
        self._kernel, self._world, self._receipt = kernel, world, receipt
        self._steps: Generator[Step, Reply, bool] = router.handle(receipt.request)
        self._call: SimCall | None = None
        self._limit = inf
        self._whole = False

    def begin(self) -> None:
        """It has arrived."""
        self._go_on(None)

    def end(self, *, left: bool) -> None:
        """Stop, whatever it is doing."""
        if not self._receipt.is_closed:
            self._receipt.close(self._kernel.now, ok=False, left=left)
            if self._call is not None:
                self._call.cancel(None if left else "deadline")
            self._steps.close()

    def _go_on(self, reply: Reply) -> None:
        if self._receipt.is_closed:
            return
        try:
            step = self._steps.send(reply)
        except StopIteration as returned:
            self._returned(delivered=bool(returned.value))
            return
        now = self._kernel.now
        if isinstance(step, Call):
            self._make(step)
        else:
            self._kernel.at(self._runs(now + step.seconds), self._waited)

    def _returned(self, *, delivered: bool) -> None:
        if delivered and not self._whole:
            raise RuntimeError("A router says that it delivered an answer, and no call of its was answered in full.")
        self._receipt.close(self._kernel.now, ok=delivered)

    def _waited(self, _: None) -> None:
        self._go_on(None)

    def _runs(self, at: float) -> float:
        return self._world.runs(at, self._receipt.request.worker)

    def _make(self, step: Call) -> None:
        receipt = self._receipt
        receipt.attempts += 1
        self._limit = inf if step.timeout is None else step.timeout
        self._call = self._world.start(step.target, receipt.request, self, receipt.done)
        self._kernel.at(self._runs(self._kernel.now + self._limit), self._no_content, self._call)

    # -- as a call goes -----------------------------------------------------------------------------------------------

    def first_content(self, call: SimCall) -> None:
        """Content is here."""
        self._receipt.first = min(self._receipt.first, self._kernel.now)
        if call.pace > self._limit:
            self.fell_silent(call)

    def fell_silent(self, call: SimCall) -> None:
        """The client's timeout runs."""
        self._kernel.at(self._runs(self._kernel.now + self._limit), self._silent, call)

    def ended(self, call: SimCall) -> None:
        """Tell the router."""
        self._whole = call.error is None
        self._reply(call)

    def _no_content(self, call: SimCall) -> None:
        if not call.is_over and call.first_at == inf:
            self._cut(call, "timeout")

    def _silent(self, call: SimCall) -> None:
        if not call.is_over:
            self._cut(call, "stall")

    def _cut(self, call: SimCall, why: str) -> None:
        call.cancel(why)
        self._reply(call)

    def _reply(self, call: SimCall) -> None:
        self._receipt.done = call.progress
        self._go_on(_outcome(call, self._kernel.now))


def _outcome(call: SimCall, now: float) -> Outcome:
    first, latency = call.first_at < inf, now - call.started
    ttft = call.first_at - call.started if first else None
    if call.error is None:
        return Outcome(ok=True, first=first, ttft=ttft, latency=latency)
    asked = horizon(call.headers) if call.headers else None
    return Outcome(
        ok=False,
        error=call.error,
        error_class=error_class(call.error),
        retry_after=asked.seconds if asked else None,
        first=first,
        ttft=ttft,
        latency=latency,
    )
