"""One target's standing: its counters, what is known of it, and whether it may be asked.

Nothing is kept for what has not happened: a target without trouble has no breaker, one without a success no baseline,
so that an idle fleet of thousands costs little. Scope keys follow the table of who shares what: a credential is shared
by name, a rate window by credential, model and region, a server by endpoint, model and region. What is not named is
shared with nobody.

Changed only by ``FleetHealth``, under its lock. Told the time, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf
from typing import TYPE_CHECKING

from failover_plugin.breaker import Breaker, State
from failover_plugin.concurrency import ConcurrencyLimit
from failover_plugin.evidence import Tally
from failover_plugin.latency import Baseline, Histogram
from failover_plugin.limits import Cooldown, Meter
from failover_plugin.model import Diagnosis, Scope, Skip, Target
from failover_plugin.pace import Pace
from failover_plugin.policy import Policy

if TYPE_CHECKING:
    from failover_plugin.lease import Lease
    from failover_plugin.roster import Tier

Key = tuple[str | None, ...]
"""What a scope is shared under; (None, id) for what a target has alone."""

FAILING, FEW = 0.15, 4.0
"""Recent failure rate, of at least so many calls, from which on a target counts as degraded."""
PROTECTS = 2.0
"""Seconds between two requests that test a degraded target, at first; doubling while it stays slow."""
HALF_LIFE = 60.0
"""Seconds in which the memory of the most calls at once fades by half."""
BELIEVED = 20.0
"""Times ``limits.open_after`` for which a limit that follows a server's pace outlives its last "overloaded"."""
PER_MINUTE = "its limit per minute is reached"
"""Why a target is passed over that has no requests or tokens left."""


class Grade(IntEnum):
    """What a request may expect of a target now."""

    READY = 0
    """Asked as a matter of course."""
    PROBE = 1
    """To be tested by the next request."""
    DEGRADED = 2
    """Asked if nobody better can be."""
    FULL = 3
    """At its concurrency limit: somebody will have to finish first."""
    OUT = 4
    """Not to be asked before a time."""


@dataclass(slots=True)
class Counts(Tally):
    """What has happened at a target, lately and in all; kept when its facts change.

    One object, with few others in it: of ten thousand targets hardly any is in the processor's cache, and then each
    object that a call touches costs as much as a tenth of a microsecond.
    """

    attempts: int = 0
    successes: int = 0
    failures: int = 0
    streak: int = 0
    """Failures in a row, the callers' own left out."""
    in_flight: int = 0
    probing: int = 0
    """Calls under way that test whether it is as degraded as it looks."""
    backups: int = 0
    anomalies: int = 0
    fastest: float = inf
    """The shortest time to a first content or a plain answer so far."""
    last: Diagnosis | None = None
    histogram: Histogram | None = None


@dataclass(slots=True)
class Rates:
    """The limits of one rate window, shared by the targets of one credential and model."""

    requests: Meter | None = None
    tokens: Meter | None = None
    cooldown: Cooldown = field(default_factory=Cooldown)
    used_up: float = -inf
    """Until when the provider says that nothing is left."""

    def take(self, tokens: float, now: float) -> None:
        """A request of so many tokens is about to be made."""
        if self.requests:
            self.requests.take(1.0, now)
        if self.tokens:
            self.tokens.take(tokens, now)

    def passed(self, estimated: float, tokens: float | None, now: float) -> None:
        """It was answered, and took so many ``tokens`` if anybody knows."""
        self.cooldown.passed()
        if self.tokens and tokens is not None:
            self.tokens.take(tokens - estimated, now)

    def is_used_up(self, until: float, now: float) -> None:
        """Its provider says that nothing is left until then."""
        self.used_up = max(self.used_up, until)
        self.cooldown.asked_for(until, now)

    def disproved(self) -> None:
        """A request got through while it was to rest: it need not."""
        self.used_up = -inf
        self.cooldown.disproved()

    def metered(self, now: float, tokens: float) -> float:
        """When the limits that the user set let a request of so many tokens pass."""
        free = self.requests.free_at(now) if self.requests else now
        return self.tokens.free_at(free, tokens) if self.tokens else free

    def free_at(self, now: float, tokens: float = 1.0) -> float:
        """When a request of so many tokens may pass."""
        free = max(now, self.cooldown.until, self.used_up)
        if self.requests:
            free = self.requests.free_at(free)
        return self.tokens.free_at(free, tokens) if self.tokens else free


@dataclass(slots=True, eq=False, kw_only=True)
class HotFields:
    """What a choice and a healthy call use of a target: a base's slots come first, so these lie side by side in memory,
    and of ten thousand targets less is fetched.
    """

    weight: float
    price: float
    """What a call costs, for the budget: 1 where nobody says."""
    counts: Counts = field(default_factory=Counts)
    breakers: tuple[tuple[Scope, Breaker], ...] = ()
    latency: Baseline | None = None
    """How long the first content of a stream takes."""
    heard: float = -inf
    """When a first content last arrived."""
    silent: dict[Lease, Callable[[], None]] | None = None
    """Calls under way without content whose callers want to hear if the target fails meanwhile."""
    guarded: bool = False
    """Whether the end of a call can change what it is fit for: it has limits, is on trial, or has a successor."""


@dataclass(slots=True, eq=False, kw_only=True)
class Standing(HotFields):
    """A target as a strategy sees it. New facts make a new standing; requests under way go on with the old one."""

    target: Target
    id: str
    index: int
    """Its place among all targets, in the order of their tiers."""
    tier: Tier
    rates: Rates | None = None
    limit: ConcurrencyLimit | None = None
    disabled: bool = False
    slow: bool = False
    pace: Pace | None = None
    """How fast it writes."""
    before: int = 0
    """Calls under way when it was last left alone."""
    whole: Baseline | None = None
    """How long plain calls take in all."""
    probe_at: float = inf
    """When the next such test is due."""
    waits: int = 0
    """Tests so far that found it still slow."""
    heard_of: float = -inf
    """When the latest call began that was answered, if it was answered while others were under way or a breaker
    kept watch: who else would ask?
    """
    refused: float = -inf
    """When it last said that it is overloaded."""
    peak: float = 0.0
    """Calls at once lately: the highest number when an answer was measured, fading by half in a minute."""
    peak_at: float = 0.0
    grade: Grade = Grade.OUT
    due: float = inf
    """When to look at it again."""
    place: int = -1
    """Its place among the tier's ready ones; -1 if it is none."""

    def inherit(self, old: Standing) -> None:
        """Go on where the same target stood."""
        for name in _LEARNT:
            setattr(self, name, getattr(old, name))

    def absolve(self) -> None:
        """Forget what was held against it alone."""
        self.counts.forget()
        self.counts.streak = 0
        self.limit, self.slow, self.waits, self.probe_at = None, False, 0, inf
        if self.pace is not None:
            self.pace.acquit()

    @property
    def ready(self) -> bool:
        """Whether it may be asked as a matter of course."""
        return self.grade is Grade.READY

    @property
    def full(self) -> bool:
        """Whether it has as many calls as it may have."""
        most = self.target.max_parallel
        in_flight = self.counts.in_flight
        return (most is not None and in_flight >= most) or (self.limit is not None and in_flight >= self.limit.value)

    @property
    def paced(self) -> bool:
        """Whether its limit follows the pace of its streams."""
        return self.pace is not None and self.pace.known and self.limit is not None and self.limit.paced

    def peaks(self, now: float) -> float:
        """The most calls at once lately, those of now included."""
        faded = self.peak * 0.5 ** ((now - self.peak_at) / HALF_LIFE)
        self.peak, self.peak_at = max(float(self.counts.in_flight), faded), now
        return self.peak

    def suspicious(self, now: float) -> bool:
        """Whether it has failed enough lately to be asked only if nobody better can be."""
        if any(b.evidence.suspicion(now) > b.evidence.wary for _, b in self.breakers) and not self.ramping:
            return True
        return self.counts.exceeds(FAILING, FEW, now)

    @property
    def ramping(self) -> bool:
        """Whether it has come back lately, and gets more calls with every answer."""
        return self.limit is not None and self.limit.ramping

    def looked_at(self, now: float) -> bool:
        """Whether it may be asked, though it is out, only to see whether its key or account is good again."""
        return any(breaker.looks(now) for _, breaker in self.breakers)

    def assess(self, now: float) -> tuple[Grade, float]:
        """What it is fit for now, and when to look again unless something happens before."""
        if self.disabled:
            return Grade.OUT, inf
        test = False
        for _, breaker in self.breakers:
            if breaker.until is not None:
                if breaker.refuses(now):
                    return Grade.OUT, breaker.due(now)
                test = True
        if self.rates and (free := self.rates.free_at(now)) > now:
            return Grade.OUT, free
        if test:
            return Grade.PROBE, inf
        if self.full:
            return Grade.FULL, inf
        if self.slow or self.suspicious(now):
            return self._degraded(now)
        self.probe_at, self.waits = inf, 0
        return Grade.READY, inf

    def _degraded(self, now: float) -> tuple[Grade, float]:
        self.probe_at = min(self.probe_at, now + PROTECTS * 2.0 ** min(self.waits, 4))
        if not self.counts.probing and now >= self.probe_at:
            return Grade.PROBE, self._cleared_at(now)
        return Grade.DEGRADED, min(self.probe_at if not self.counts.probing else inf, self._cleared_at(now))

    def _cleared_at(self, now: float) -> float:
        """When time alone will have cleared it of suspicion."""
        if self.slow:
            return inf
        clear = self.counts.falls_to(FEW, now) if self.counts.exceeds(FAILING, FEW, now) else now
        return max(clear, *(b.evidence.falls_to(b.evidence.wary, now) for _, b in self.breakers), now) + 1e-6


_LEARNT = (
    "limit", "pace", "latency", "whole", "disabled", "slow", "before", "probe_at", "waits", "heard", "heard_of",
    "refused", "peak", "peak_at", "silent",
)  # fmt: skip


def scope_keys(target: Target) -> dict[Scope, Key]:
    """The scopes a target passes through, each with the key it is shared under."""
    own: Key = (None, target.id)
    credential: Key = (target.credential,) if target.credential else own
    place = (target.region,) if target.region else ()
    if target.endpoint:
        server: Key = (target.endpoint, target.model, *place)
    else:
        server = (target.provider, *credential, target.model, *place) if target.credential else own
    keys = {Scope.CREDENTIAL: credential, Scope.RATE: (*credential, target.model, *place), Scope.TARGET: server}
    return keys | {Scope.ACCOUNT: (target.account,)} if target.account else keys


def refusal(standing: Standing, now: float) -> Skip | None:
    """Why the target may not be asked now, or None if it may."""
    if standing.disabled:
        return Skip(target=standing.id, reason="disabled")
    for scope, breaker in standing.breakers:
        if breaker.until is not None and breaker.refuses(now):
            return _refused(standing.id, scope, breaker, now)
    if standing.rates and (free := standing.rates.free_at(now)) > now:
        cooldown = standing.rates.cooldown
        reason = cooldown.why if cooldown.cooling(now) else PER_MINUTE
        return Skip(target=standing.id, reason=reason, returns_in=free - now)
    if standing.full:
        return Skip(target=standing.id, reason=f"{standing.counts.in_flight} calls under way, no more at once")
    return None


def refused_lately(standing: Standing, policy: Policy, now: float) -> bool:
    """Whether it has said "overloaded" so lately that its limit is more than a guess."""
    return now - standing.refused <= policy.limits.open_after * (BELIEVED if standing.paced else 1.0)


def returns_in(breaker: Breaker, now: float) -> float | None:
    """Seconds until an open breaker lets probes through."""
    return None if breaker.until is None or breaker.until <= now else breaker.until - now


def _refused(target_id: str, scope: Scope, breaker: Breaker, now: float) -> Skip:
    if breaker.state(now) is State.HALF_OPEN:
        return Skip(target=target_id, reason=f"{scope} half open, a probe is under way")
    return Skip(target=target_id, reason=f"{scope} open: {breaker.reason}", returns_in=returns_in(breaker, now))
