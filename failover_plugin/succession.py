"""Who is asked next: tier by tier, nobody twice while an untried target can be asked, and the same one again only
with cause.

After an empty answer: one other target, if one can be asked at once. After a failure: an untried target of the same
tier; with none left, the same target once more if the error may pass by itself; then the tiers in order. If nobody can
be asked, a request waits for who is due back or full, as long as its patience lasts; then, if the policy says so, it
asks whoever is due first. When everybody is out its last try comes later. A permit is taken last, after any wait.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from random import Random

from failover_plugin.budget import BACKOFF_BASE, OVERLOAD_BACKOFF_BASE, full_jitter
from failover_plugin.classify import Route
from failover_plugin.health import FleetHealth
from failover_plugin.lease import Lease
from failover_plugin.ledger import Ledger
from failover_plugin.model import Attempt, Diagnosis, ErrorClass, Request, Scope, Skip, Target
from failover_plugin.policy import Policy
from failover_plugin.roster import EVERYBODY, Roster, bits
from failover_plugin.selection import Selection, excluded, incapable
from failover_plugin.standing import PER_MINUTE, Grade, Standing, refused_lately
from failover_plugin.start import Start

COOLDOWN_SPREAD = 1.1
"""A named Retry-After is stretched by up to this much, so a wait for it may exceed ``patience`` by as much."""
NOTED = 8
"""Targets passed over that a trail names for each reason it could have to name thousands."""
PUT_OFF = (0.8, 1.0)
"""Shares of ``patience`` between which the last try of a request is put off when everybody is out."""
MOMENT = 1e-6
"""Seconds that nobody waits for: a clock's rounding."""
LOOK_AGAIN = 1.0
"""Seconds: longest sleep of a request that waits for a place, should nobody wake it."""
GRACE = 30.0
"""Seconds beyond an attempt's own timeout in which a call must have ended. Later it counts as lost, as no evidence: one
that never ends would else hold its place as a probe, and so its target, for good.
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What all requests of one ``Failover`` share. ``recent`` are the records of the latest, ended or under way."""

    policy: Policy
    health: FleetHealth
    rng: Random
    recent: deque[list[Attempt | Skip | Start]]
    lifetime: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure a request has to go on from."""

    target: Target
    error: BaseException
    diagnosis: Diagnosis
    aside: bool = False
    """Whether its target was asked only because nobody better was left."""
    empty: bool = False
    """Whether it is an answer that says nothing, and there to be handed out."""
    exhausted: bool = False
    """Whether its target is a failover itself, with nobody left."""


class Succession:
    """One request's order of targets. Told the time; ``deadline`` too is in monotonic seconds."""

    __slots__ = (
        "_allowed",
        "_allowed_at_all",
        "_asked",
        "_deadline",
        "_facing",
        "_fleet",
        "_has_put_off",
        "_incapable",
        "_last_try",
        "_later",
        "_ledger",
        "_mask",
        "_now",
        "_offered",
        "_patience",
        "_paused_before",
        "_paused_until",
        "_request",
        "_streaming",
        "_waiting_since",
    )

    def __init__(
        self, fleet: Fleet, request: Request, ledger: Ledger, *, tried: Sequence[str], deadline: float, streaming: bool
    ) -> None:
        self._fleet = fleet
        self._request = request
        self._ledger = ledger
        self._deadline = deadline
        self._streaming = streaming
        self._asked: dict[str, int] = dict(Counter(tried)) if tried else {}
        self._mask = 0
        """Targets asked, as a bit set."""
        self._offered: Collection[str] | None = None
        self._incapable: frozenset[str] = frozenset()
        """Who is known to do no better with what has failed."""
        self._later: Iterable[str] = ()
        self._allowed = self._allowed_at_all = EVERYBODY
        self._patience = fleet.policy.patience
        self._paused_before = 0
        self._paused_until = 0.0
        self._waiting_since: float | None = None
        self._last_try: str | None = None
        """Whom the last try is for, while it is put off."""
        self._has_put_off = False
        self._facing: Selection | None = None
        self._now: Roster
        """The present targets, since ``free`` was asked last."""

    def offer(self, among: Collection[str] | None, later: Iterable[str], patience: float) -> None:
        """From now on only these targets are on offer; None: all that the request allows. ``later``: whom the host will
        offer if nobody of these is asked. ``patience``: the host's own, in seconds, if it has more than the policy.
        """
        self._later = later
        own = self._fleet.policy.patience
        self._patience = patience if patience > own else own
        if among is not self._offered:
            self._offered, self._facing = among, None

    def pick(self, failure: Failure | None, now: float) -> Lease | float | None:
        """Leave to call the next target, or seconds to wait before asking again, or None: nobody is left."""
        pick = self._try_last(now) if self._last_try else None
        if pick is None:
            pick = self._first(now) if failure is None else self._after(failure, now)
        if isinstance(pick, Lease):
            self._take(pick.standing)
        return pick

    def pick_backup(self, now: float, *, desperate: bool = False) -> Lease | None:
        """Leave to call a healthy target beside one that is late, if there is one; of the ``desperate``, any that may
        be asked at all.
        """
        lease = self._ask(EVERYBODY, now, backup=not desperate)
        if lease is None and desperate:
            found = self._ask_aside(self.free(), now)
            lease = found if isinstance(found, Lease) else None
        if lease:
            self._take(lease.standing)
        return lease

    def protected(self, standing: Standing) -> bool:
        """Whether somebody else could step in for this target."""
        free = self.free() & ~(1 << standing.index)
        return any(tier.mask & free for tier in self._now.tiers)

    def anybody_left(self) -> bool:
        """Whether there is somebody who has not been asked, and an attempt."""
        left = self._ledger.number < self._fleet.health.attempts
        return left and any(not standing.disabled for standing in self._some(self.free()))

    def pass_over(self, reason: str) -> None:
        """Note why those who are left are not asked any more."""
        for standing in self._few(self.free()):
            self._ledger.skip(Skip(target=standing.id, reason=reason))

    def due_back(self, now: float) -> float:
        """Seconds until the first of all that the request allows may be asked. One that may be asked now has failed
        this request, and counts as back after the shortest opening.
        """
        self.free()
        soon = self._fleet.policy.breaker.open_base
        return min((self._due(s, now) or soon for s in self._some(self._allowed)), default=inf)

    # -- the order ----------------------------------------------------------------------------------------------------

    def _first(self, now: float) -> Lease | float | None:
        if lease := self._ask(EVERYBODY, now):
            return lease
        free = self.free()
        if self._fleet.policy.last_resort == "each":
            return self._beyond(free, now)
        if self._better_later():
            return None
        wait = self._queue(free, now)
        return self._earliest(free, now) if wait is None else wait

    def _after(self, failure: Failure, now: float) -> Lease | float | None:
        if failure.diagnosis.scope is Scope.LOCAL and (lease := self._anew(failure, now)):
            return lease
        able = self._able(failure)
        failed = self._now.by_id.get(failure.target.id)
        siblings = able & failed.tier.members if failed else 0
        if failure.empty:  # there is an answer: it is not kept back for anybody who is slow, full or out of order
            return (siblings and self._ask(siblings, now)) or self._ask(able, now)
        pick = (siblings and self._ask(siblings, now)) or self._repeat(failure, able, now) or self._ask(able, now)
        return self._beyond(able, now) if pick is None and self._fleet.policy.last_resort == "each" else pick

    def _anew(self, failure: Failure, now: float) -> Lease | None:
        """The same target at once, if its connection was of no use any more: of an event loop that is gone."""
        standing = self._now.by_id.get(failure.target.id)
        gone = failure.diagnosis.error_class is ErrorClass.NETWORK
        return self._admit(standing, now) if gone and standing and self._asked.get(standing.id) == 1 else None

    def _repeat(self, failure: Failure, able: int, now: float) -> Lease | float | None:
        """The target that just failed, once more, if an attempt is left for everybody who has not been asked; never
        after a timeout, which would take as long again.
        """
        standing, health = self._now.by_id.get(failure.target.id), self._fleet.health
        if standing is None or failure.aside or failure.exhausted or not self._may_repeat(standing, able):
            return None
        if not health.spend(now):
            self._ledger.skip(Skip(target=standing.id, reason="the failover budget for repeats is spent"))
            return None
        pick = self._once_more(standing, failure, now, last=not able & self._now.everybody)
        if not isinstance(pick, Lease):
            health.refund()
        return pick

    def _once_more(self, standing: Standing, failure: Failure, now: float, *, last: bool) -> Lease | float | None:
        if self._paused:
            rest = self._paused_until - now  # left, if it was woken for the sake of others
            return rest if rest > MOMENT else self._admit(standing, now)
        if not self._may_pass_soon(failure):
            return None
        if last and (later := self._put_off(standing, now)):
            return later
        wait = self._backoff(standing, failure, now)
        if wait is None or now + wait >= self._deadline:
            return None
        return self._pause(wait, now) or self._admit(standing, now)

    def _may_pass_soon(self, failure: Failure) -> bool:
        """Whether its kind passes by itself, in as long as a request would wait for it."""
        named = failure.diagnosis.retry_after or 0.0
        return self._passes_by_itself(failure.diagnosis.error_class) and named <= self._fleet.policy.patience

    # -- when everybody is out ----------------------------------------------------------------------------------------

    def _put_off(self, standing: Standing, now: float) -> float | None:
        """Seconds by which the last try of a request, at this target, is put off if everybody is out: it loses nothing
        by coming later, and may outlive the trouble. None: at once.
        """
        if self._has_put_off or not self._all_are_out(standing):
            return None
        wait = self._pause(self._fleet.rng.uniform(*PUT_OFF) * self._patience, now)
        if wait is not None:
            self._last_try, self._has_put_off = standing.id, True
            self._waiting_since = now + wait  # patience is for what follows
        return wait

    def _try_last(self, now: float) -> Lease | float | None:
        """Whoever is well by now, though it has been asked before; else, when it is time, the one that was left."""
        free, health, rest = self.free(), self._fleet.health, self._paused_until - now
        left = self._now.by_id.get(self._last_try or "")
        again = left is not None and left.id in self._asked
        if left is None or (again and not health.spend(now)):
            self._last_try = None
            return None
        able = free if self._fleet.policy.same_target_retries is not None else self._allowed
        able &= ~self._now.mask_of(self._incapable)
        able = sum(1 << s.index for s in self._some(able) if not s.counts.streak)  # who has answered since
        well = next((tier.mask & able for tier in self._now.tiers if tier.mask & able), 0)
        found: Lease | float | None = None
        if well and self._facing:
            lifetime = self._fleet.lifetime
            found = health.pick(self._request, well, self._facing, now, lifetime, streaming=self._streaming)
        if found is None:
            found = rest if rest > MOMENT else self._patiently(self._ask_aside(1 << left.index, now), now)
        if found is None:
            self._last_try = None
        if again and not isinstance(found, Lease):
            health.refund()
        return found

    def _all_are_out(self, standing: Standing) -> bool:
        """Whether whoever this request has asked besides has failed more than once, in a way that passes: the trouble
        is a common one.
        """
        by_id, self._later = self._now.by_id, tuple(self._later)
        others = [by_id.get(id_) for id_ in self._asked if id_ != standing.id]
        return (
            bool(others)
            and all(id_ in self._asked for id_ in self._later)
            and self._passes(standing)
            and all(s and s.counts.streak > 1 and self._passes(s) for s in others)
        )

    def _passes(self, standing: Standing) -> bool:
        """Whether what it failed with last may pass by itself."""
        last = standing.counts.last
        return last is not None and self._passes_by_itself(last.error_class)

    def _passes_by_itself(self, error_class: ErrorClass) -> bool:
        return self._fleet.policy.verdict(error_class).retry_same

    def _may_repeat(self, standing: Standing, able: int) -> bool:
        on_offer = self._allowed >> standing.index & 1 and (self._offered is None or standing.id in self._offered)
        asked, retries = self._asked.get(standing.id, 0), self._fleet.policy.same_target_retries
        if not on_offer or retries is not None:
            return bool(on_offer) and asked <= (retries or 0)
        left = self._fleet.health.attempts - self._ledger.number
        return asked <= 1 and left > (able & self._now.everybody).bit_count()

    def _backoff(self, standing: Standing, failure: Failure, now: float) -> float | None:
        """Seconds before the same target is worth another try; None if it is out."""
        error_class, named = failure.diagnosis.error_class, failure.diagnosis.retry_after
        due, patience = self._due(standing, now), self._fleet.policy.patience
        if error_class is ErrorClass.RATE_LIMIT:
            return due if named is not None and due <= patience * COOLDOWN_SPREAD else None
        base = OVERLOAD_BACKOFF_BASE if error_class is ErrorClass.OVERLOADED else BACKOFF_BASE
        retry = self._asked.get(standing.id, 1)
        pause = min(patience, full_jitter(base, retry, self._fleet.rng))
        return None if due > 0 else max(named or 0.0, pause)

    # -- waiting ------------------------------------------------------------------------------------------------------

    @property
    def _paused(self) -> bool:
        """Whether the next attempt has had its wait."""
        return self._paused_before == self._ledger.number + 1

    def _pause(self, wait: float, now: float) -> float | None:
        if self._paused or wait <= 0 or now + wait >= self._deadline:
            return None
        self._paused_before, self._paused_until = self._ledger.number + 1, now + wait
        return wait

    def _queue(self, free: int, now: float) -> Lease | float | None:
        """Wait for who is full, or due back; a limit that is only a guess gives way to patience."""
        left = self._patience_left(now)
        if any(tier.full & free for tier in self._now.tiers):
            return min(left, LOOK_AGAIN) if 0 < left < self._deadline - now else self._fail_open(free, now)
        wait = min((self._due(s, now) for s in self._some(free)), default=inf)
        return max(wait, 1e-3) if wait <= left and now + wait < self._deadline else None

    def _beyond(self, free: int, now: float) -> Lease | float | None:
        """Nobody is left whom one would ask. Wait for who is full, go beyond a limit that is only a guess, ask those
        set aside, and wait for those who are left alone even then.
        """
        if self._better_later():
            return None
        left = self._patience_left(now)
        if any(tier.full & free for tier in self._now.tiers):
            if 0 < left < self._deadline - now:
                return min(left, LOOK_AGAIN)
            if lease := self._fail_open(free, now):
                return lease
        remaining = [s for s in self._some(free) if not s.disabled]
        if len(remaining) == 1 and not self._paused and (wait := self._put_off(remaining[0], now)):
            return wait
        return self._patiently(self._ask_aside(free, now), now)

    def _patiently(self, found: Lease | float, now: float) -> Lease | float | None:
        """The wait, if it is one, as far as patience and the deadline allow it."""
        if isinstance(found, Lease):
            return found
        return found if found <= self._patience_left(now) and now + found < self._deadline else None

    def _patience_left(self, now: float) -> float:
        """Seconds that this request still waits for others; counted from the first time that it asks."""
        since = self._waiting_since = now if self._waiting_since is None else self._waiting_since
        return since + self._patience - now

    def _ask_aside(self, free: int, now: float) -> Lease | float:
        health, fleet = self._fleet.health, self._fleet
        return health.ask_aside(self._some(free), self._request, now, fleet.lifetime, streaming=self._streaming)

    def _better_later(self) -> bool:
        """Whether the host has somebody well to offer if these are not asked; not one that failed when last asked."""
        by_id = self._now.by_id
        self._later = tuple(self._later)
        left = self._allowed_at_all & ~self._mask
        later = (by_id.get(target_id) for target_id in self._later)
        return any(s and s.grade <= Grade.DEGRADED and not s.counts.streak and left >> s.index & 1 for s in later)

    def _fail_open(self, free: int, now: float) -> Lease | None:
        full = [s for tier in self._now.tiers for s in self._some(tier.full & free) if self._is_guess(s, now)]
        return self._force(min(full, key=lambda s: (s.counts.in_flight, s.index)), now) if full else None

    def _is_guess(self, standing: Standing, now: float) -> bool:
        most = standing.target.max_parallel
        allowed = most is None or standing.counts.in_flight < most
        return allowed and not standing.ramping and not refused_lately(standing, self._fleet.policy, now)

    def _earliest(self, free: int, now: float) -> Lease | None:
        """Whoever is due back first, but not everybody at the same one."""
        if self._fleet.policy.last_resort == "off":
            return None
        able = [s for s in self._some(free) if not s.disabled and s.due < inf]
        return self._force(min(able, key=lambda s: (s.counts.in_flight, s.due, s.index)), now) if able else None

    # -- who may ------------------------------------------------------------------------------------------------------

    def free(self) -> int:
        """Who may still be asked, as a bit set of the present targets."""
        if self._facing is not (selection := self._fleet.health.selection):
            self._face(selection)
        return self._allowed & ~self._mask if self._mask or self._allowed != EVERYBODY else EVERYBODY

    def _face(self, selection: Selection) -> None:
        """These are the targets now; note whom the request excludes."""
        self._facing, roster = selection, selection.roster
        self._now = roster
        allowed = selection.allowed(self._request)
        if allowed != EVERYBODY:
            self._note_excluded(roster, allowed)
        self._allowed = self._allowed_at_all = allowed
        if self._offered is not None:
            self._allowed = allowed & roster.mask_of(self._offered)
        self._mask = roster.mask_of(self._asked) if self._asked else 0

    def _note_excluded(self, roster: Roster, allowed: int) -> None:
        for standing in self._few(roster.everybody & ~allowed):
            if reason := excluded(standing.target, self._request):
                self._ledger.skip(Skip(target=standing.id, reason=reason))

    def _able(self, failure: Failure) -> int:
        """Who is left, and not known to do no better with what failed."""
        free, error_class = self.free(), failure.diagnosis.error_class
        route = self._fleet.policy.route(error_class)
        if route is Route.OTHER:
            return self._of_others(free, failure.target)
        if route is Route.CAPABLE:
            for standing in self._some(free):
                if objection := incapable(standing.target, failure.target, error_class):
                    self._ledger.skip(Skip(target=standing.id, reason=objection))
                    self._incapable |= {standing.id}
        return free & ~self._now.mask_of(self._incapable) if self._incapable else free

    def _of_others(self, free: int, refused: Target) -> int:
        """Those of other providers, or, if there are none, of other models."""
        left = list(self._some(free))
        strangers = [s for s in left if s.target.provider != refused.provider]
        others = strangers or [s for s in left if s.target.model != refused.model]
        return sum(1 << standing.index for standing in others)

    def _ask(self, restriction: int, now: float, *, backup: bool = False) -> Lease | None:
        free = self.free()
        wanted = free if restriction == EVERYBODY else free & restriction
        facing, fleet = self._facing, self._fleet
        assert facing is not None  # noqa: S101 - for the type checker: free() has seen to it
        lease = fleet.health.pick(
            self._request, wanted, facing, now, fleet.lifetime, streaming=self._streaming, backup=backup
        )
        if not backup and self._now.unready:
            self._note_passed_over(wanted, lease, now)
        if lease is None and not backup:
            self._note_short_of_tokens(wanted, now)
        return lease

    def _note_short_of_tokens(self, wanted: int, now: float) -> None:
        """Who would be asked, had it tokens enough for this request."""
        for tier in self._now.tiers:
            for standing in self._few(tier.ready & wanted):
                if wait := self._fleet.health.lacks_tokens(standing, self._request, now):
                    self._ledger.skip(Skip(target=standing.id, reason=PER_MINUTE, returns_in=wait))

    def _note_passed_over(self, wanted: int, lease: Lease | None, now: float) -> None:
        chosen = lease.standing if lease else None
        for tier in self._now.tiers:
            for standing in self._few((tier.out | tier.full | tier.probes) & wanted):
                if standing is not chosen and (skip := self._fleet.health.refusal(standing, now)):
                    self._ledger.skip(skip)
            if chosen and chosen.tier is tier:
                return
            for standing in self._few(tier.degraded & wanted) if chosen else ():
                self._ledger.skip(Skip(target=standing.id, reason="degraded: " + _why(standing)))

    def _admit(self, standing: Standing, now: float) -> Lease | None:
        lease = self._fleet.health.admit(standing, self._request, now, self._fleet.lifetime, streaming=self._streaming)
        if lease is None and (skip := self._fleet.health.refusal(standing, now)):
            self._ledger.skip(skip)
        return lease

    def _force(self, standing: Standing, now: float) -> Lease:
        return self._fleet.health.force(standing, self._request, now, self._fleet.lifetime, streaming=self._streaming)

    def _take(self, standing: Standing) -> None:
        self._asked[standing.id] = self._asked.get(standing.id, 0) + 1
        self._mask |= 1 << standing.index
        self._waiting_since = self._last_try = None

    def _due(self, standing: Standing, now: float) -> float:
        """Seconds until it may be asked; infinite if nobody knows."""
        skip = self._fleet.health.refusal(standing, now)
        if skip is None:
            return self._fleet.health.lacks_tokens(standing, self._request, now)
        return inf if skip.returns_in is None else skip.returns_in

    def _few(self, mask: int) -> Iterator[Standing]:
        """Enough of these to tell a reader why."""
        return map(self._now.standings.__getitem__, islice(bits(mask & self._now.everybody), NOTED))

    def _some(self, mask: int) -> Iterator[Standing]:
        """These; of thousands, enough to be likely right."""
        return map(self._now.standings.__getitem__, islice(bits(mask & self._now.everybody), 16 * NOTED))


def _why(standing: Standing) -> str:
    if standing.slow:
        return "its first content comes late"
    return str(standing.counts.last.title) if standing.counts.last else "its calls are late"
