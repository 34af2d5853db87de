"""Who is asked next: tier by tier, nobody twice while an untried target can be asked, and the same one again only
with cause.

After a failure: an untried target of the same tier; with none left, the same target once more if the error may pass by
itself; then the tiers in order. A permit is taken last, after any wait.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from random import Random

from failover_plugin.budget import BACKOFF_BASE, OVERLOAD_BACKOFF_BASE, FailoverBudget, full_jitter
from failover_plugin.classify import VERDICTS, Route
from failover_plugin.health import FleetHealth
from failover_plugin.ledger import Ledger
from failover_plugin.model import Attempt, Diagnosis, ErrorClass, Request, Skip, Target
from failover_plugin.policy import Policy
from failover_plugin.selection import excluded, incapable
from failover_plugin.standing import Lease, Standing
from failover_plugin.strategy import STRATEGIES, Strategy

COOLDOWN_SPREAD = 1.1
"""A named Retry-After is stretched by up to this much, so a wait for it may exceed ``patience`` by as much."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What all requests of one ``Failover`` share. ``targets`` are in the order of their tiers.

    ``standings`` are theirs, by id. Replaced targets make a new fleet: requests under way end with the old one.
    ``recent`` are the records of the latest requests, ended or under way.
    """

    targets: tuple[Target, ...]
    standings: Mapping[str, Standing]
    policy: Policy
    health: FleetHealth
    budget: FailoverBudget
    rng: Random
    recent: deque[list[Attempt | Skip]]


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure a request has to go on from."""

    target: Target
    error: BaseException
    diagnosis: Diagnosis


class Succession:
    """One request's order of targets. Told the time; ``deadline`` too is in monotonic seconds."""

    def __init__(
        self, fleet: Fleet, request: Request, ledger: Ledger, *, tried: Sequence[str], deadline: float, lifetime: float
    ) -> None:
        self._policy = fleet.policy
        self._health = fleet.health
        self._standings = fleet.standings
        self._rng = fleet.rng
        self._ledger = ledger
        self._deadline = deadline
        self._lifetime = lifetime
        self._asked = Counter(tried)
        self._paused_before = 0
        self.allowed = [t for t in fleet.targets if self._may_go(t, excluded(t, request))]
        self._offer = self.allowed

    def offer(self, among: Collection[str] | None) -> None:
        """From now on only these targets are on offer; None: all that the request allows."""
        self._offer = [t for t in self.allowed if among is None or t.id in among]

    def pick(self, failure: Failure | None, now: float) -> Lease | float | None:
        """Leave to call the next target, or seconds to wait before asking again, or None: nobody is left."""
        pick = self._first(now) if failure is None else self._after(failure, now)
        if isinstance(pick, Lease):
            self._asked[pick.standing.id] += 1
        return pick

    def pass_over(self, reason: str) -> None:
        """Note why those who are left are not asked any more."""
        for target in self._untried():
            self._ledger.skip(Skip(target=target.id, reason=reason))

    def due_back(self, target: Target, now: float) -> float:
        """Seconds until the target may be asked; infinite if nobody knows."""
        skip = self._health.refusal(self._standings[target.id], now)
        if skip is None:
            return 0.0
        return inf if skip.returns_in is None else skip.returns_in

    # -- the order ----------------------------------------------------------------------------------------------------

    def _first(self, now: float) -> Lease | float | None:
        untried = self._untried()
        if lease := self._admit(untried, now):
            return lease
        if len(self._offer) < len(self.allowed):
            return None  # a host that offers some targets at a time has others to offer: do not wait for these
        wait = min((self.due_back(t, now) for t in untried), default=inf)
        if wait == 0:
            return self._admit(untried, now)  # somebody has come back between the two looks
        return self._pause(wait, now) if wait <= self._policy.patience else None

    def _after(self, failure: Failure, now: float) -> Lease | float | None:
        able = [t for t in self._untried() if self._can_do_better(t, failure)]
        siblings = [t for t in able if t.tier == failure.target.tier]
        return self._admit(siblings, now) or self._repeat(failure, now) or self._admit(able, now)

    def _repeat(self, failure: Failure, now: float) -> Lease | float | None:
        """The target that just failed, once more; never after a timeout, which would take as long again."""
        target = failure.target
        if target not in self._offer or self._asked[target.id] > self._policy.same_target_retries:
            return None
        if self._paused:
            return self._admit([target], now)
        wait = self._backoff(failure, now)
        if wait is None or now + wait >= self._deadline:
            return None
        return self._pause(wait, now) or self._admit([target], now)

    def _backoff(self, failure: Failure, now: float) -> float | None:
        """Seconds before the same target is worth another try; None if it is not."""
        error_class, named = failure.diagnosis.error_class, failure.diagnosis.retry_after
        due, patience = self.due_back(failure.target, now), self._policy.patience
        if not VERDICTS[error_class].retry_same or (named or 0.0) > patience:
            return None
        if error_class is ErrorClass.RATE_LIMIT:
            return due if named is not None and due <= patience * COOLDOWN_SPREAD else None
        base = OVERLOAD_BACKOFF_BASE if error_class is ErrorClass.OVERLOADED else BACKOFF_BASE
        pause = min(patience, full_jitter(base, self._asked[failure.target.id], self._rng))
        return None if due > 0 else max(named or 0.0, pause)

    # -- waiting ------------------------------------------------------------------------------------------------------

    @property
    def _paused(self) -> bool:
        """Whether the next attempt has had its wait."""
        return self._paused_before == self._ledger.number + 1

    def _pause(self, wait: float, now: float) -> float | None:
        if self._paused or wait <= 0 or now + wait >= self._deadline:
            return None
        self._paused_before = self._ledger.number + 1
        return wait

    # -- who may ------------------------------------------------------------------------------------------------------

    def _untried(self) -> list[Target]:
        return [t for t in self._offer if not self._asked[t.id]]

    def _can_do_better(self, target: Target, failure: Failure) -> bool:
        error_class = failure.diagnosis.error_class
        if self._policy.route(error_class) is not Route.CAPABLE:
            return True
        return self._may_go(target, incapable(target, failure.target, error_class))

    def _may_go(self, target: Target, objection: str | None) -> bool:
        if objection:
            self._ledger.skip(Skip(target=target.id, reason=objection))
        return objection is None

    def _admit(self, targets: Iterable[Target], now: float) -> Lease | None:
        """Leave to call one of the first tier that has any; whoever cannot be asked is noted as skipped."""
        for _, tier in groupby(targets, key=lambda t: t.tier):
            if lease := self._admit_one([self._standings[t.id] for t in tier], now):
                return lease
        return None

    def _admit_one(self, tier: list[Standing], now: float) -> Lease | None:
        if len(tier) == 1 and (only := self._health.admit(tier[0], now, self._lifetime)):
            return only  # nothing to choose
        choose = STRATEGIES[self._policy.strategy]
        while True:
            able = [s for s in tier if self._can_be_asked(s, now)]
            if not able:
                return None
            if lease := self._health.admit(choose(able, self._rng, now), now, self._lifetime):
                return lease  # else somebody took the last place in between: look again

    def _can_be_asked(self, standing: Standing, now: float) -> bool:
        skip = self._health.refusal(standing, now)
        if skip is not None:
            self._ledger.skip(skip)
        return skip is None


def outlook(fleet: Fleet, request: Request, now: float) -> tuple[tuple[str, ...], tuple[Skip, ...]]:
    """The order in which targets would be asked if each failed, and those that would not be; takes nothing."""
    order: list[str] = []
    skips: list[Skip] = []
    for _, tier in groupby(fleet.targets, key=lambda t: t.tier):
        pool: list[Standing] = []
        for target in tier:
            reason = excluded(target, request)
            standing = fleet.standings[target.id]
            skip = Skip(target=target.id, reason=reason) if reason else fleet.health.refusal(standing, now)
            if skip:
                skips.append(skip)
            else:
                pool.append(standing)
        order += [s.id for s in _ranked(pool, STRATEGIES[fleet.policy.strategy], now)]
    return tuple(order), tuple(skips)


def _ranked(pool: list[Standing], choose: Strategy, now: float) -> list[Standing]:
    rng = Random(0)  # noqa: S311 - a throw-away, so that looking changes no later decision
    ranked: list[Standing] = []
    while pool:
        ranked.append(chosen := choose(pool, rng, now))
        pool.remove(chosen)
    return ranked
