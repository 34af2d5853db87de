"""One request of ours: a driver like the one for async code, in virtual time.

It makes the calls and keeps the timers, and judges nothing; as there, a backup gets no backup. The errors it reports
are exceptions as clients raise them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from failover_plugin.cadence import CHUNKS
from failover_plugin.failover import Failover
from failover_plugin.flow import Flow, GiveUp, Sleep
from failover_plugin.model import Request
from failover_plugin.simulation.call import SimCall
from failover_plugin.simulation.failures import failure
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.protocol import SimRequest
from failover_plugin.simulation.receipt import Receipt
from failover_plugin.simulation.stalls import PatientTimer
from failover_plugin.simulation.world import World
from failover_plugin.start import Start


class OurErrand:
    """One request: what the flow asks for is done, and what happens is told to the flow.

    ``noise`` draws the factor by which a client errs when it measures how fast tokens come.
    """

    __slots__ = ("_flow", "_is_woken", "_kernel", "_legs", "_nap", "_noise", "_receipt", "_world")

    def __init__(
        self,
        kernel: Kernel,
        world: World,
        failover: Failover,
        receipt: Receipt,
        max_output: int | None,
        noise: Callable[[], float],
    ) -> None:
        self._kernel, self._world, self._receipt, self._noise = kernel, world, receipt, noise
        self._flow: Flow = failover._flow(_request(receipt.request, max_output), streaming=True)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as the facade does it
        self._flow.on_wake = self._wake
        self._legs: list[_Leg] = []
        self._nap = 0
        self._is_woken = False

    def begin(self) -> None:
        """It has arrived."""
        self._go_on()

    def end(self, *, left: bool) -> None:
        """Its deadline has come, or its caller has left."""
        if self._receipt.is_closed:
            return
        now, legs = self._kernel.now, self._legs
        self._legs = []
        self._flow.stop_waiting(self._wake)
        for leg in legs:
            leg.call.cancel(None if left else "deadline")
            if left:
                self._flow.abandoned(leg.start, now)
            else:
                self._flow.failed(leg.start, failure("timeout"), now)
        if not left:
            self._flow.next(now)
        self._receipt.close(now, ok=False, left=left)

    # -- what the flow wants ------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        now = self._kernel.now
        match self._flow.next(now):
            case Start() as start:
                self.ring_in(start.soft_timeout, self._call(start).is_overdue)
            case Sleep(seconds):
                self._nap += 1
                self._kernel.at(self._runs(now + seconds), self._rested, self._nap)
            case GiveUp():
                self._receipt.close(now, ok=False)

    def _call(self, start: Start, *, is_backup: bool = False) -> _Leg:
        self._receipt.attempts += 1
        leg = _Leg(self, self._kernel, start, is_backup=is_backup)
        leg.call = self._world.start(start.target, self._receipt.request, leg, self._receipt.done * start.resumed)
        self._legs.append(leg)
        self.ring_in(start.first_content_timeout, leg.has_no_content)
        return leg

    def _runs(self, at: float) -> float:
        return self._world.runs(at, self._receipt.request.worker)

    def ring_in(self, seconds: float, ring: Callable[[None], None]) -> None:
        """Call this in so many seconds in which the process runs."""
        kernel, stalls = self._kernel, self._world.stalls
        if stalls is None:
            kernel.at(kernel.now + seconds, ring)
        else:
            PatientTimer(kernel, stalls, self._receipt.request.worker, seconds, ring)

    def _rested(self, nap: int) -> None:
        if nap == self._nap and not self._receipt.is_closed:
            self._flow.stop_waiting(self._wake)
            self._go_on()

    def _wake(self) -> None:
        """The core calls in the midst of another request: do it right after."""
        if not self._is_woken and not self._receipt.is_closed:
            self._is_woken = True
            self._kernel.at(self._kernel.now, self._woken)

    def _woken(self, _: None) -> None:
        self._is_woken = False
        if self._receipt.is_closed:
            return
        for leg in tuple(self._legs):
            if leg.waits and not leg.is_backup:
                self._back_up(self._flow.evacuate(leg.start, self._kernel.now))
        if not self._legs:
            self._nap += 1
            self._go_on()

    def _back_up(self, backup: Start | None) -> None:
        if backup is not None:
            self._call(backup, is_backup=True)

    # -- what happens -------------------------------------------------------------------------------------------------

    def overdue(self, leg: _Leg) -> None:
        """Its soft deadline has passed."""
        self._back_up(self._flow.overdue(leg.start, self._kernel.now))

    def answered(self, leg: _Leg) -> None:
        """Its first content is here."""
        now = self._kernel.now
        self._receipt.first = min(self._receipt.first, now)
        self._drop(self._flow.first_content(leg.start, now))
        if leg.call.tokens > CHUNKS:
            self._kernel.at(now + CHUNKS * leg.call.pace, self._paced, leg)

    def _paced(self, leg: _Leg) -> None:
        """Enough of its tokens are here to tell how fast they come."""
        if not leg.call.is_over:
            self._flow.paced(leg.start, leg.call.pace * self._noise(), self._kernel.now)

    def succeeded(self, leg: _Leg) -> None:
        """Its answer is whole."""
        now, call = self._kernel.now, leg.call
        self._legs.remove(leg)
        usage = {"input_tokens": call.prompt, "output_tokens": call.tokens}
        self._drop(self._flow.succeeded(leg.start, now, usage))
        self._receipt.close(now, ok=True)

    def failed(self, leg: _Leg, error: Exception) -> None:
        """It ended otherwise."""
        self._legs.remove(leg)
        if leg.call.first_at < inf:
            self._receipt.done = leg.call.progress
        self._flow.failed(leg.start, error, self._kernel.now)
        if not self._legs:
            self._go_on()

    def _drop(self, losers: Sequence[Start]) -> None:
        numbers = {start.number for start in losers}
        for leg in [leg for leg in self._legs if leg.start.number in numbers]:
            self._legs.remove(leg)
            leg.call.cancel()


class _Leg:
    """One attempt and its timers."""

    __slots__ = ("_errand", "_kernel", "call", "is_backup", "start")

    call: SimCall

    def __init__(self, errand: OurErrand, kernel: Kernel, start: Start, *, is_backup: bool) -> None:
        self._errand, self._kernel, self.start, self.is_backup = errand, kernel, start, is_backup

    @property
    def waits(self) -> bool:
        """Whether it still waits for content."""
        return not self.call.is_over and self.call.first_at == inf

    def is_overdue(self, _: None) -> None:
        """The soft deadline."""
        if self.waits:
            self._errand.overdue(self)

    def has_no_content(self, _: None) -> None:
        """The hard one."""
        if self.waits:
            self._cut("timeout")

    def first_content(self, call: SimCall) -> None:
        """Of the world's."""
        self._errand.answered(self)
        if call.pace > self.start.idle_timeout:
            self.fell_silent(call)

    def fell_silent(self, call: SimCall) -> None:  # noqa: ARG002 - the listener's protocol
        """Of the world's."""
        self._errand.ring_in(self.start.idle_timeout, self._is_silent)

    def ended(self, call: SimCall) -> None:
        """Of the world's."""
        if call.error is None:
            self._errand.succeeded(self)
        else:
            self._errand.failed(self, call.exception())

    def _is_silent(self, _: None) -> None:
        if not self.call.is_over:
            self._cut("stall")

    def _cut(self, why: str) -> None:
        self.call.cancel(why)
        self._errand.failed(self, failure(why))


def _request(request: SimRequest, max_output: int | None) -> Request:
    return Request(
        input_tokens=request.prompt,
        output_tokens=max_output,
        needs=request.needs,
        deadline=request.deadline - request.arrived,
    )
