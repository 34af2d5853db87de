"""R2, auth profiles: the first profile whose circuit is closed, again and again, then the fallback models.

The table R2 of the reference systems, and the module it was read from (rustyclaw, ``models/failover.rs``): Sequential,
a circuit opens at 3 consecutive failures, lets everybody through again after ``circuit_break_secs`` 60, ``max_retries``
3. The preferred tier's targets are the profiles of one provider, each later tier is a fallback model with a provider of
its own. That module has no loop; its caller is the plain one that its settings describe: select, call, record, at most
``max_retries`` times again, then each fallback model once.

Its defects are kept: Sequential picks the profile that has just failed until it is open; every error counts, the
caller's own too; a failure that comes late stamps the opening anew, a success that comes late closes; after 60 s
everybody enters at once; time is in whole seconds; ``rate_limit_rpm`` is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random

from failover_plugin.model import Target
from failover_plugin.simulation.opponents.host import call, seems_fine, tiers
from failover_plugin.simulation.protocol import Outcome, Reply, SimRequest, Step, WorldView

FAILURES_TO_OPEN = 3
CIRCUIT_BREAK_SECS = 60
MAX_RETRIES = 3


@dataclass(slots=True)
class _Profile:
    target: Target
    failures: int = 0
    opened_at: int | None = None

    def is_open(self, second: int) -> bool:
        return self.opened_at is not None and second - self.opened_at < CIRCUIT_BREAK_SECS

    def record(self, second: int, *, succeeded: bool) -> None:
        if succeeded:
            self.failures, self.opened_at = 0, None
            return
        self.failures += 1
        if self.failures >= FAILURES_TO_OPEN:
            self.opened_at = second


class Profiles:
    """The profiles of the provider, and those of the fallback models."""

    def __init__(self, targets: Sequence[Target], now: Callable[[], float]) -> None:
        self._providers = [[_Profile(target) for target in tier] for tier in tiers(targets)]
        self._now = now

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """The provider's profiles, with retries, then the fallback models."""
        provider, *fallbacks = self._providers
        for profiles in [*[provider] * (1 + MAX_RETRIES), *fallbacks]:
            profile = self._select(profiles)
            if profile is None:
                continue
            outcome = yield from self._call(profile)
            if outcome.first or seems_fine(outcome):
                return outcome.ok
        return False

    def _call(self, profile: _Profile) -> Generator[Step, Reply, Outcome]:
        outcome = yield from call(profile.target)
        profile.record(int(self._now()), succeeded=seems_fine(outcome))
        return outcome

    def _select(self, profiles: list[_Profile]) -> _Profile | None:
        second = int(self._now())
        return next((profile for profile in profiles if not profile.is_open(second)), None)


def make(targets: Sequence[Target], now: Callable[[], float], _rng: Random, _world: WorldView) -> Profiles:
    """One for one worker."""
    return Profiles(targets, now)
