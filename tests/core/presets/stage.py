"""What the presets' stories share: a fleet under a preset, on a fake clock, called as the designs' own callers did."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from core.scripted import broken

from failover_plugin import Failover, Permit, Policy, Request, Target
from failover_plugin.health_report import TargetHealth
from failover_plugin.testing import FakeClock


class Stage:
    """Select, call, record: one call at a time, or several at once."""

    def __init__(self, targets: Iterable[Target], policy: Policy, *, seed: int = 1) -> None:
        self.clock = FakeClock()
        self.failover = Failover(targets, policy, clock=self.clock, rng=Random(seed))

    def takes(self, *among: str, request: Request | None = None) -> Permit:
        permit = self.failover.acquire(request, among=among or None)
        assert permit is not None
        return permit

    def finds_nobody(self, *among: str) -> bool:
        return self.failover.acquire(among=among or None) is None

    def succeeds(self, *among: str) -> str:
        permit = self.takes(*among)
        permit.success()
        return permit.target.id

    def fails(self, *among: str, error: BaseException | None = None) -> str:
        permit = self.takes(*among)
        if isinstance(error, TimeoutError):
            self.clock.advance(0.2)
        permit.failure(error or broken())
        return permit.target.id

    def fails_at_once(self, target_id: str, times: int, error: BaseException | None = None) -> None:
        """So many calls are under way at this target when it dies."""
        permits = [self.takes(target_id) for _ in range(times)]
        for permit in permits:
            permit.failure(error or broken())

    def streams(self, seconds: float, *among: str) -> str:
        """A stream whose first content takes so long."""
        permit = self.failover.acquire(among=among or None, streaming=True)
        assert permit is not None
        self.clock.advance(seconds)
        permit.first_content()
        permit.success()
        return permit.target.id

    def line(self, target_id: str) -> TargetHealth:
        return self.failover.health()[target_id]

    @property
    def current(self) -> str | None:
        now = self.failover.current()
        return now and now.id
