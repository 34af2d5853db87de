"""The health of everything a request passes through, behind one lock: targets, credentials, accounts, rate windows.

A failure is booked on the scope that is to blame, and a target can be asked only if all its scopes can. So one
request with a dead key takes all targets of that key out, and a prompt that is too long takes out none. Targets share
a scope by naming the same credential, account, or endpoint and model.

The lock is held for microseconds: never across a call, a wait, a callback or a log; what listeners and waiting requests
are to hear is collected under it and told after it. It is reentrant, since a garbage collection may strike while it is
held, close a forgotten stream, and so give back a permit in the same thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from random import Random
from threading import RLock

from failover_plugin.budget import Budget
from failover_plugin.events import BreakerHalfOpen, BudgetEmpty, Listeners
from failover_plugin.health_report import HealthReport
from failover_plugin.latency import Baseline, Generations, Histogram, unhurried
from failover_plugin.model import Diagnosis, ErrorClass, Request, Scope, Skip, Target
from failover_plugin.news import News
from failover_plugin.policy import Policy
from failover_plugin.roster import Roster
from failover_plugin.scopes import Scopes
from failover_plugin.selection import Selection, Sessions
from failover_plugin.standing import Lease, Standing, refusal
from failover_plugin.tempo import Tempo
from failover_plugin.trouble import STEADY, STRANGER, Trouble

_SLOW = Diagnosis(error_class=ErrorClass.TIMEOUT, scope=Scope.TARGET, message="late, and a backup answered first")


class FleetHealth:
    """Health of a fleet of targets. Safe for any number of threads; told the time, in monotonic seconds."""

    def __init__(
        self, targets: Iterable[Target], policy: Policy, rng: Random, listeners: Listeners | None = None
    ) -> None:
        self._policy = policy
        self._rng = rng
        self.lock = RLock()
        self._sessions = Sessions()
        self._generation = 0
        self._recent = Generations()
        self._mortal: dict[Lease, None] = {}
        self._next_expiry = inf
        self.budget = Budget(policy.budget)
        self.scopes = Scopes(policy.breaker)
        self.news = News(Listeners() if listeners is None else listeners)
        self.selection = Selection(Roster((), {}), policy, self._sessions)
        self.tempo = Tempo(policy)
        self.trouble = Trouble(self, rng)
        self.replace(targets, now=-inf)

    def replace(self, targets: Iterable[Target], now: float) -> None:
        """Take these targets instead, in the order of their tiers.

        Whoever stays under its id keeps its counters, and what it shares its health; if nothing about it has changed,
        all that is known of it. Who is gone is still booked by requests under way.
        """
        with self.lock:
            old = self.roster.by_id
            roster = Roster(targets, {target_id: standing.counts for target_id, standing in old.items()})
            for standing in roster.standings:
                if (known := old.get(standing.id)) and known.target == standing.target:
                    standing.inherit(known)
            self.scopes.adopt(roster.by_id)
            self.selection = Selection(roster, self._policy, self._sessions)
            for standing in roster.standings:
                roster.review(standing, now)
            self.news.room(len(self.news.waiting))
        self.news.tell()

    @property
    def roster(self) -> Roster:
        """The present targets."""
        return self.selection.roster

    def after_fork(self) -> None:
        """In a child process: a fresh lock, and nothing in flight, since the parent's calls are not ours."""
        self.lock = RLock()
        self._generation += 1
        for lease in self._mortal:
            lease.settled = True
        self._mortal.clear()
        self.news.forget()
        for _, _, breaker in self.scopes:
            breaker.forget_probes()
        for standing in self.roster.standings:
            standing.counts.in_flight = standing.counts.probing = 0
            standing.silent = None
        self.roster.look_again()

    # -- before a call ------------------------------------------------------------------------------------------------

    def pick(
        self,
        request: Request,
        free: int,
        selection: Selection,
        now: float,
        lifetime: float,
        *,
        streaming: bool = False,
        backup: bool = False,
    ) -> Lease | None:
        """Leave to call the best of the ``free`` targets (a bit set of this ``selection``), or None if nobody can be
        asked.

        A lease that is not settled in ``lifetime`` seconds expires. A ``backup`` goes to healthy targets only.
        """
        with self.lock:
            if now >= self._next_expiry:
                self._expire(now)
            due = selection.roster.due
            if due and due[0][0] <= now:
                selection.roster.catch_up(now)
            choose = selection.choose_backup if backup else selection.choose
            lease = None
            while standing := choose(free, request, self._rng, now):
                early = now < selection.roster.seen and refusal(standing, now)
                if not early and not (standing.guarded and self.lacks_tokens(standing, request, now)):
                    lease = self._admit(standing, request, now, lifetime, streaming=streaming, backup=backup)
                    if selection.follows and not (backup or lease.test or lease.probes):
                        selection.went_to(standing, request, now)
                    break
                self.review(standing, now)  # another target of its rate window may have used that up
                free &= ~(1 << standing.index)
        if self.news.calls or self.news.events:
            self.news.tell()
        return lease

    def admit(
        self, standing: Standing, request: Request, now: float, lifetime: float, *, streaming: bool = False
    ) -> Lease | None:
        """Leave to call this very target, or None if it cannot be asked."""
        with self.lock:
            self._expire(now)
            self.roster.catch_up(now)
            refused = refusal(standing, now)
            lease = None if refused else self._admit(standing, request, now, lifetime, streaming=streaming)
        self.news.tell()
        return lease

    def force(
        self, standing: Standing, request: Request, now: float, lifetime: float, *, streaming: bool = False
    ) -> Lease:
        """Leave to call a target that would not be asked: as a last resort, or beyond a limit that is only a guess."""
        with self.lock:
            return self._admit(standing, request, now, lifetime, streaming=streaming)

    def lacks_tokens(self, standing: Standing, request: Request, now: float) -> float:
        """Seconds until its limit per minute has tokens enough for this request."""
        return standing.rates.free_at(now, _estimate(request)) - now if standing.rates else 0.0

    def _admit(
        self,
        standing: Standing,
        request: Request,
        now: float,
        lifetime: float,
        *,
        streaming: bool = False,
        backup: bool = False,
    ) -> Lease:
        counts = standing.counts
        counts.attempts += 1
        counts.in_flight += 1
        self.budget.charge(standing.price, backup=backup)
        lease = Lease(standing, self.scopes.era.now, now, now + lifetime, self._generation)
        if streaming:
            lease.streaming = True
        if backup:
            lease.backup = True
            counts.backups += 1
        self._mortal[lease] = None
        if lease.expires < self._next_expiry:
            self._next_expiry = lease.expires
        if standing.guarded:
            self._admit_guarded(lease, request, now)
        return lease

    def _admit_guarded(self, lease: Lease, request: Request, now: float) -> None:
        standing = lease.standing
        probed = [(scope, breaker) for scope, breaker in standing.breakers if breaker.tests(now) and breaker.admit()]
        lease.probes = tuple(breaker for _, breaker in probed)
        for scope, breaker in probed:
            if self.news.wanted and breaker.probes == 1:
                self.news.add(BreakerHalfOpen(at=now, **self.trouble.place(standing, scope)))
        lease.test = not probed and (standing.slow or standing.suspicious(now))
        standing.counts.probing += lease.test
        if standing.rates:
            lease.tokens = _estimate(request)
            standing.rates.take(lease.tokens, now)
        self.review(standing, now)
        for scope, _ in probed:
            for companion in self.scopes.companions(standing, scope):
                self.review(companion, now)

    def spend(self, now: float) -> bool:
        """Take one attempt beyond the first out of the budget, if there is one."""
        with self.lock:
            granted = self.budget.spend(now)
            if not granted and self.news.wanted:
                self.news.add(BudgetEmpty(at=now, kind="failover"))
        self.news.tell()
        return granted

    def refund(self) -> None:
        """Give back an attempt that was not made."""
        with self.lock:
            self.budget.refund()

    def back_up(self, price: float, now: float) -> bool:
        """Take one backup for a slow call out of its budget, if there is one."""
        with self.lock:
            granted = self.budget.back_up(price)
            if not granted and self.news.wanted:
                self.news.add(BudgetEmpty(at=now, kind="backup"))
        self.news.tell()
        return granted

    # -- during it ----------------------------------------------------------------------------------------------------

    def listen(self, lease: Lease, wake: Callable[[], None]) -> None:
        """Call this if the lease's target fails while nothing has come from it yet."""
        with self.lock:
            if lease.standing.silent is None:
                lease.standing.silent = {}
            lease.standing.silent[lease] = wake

    def answered(self, lease: Lease, now: float, lifetime: float, prompt: int | None = None) -> None:
        """A stream's first content arrived: a probe has done its work. The lease lives ``lifetime`` seconds from now.

        ``prompt`` is its length in tokens.
        """
        with self.lock:
            if not lease.settled and not lease.content:
                lease.expires = now + lifetime
                self._content(lease, now)
                seconds = unhurried(now - lease.started, prompt)
                self._observe(lease, seconds, now)
                if lease.standing.breakers or lease.standing.guarded:
                    self.trouble.alive(lease, now)
        if self.news.calls or self.news.events:
            self.news.tell()

    def overdue(self, lease: Lease, now: float) -> None:
        """The soft deadline passed without content: doubt, taken back if it does answer."""
        with self.lock:
            if not lease.settled and not lease.content:
                self.trouble.doubt(lease, now)
        self.news.tell()

    # -- after it -----------------------------------------------------------------------------------------------------

    def succeeded(self, lease: Lease, now: float, tokens: float | None = None, *, timed: bool = False) -> None:
        """The call was answered in full, for so many ``tokens``.

        ``timed``: how long a plain one took is worth knowing.
        """
        with self.lock:
            if self._settle(lease):
                standing, counts = lease.standing, lease.standing.counts
                counts.successes += 1
                counts.succeeded(now)
                counts.streak = 0
                self.budget.succeeded()
                if not lease.content:
                    self._content(lease, now)
                    if timed:
                        self._time(standing, now - lease.started, now)
                    if standing.breakers or standing.guarded:
                        self.trouble.alive(lease, now)
                if standing.breakers or standing.guarded:
                    self.trouble.over(lease, now)
                    if standing.rates:
                        standing.rates.passed(lease.tokens, tokens, now)
                    self._settled(lease, now)
        if self.news.calls or self.news.events:
            self.news.tell()

    def failed(self, lease: Lease, diagnosis: Diagnosis, now: float, share: float = 1.0) -> None:
        """The call failed: book it on the scope to blame, as much as its ``share``; the others have learnt nothing."""
        with self.lock:
            self._fail(lease, diagnosis, share, now)
        self.news.tell()

    def beaten(self, lease: Lease, now: float) -> bool:
        """The call was late, and one that began later has answered before it; says whether that is a failure."""
        with self.lock:
            late = lease.doubt or lease.probe or self.tempo.surprising(lease, now)
            blamed = bool(late) and not self.trouble.busy(lease.standing, now)
            share = STRANGER if self.trouble.stranger(lease) and not lease.probe else 1.0
            counted = self._fail(lease, _SLOW, share, now) if blamed else self._give_back(lease, now)
        self.news.tell()
        return blamed and counted

    def used_up(self, standing: Standing, seconds: float, now: float) -> None:
        """The provider says that nothing is left of a limit of this target for so long."""
        with self.lock:
            rates = self.scopes.rates(standing)
            rates.used_up = max(rates.used_up, now + seconds)
            self.trouble.changed(standing, Scope.RATE, now)
        self.news.tell()

    def released(self, lease: Lease, now: float) -> None:
        """The caller left: evidence for nothing."""
        with self.lock:
            self._give_back(lease, now)
        self.news.tell()

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, wake: Callable[[], None]) -> None:
        """Call this as soon as somebody can be asked who could not."""
        with self.lock:
            self.news.waiting[wake] = None

    def stop_waiting(self, wake: Callable[[], None]) -> None:
        """It need not be called any more."""
        with self.lock:
            self.news.waiting.pop(wake, None)

    # -- for people, and for explaining -------------------------------------------------------------------------------

    def refusal(self, standing: Standing, now: float) -> Skip | None:
        """Why this target cannot be asked now, or None if it can."""
        with self.lock:
            if now >= self._next_expiry:
                self._expire(now)
            return refusal(standing, now)

    def outlook(self, request: Request, now: float) -> tuple[tuple[str, ...], tuple[Skip, ...]]:
        """The order in which targets would be asked if each failed, and those that would not be; takes nothing."""
        with self.lock:
            self._expire(now)
            self.roster.catch_up(now)
            order, skips = self.selection.outlook(request, now)
        return tuple(standing.id for standing in order), tuple(skips)

    def report(self, now: float) -> HealthReport:
        """A snapshot for people and dashboards."""
        from failover_plugin.grading import report

        with self.lock:
            self._expire(now)
            self.roster.catch_up(now)
            return report(self.roster.standings, self.scopes, self.budget, now)

    # -- under the lock -----------------------------------------------------------------------------------------------

    def review(self, standing: Standing, now: float) -> None:
        """Something happened to this target; if it was replaced meanwhile, to its successor."""
        current = self.roster.by_id.get(standing.id)
        if current is None:
            return
        before = current.grade
        self.roster.review(current, now)
        if current.grade < before:
            self.news.room(1 if current.limit else len(self.news.waiting))

    def _content(self, lease: Lease, now: float) -> None:
        """A sign of life."""
        lease.content = True
        standing = lease.standing
        standing.heard = now
        if (standing.counts.in_flight or standing.breakers) and lease.started > standing.heard_of:
            standing.heard_of = lease.started
        if standing.silent:
            standing.silent.pop(lease, None)
        self.trouble.uplink.works(now)
        counts = standing.counts
        if counts.histogram is None:
            counts.histogram = Histogram(self._recent)
        counts.histogram.add(now - lease.started, now)

    def _observe(self, lease: Lease, seconds: float, now: float) -> None:
        standing = lease.standing
        if standing.latency is None:
            standing.latency = Baseline()
        was_slow = standing.slow
        if self.tempo.observe(standing, lease, seconds, now):
            self.trouble.anomaly(lease, now)
        if standing.counts.in_flight >= STEADY:
            self.trouble.crowded(standing, now)
        if standing.slow is not was_slow:
            self.review(standing, now)

    def _time(self, standing: Standing, seconds: float, now: float) -> None:
        """How long a plain call takes in all: good for its own soft deadline only, since it measures how much is
        written.
        """
        if standing.whole is None:
            standing.whole = Baseline()
        standing.whole.observe(seconds, now)

    def _settle(self, lease: Lease) -> bool:
        """Whether this is the lease's one settlement. In a forked child the parent's leases count as settled."""
        if lease.settled or lease.generation != self._generation:
            return False
        lease.settled = True
        standing = lease.standing
        standing.counts.in_flight -= 1
        if standing.silent:
            standing.silent.pop(lease, None)
        del self._mortal[lease]
        return True

    def _settled(self, lease: Lease, now: float) -> None:
        """Give back its place as a test, and see what that changes."""
        standing = lease.standing
        if lease.test:
            standing.counts.probing -= 1
        self.review(standing, now)

    def _fail(self, lease: Lease, diagnosis: Diagnosis, share: float, now: float) -> bool:
        if settled := self._settle(lease):
            counts = lease.standing.counts
            counts.failures += 1
            counts.streak += diagnosis.scope is not Scope.REQUEST
            counts.last = diagnosis
            self.trouble.book(lease, diagnosis, share, now)
            self._settled(lease, now)
        return settled

    def _give_back(self, lease: Lease, now: float) -> bool:
        if settled := self._settle(lease):
            self.trouble.nothing(lease, now)
            self._settled(lease, now)
        return settled

    def _expire(self, now: float) -> None:
        if now >= self._next_expiry:
            for lease in [lease for lease in self._mortal if lease.expires <= now]:
                self._give_back(lease, now)
            self._next_expiry = min((lease.expires for lease in self._mortal), default=inf)


def _estimate(request: Request) -> float:
    return float((request.input_tokens or 0) + (request.output_tokens or 0)) or 1.0
