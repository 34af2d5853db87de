"""All servers of a run: what becomes of a call, and the view of their true state that only the oracle has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.call import Listener, SimCall
from failover_plugin.simulation.failures import retry_after_headers
from failover_plugin.simulation.faults import ActiveFault
from failover_plugin.simulation.history import Tried
from failover_plugin.simulation.kernel import Kernel
from failover_plugin.simulation.protocol import SimRequest
from failover_plugin.simulation.server import Server
from failover_plugin.simulation.stalls import Late, Stalls

_REFUSALS = frozenset(("error", "429", "quota", "auth", "refuse", "empty", "error_body"))


class World:
    """Answers calls. ``max_output`` is the ``max_tokens`` that all callers send, which counts towards a window."""

    def __init__(
        self,
        kernel: Kernel,
        servers: Mapping[str, Server],
        rng: Random,
        *,
        base_error: float,
        max_output: int,
        lacks: Mapping[str, Collection[str]] | None = None,
        stalls: Stalls | None = None,
    ) -> None:
        self.tried: list[Tried] = []
        self._kernel, self._servers, self._rng = kernel, servers, rng
        self._base_error, self._max_output = base_error, max_output
        self._lacks = lacks or {}
        self.stalls = stalls
        """When the processes that ask stand still; None: never."""

    def runs(self, at: float, worker: int) -> float:
        """When this worker's process runs, at that time or as soon as it goes on."""
        return at if self.stalls is None else self.stalls.over(at, worker)

    def start(self, target: Target, request: SimRequest, listener: Listener, done: int = 0) -> SimCall:
        """Make a call; of an answer that broke off, ``done`` tokens have been delivered before."""
        server = self._servers[target.id]
        if self.stalls is not None:
            listener = Late(self._kernel, self.stalls, request.worker, listener)
        call = SimCall(self._kernel, server, request, listener, done, self.tried)
        now, rng = self._kernel.now, self._rng
        if request.is_bug:
            call.raise_at_once("bug")
            return call
        fault = server.struck_by(now, request.worker, rng)
        if fault is not None and fault.kind in _REFUSALS:
            call.refuse(fault.kind, rng, self._headers(fault, now))
        elif refusal := self._refusal(server, request, call.prompt, now):
            call.refuse(refusal, rng, self._hint(server, now) if refusal == "429" else None)
        else:
            if server.window is not None:
                server.window.take(now, call.prompt)
            call.serve(fault, rng)
        return call

    def _refusal(self, server: Server, request: SimRequest, prompt: int, now: float) -> str | None:
        if server.window is not None and not server.window.admits(now, prompt):
            return "429"
        if misfit := self._misfit(server.target, request):
            return misfit
        if server.is_full(now):
            return "529"
        return "error" if self._rng.random() < self._base_error else None

    def _misfit(self, target: Target, request: SimRequest) -> str | None:
        if target.context_window is not None and request.prompt + self._max_output > target.context_window:
            return "ctx"
        if not request.needs.isdisjoint(self._lacks.get(target.id, ())):
            return "unsupported"
        return "unsupported" if target.capabilities and not request.needs <= target.capabilities else None

    def _headers(self, fault: ActiveFault, now: float) -> dict[str, str] | None:
        return retry_after_headers(fault, now, self._rng) if fault.kind == "429" else None

    def _hint(self, server: Server, now: float) -> dict[str, str]:
        assert server.window is not None  # noqa: S101 - for the type checker: it has just rejected
        return {"retry-after": f"{server.window.ends_in(now):.3f}"}

    # -- for the oracle -----------------------------------------------------------------------------------------------

    def is_sick(self, target: Target) -> bool:
        """Whether a fault is active that harms calls started now."""
        return self._servers[target.id].is_sick(self._kernel.now)

    def slowdown(self, target: Target) -> float:
        """Factor on its times now, 1 for an idle healthy target."""
        return self._servers[target.id].slowdown(self._kernel.now)

    def in_flight(self, target: Target) -> int:
        """Calls that hold a slot of its server."""
        return self._servers[target.id].in_flight

    def capacity(self, target: Target) -> float:
        """Calls it takes at once without slowing, now; inf without a limit."""
        return self._servers[target.id].capacity(self._kernel.now)

    def admits(self, target: Target, request: SimRequest) -> bool:
        """Whether its key's rate window lets this request in now."""
        window = self._servers[target.id].window
        return window is None or window.admits(self._kernel.now, request.prompt)

    def admits_in(self, target: Target, request: SimRequest) -> float:
        """Seconds until its key's rate window lets this request in; 0 if it does now."""
        window = self._servers[target.id].window
        return 0.0 if window is None or self.admits(target, request) else window.ends_in(self._kernel.now)

    def can_serve(self, target: Target, request: SimRequest) -> bool:
        """Whether the request fits: context window and capabilities."""
        return not request.is_bug and self._misfit(target, request) is None
