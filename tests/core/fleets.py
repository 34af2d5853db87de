"""A fleet's health on a stage: what is asked, what comes of it, and what is known of whom, at any time one likes."""

from __future__ import annotations

from random import Random
from typing import Any

from core.scripted import diagnosis

from failover_plugin.events import Event, Listeners
from failover_plugin.hand import Hand
from failover_plugin.health import FleetHealth
from failover_plugin.health_report import TargetHealth
from failover_plugin.lease import Lease
from failover_plugin.model import Diagnosis, ErrorClass, Request, Target
from failover_plugin.policy import Policy
from failover_plugin.roster import EVERYBODY
from failover_plugin.standing import Grade, Standing

LONG = 1e6
"""Seconds: such a lease never expires in a story."""


class Stage:
    """Targets, in the order of their tiers, and their health; every event is kept."""

    def __init__(
        self, *targets: Target, seed: int = 0, now: float = 1000.0, listening: bool = True, **policy: Any
    ) -> None:
        self.now = now
        self.events: list[Event] = []
        self.health = FleetHealth(
            targets, Policy(**policy), Random(seed), Listeners(self.events.append) if listening else None
        )
        self.hand = Hand(self.health)

    def __getitem__(self, target_id: str) -> Standing:
        return self.health.roster.by_id[target_id]

    # -- calls --------------------------------------------------------------------------------------------------------

    def admit(self, target_id: str, *, streaming: bool = False, lifetime: float = LONG, **facts: Any) -> Lease:
        lease = self.health.admit(self[target_id], Request(**facts), self.now, lifetime, streaming=streaming)
        assert lease is not None, self.health.refusal(self[target_id], self.now)
        return lease

    @staticmethod
    def pick_request(**facts: Any) -> Request:
        return Request(**facts)

    def pick(self, free: int = EVERYBODY, *, backup: bool = False, **facts: Any) -> Lease | None:
        request = Request(**facts)
        free &= self.health.selection.allowed(request)
        return self.health.pick(request, free, self.health.selection, self.now, LONG, backup=backup)

    def asks(self, count: int = 1, **facts: Any) -> str:
        """Who gets the next requests, each answered before the next; a dash where nobody can be asked."""
        asked = ""
        for _ in range(count):
            lease = self.pick(**facts)
            asked += lease.standing.id if lease else "-"
            if lease:
                self.end(lease)
        return asked

    def end(self, lease: Lease, *, tokens: float | None = None) -> None:
        self.health.succeeded(lease, self.now, tokens)

    def speak(self, lease: Lease, *, prompt: int | None = None) -> None:
        """The first content of a stream."""
        self.health.answered(lease, self.now, LONG, prompt)

    def leave(self, lease: Lease) -> None:
        self.health.released(lease, self.now)

    def lose(self, lease: Lease, what: ErrorClass | str | Diagnosis = "server_error") -> None:
        said = what if isinstance(what, Diagnosis) else diagnosis(what)
        self.health.failed(lease, said, self.now)

    def fail(self, target_id: str, what: ErrorClass | str | Diagnosis = "server_error", times: int = 1) -> None:
        """Calls that were made together fail together."""
        for lease in [self.admit(target_id) for _ in range(times)]:
            self.lose(lease, what)

    def succeed(self, target_id: str, times: int = 1) -> None:
        for _ in range(times):
            self.end(self.admit(target_id))

    def stream(self, target_id: str, seconds: float, *, prompt: int | None = None) -> None:
        """A stream from begin to end, whose first content takes so long."""
        lease = self.admit(target_id, streaming=True)
        self.now += seconds
        self.speak(lease, prompt=prompt)
        self.end(lease)

    def pace(self, target_id: str, seconds: float, times: int = 1) -> None:
        """One of its streams, or one more if there is none, tells how long their chunks take so often."""
        open_ = [lease for lease in self.health.leases.open if lease.standing is self[target_id]]
        lease = open_[0] if open_ else self.admit(target_id, streaming=True)
        for _ in range(times):
            self.now += 0.1
            self.health.paced(lease, seconds, self.now)
        if not open_:
            self.leave(lease)

    def acquaint(self, target_id: str, seconds: float, times: int = 30) -> None:
        """Streams enough for its usual time to first content to be known."""
        for _ in range(times):
            self.stream(target_id, seconds)

    def trip(self, target_id: str, what: ErrorClass | str = "server_error") -> None:
        self.fail(target_id, what, times=3)

    # -- what is known ------------------------------------------------------------------------------------------------

    def usable(self) -> str:
        """The ids that may be asked; whoever chooses and whoever explains must agree."""
        self.health.roster.catch_up(self.now)
        usable = ""
        for standing in self.health.roster.standings:
            allowed = self.health.refusal(standing, self.now) is None
            graded = standing.grade not in (Grade.OUT, Grade.FULL)
            assert allowed == graded or standing.rates, (
                standing.id,
                standing.grade,
            )  # a window is looked at when asked
            usable += standing.id if allowed else ""
        return usable

    def grade(self, target_id: str) -> Grade:
        self.health.roster.catch_up(self.now)
        return self[target_id].grade

    def line(self, target_id: str) -> TargetHealth:
        return self.health.report(self.now)[target_id]

    def back_in(self, target_id: str) -> float:
        skip = self.health.refusal(self[target_id], self.now)
        assert skip is not None
        assert skip.returns_in is not None
        return skip.returns_in

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
