"""The oracle knows every target's true state now, and no single call's outcome: no policy can be better informed.

It picks the least loaded good target of the cheapest tier that has one, and waits up to 10 s if there is none. Good is
a target that serves such a request, has no fault, room in its rate window and a free place. A call that fails is
repeated like anybody's, on a target not tried yet if the tier has one; a stream that breaks goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import inf
from random import Random
from typing import TypeAlias

from failover_plugin.model import Target
from failover_plugin.simulation.opponents.host import call, tiers
from failover_plugin.simulation.protocol import Reply, SimRequest, Step, Wait, WorldView

PATIENCE = 10.0
"""Seconds, as in the catalogue of scenarios."""
LOOKS_EVERY = 0.1
"""Seconds between two looks at the world while it waits."""
MAX_CALLS = 5
"""As many as the policy it is the measure of."""
TIMEOUT = 10.0
"""Seconds of silence: a fault may begin under a call that started well."""

_Rank: TypeAlias = tuple[bool, float, int]
"""Tried already, share of its places taken, calls under way: the least is the best."""

_IDLE: _Rank = (False, 0.0, 0)
_MOST: _Rank = (True, inf, 0)


class Oracle:
    """The tiers, and the truth about them."""

    def __init__(self, targets: Sequence[Target], now: Callable[[], float], world: WorldView) -> None:
        self._tiers = tiers(targets)
        self._now = now
        self._world = world

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:
        """Call good targets until one delivers."""
        tried: list[Target] = []
        for _ in range(MAX_CALLS):
            target = yield from self._find(request, tried)
            if target is None:
                return False
            outcome = yield from call(target, TIMEOUT)
            if outcome.ok:
                return True
            tried.append(target)
        return False

    def _find(self, request: SimRequest, tried: list[Target]) -> Generator[Step, Reply, Target | None]:
        until = self._now() + PATIENCE
        while (target := self._pick(request, tried)) is None and self._now() < until:
            yield Wait(LOOKS_EVERY)
        return target

    def _pick(self, request: SimRequest, tried: list[Target]) -> Target | None:
        for tier in self._tiers:
            best, least = None, _MOST
            for target in tier:
                rank = self._rank(target, tried)
                if rank < least and self._is_good(target, request):
                    best, least = target, rank
                if least == _IDLE:
                    break
            if best is not None:
                return best
        return None

    def _is_good(self, target: Target, request: SimRequest) -> bool:
        world = self._world
        return (
            world.can_serve(target, request)
            and not world.is_sick(target)
            and world.in_flight(target) < world.capacity(target)
            and world.admits(target, request)
        )

    def _rank(self, target: Target, tried: list[Target]) -> _Rank:
        in_flight = self._world.in_flight(target)
        return target in tried, in_flight / self._world.capacity(target), in_flight


def make(targets: Sequence[Target], now: Callable[[], float], _rng: Random, world: WorldView) -> Oracle:
    """One for one worker."""
    return Oracle(targets, now, world)
