"""The health of everything a request passes through, in verbs: pick a target, tell how its call went.

A failure is booked on the scope that is to blame, and a target can be asked only if all its scopes can. So one
request with a dead key takes all targets of that key out, and a prompt that is too long takes out none. Targets share
a scope by naming the same credential, account, or endpoint and model.

Every verb takes the lock of the ``Commons`` once, and tells the news after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from random import Random

from failover_plugin.answers import Answers
from failover_plugin.aside import best_aside
from failover_plugin.commons import Commons
from failover_plugin.events import Listeners
from failover_plugin.health_report import HealthReport
from failover_plugin.latency import unhurried
from failover_plugin.lease import Lease
from failover_plugin.leases import Leases, tokens_of
from failover_plugin.model import Diagnosis, ErrorClass, Request, Scope, Skip, Target
from failover_plugin.policy import Policy
from failover_plugin.selection import Selection
from failover_plugin.standing import Standing, refusal
from failover_plugin.trouble import STRANGER, Trouble

ENOUGH = 20
"""Answers after which it is known how long one takes."""
SHORTEST_HURRIED = 20.0
"""Seconds that a call gets in any case."""
_SLOW = Diagnosis(error_class=ErrorClass.TIMEOUT, scope=Scope.TARGET, message="late, and a backup answered first")


class FleetHealth(Commons):
    """Health of a fleet of targets. Safe for any number of threads; told the time, in monotonic seconds."""

    def __init__(
        self, targets: Iterable[Target], policy: Policy, rng: Random, listeners: Listeners | None = None
    ) -> None:
        super().__init__(targets, policy, rng, listeners)
        self.trouble = Trouble(self)
        self.leases = Leases(self, self.trouble)
        self._answers = Answers(self, self.trouble)

    def after_fork(self) -> None:
        """In a child process: a fresh lock, and nothing in flight, since the parent's calls are not ours."""
        super().after_fork()
        self.leases.forget()

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
        leases = self.leases
        with self.lock:
            if now >= leases.next_expiry:
                leases.expire(now)
            due = selection.roster.due
            if due and due[0][0] <= now:
                selection.roster.catch_up(now)
            choose = selection.choose_backup if backup else selection.choose
            lease = None
            while standing := choose(free, request, self.rng, now):
                early = now < selection.roster.seen and refusal(standing, now)
                if not early and not (standing.guarded and self.lacks_tokens(standing, request, now)):
                    aside = standing.guarded and standing.looked_at(now)
                    lease = leases.give(
                        standing, request, now, lifetime, streaming=streaming, backup=backup, aside=aside
                    )
                    if selection.follows and not (backup or lease.test or lease.probes):
                        selection.went_to(standing, request, now)
                    break
                self.review(standing, now)  # another target of its rate window may have used that up
                free &= ~(1 << standing.index)
        if (news := self.news).calls or news.events:
            news.tell()
        return lease

    def admit(
        self, standing: Standing, request: Request, now: float, lifetime: float, *, streaming: bool = False
    ) -> Lease | None:
        """Leave to call this very target, or None if it cannot be asked."""
        with self.lock:
            self.leases.expire(now)
            self.roster.catch_up(now)
            lease = None
            if not refusal(standing, now):
                aside = standing.looked_at(now)
                lease = self.leases.give(standing, request, now, lifetime, streaming=streaming, aside=aside)
        self.news.tell()
        return lease

    def force(
        self, standing: Standing, request: Request, now: float, lifetime: float, *, streaming: bool = False
    ) -> Lease:
        """Leave to call a target that would not be asked: the one due back first, or beyond a limit that is a guess."""
        with self.lock:
            lease = self.leases.give(standing, request, now, lifetime, streaming=streaming)
        self.news.tell()
        return lease

    def longest_usual(self, standing: Standing, now: float) -> float:
        """Seconds that no healthy plain call takes here: three times what 99 of 100 took of late, and 20 at least;
        infinite where too little is known, or streams, whose first content is soon there, are among what is known.
        """
        with self.lock:
            histogram = standing.counts.histogram
            if histogram is None or standing.latency is not None or standing.counts.successes < ENOUGH:
                return inf
            (longest,) = histogram.percentiles(0.99, now=now)
        return inf if longest is None else max(SHORTEST_HURRIED, 3 * longest)

    def ask_aside(
        self, standings: Iterable[Standing], request: Request, now: float, lifetime: float, *, streaming: bool
    ) -> Lease | float:
        """Leave to call the best of these, none of whom would be asked as a matter of course; or, if all are left alone
        even by a request that has nobody else, for how many seconds at the least.
        """
        with self.lock:
            self.leases.expire(now)
            standing, wait = best_aside(standings, self.policy, tokens_of(request), now)
            if standing is None:
                return wait
            lease = self.leases.give(standing, request, now, lifetime, streaming=streaming, aside=True)
        self.news.tell()
        return lease

    def lacks_tokens(self, standing: Standing, request: Request, now: float) -> float:
        """Seconds until its limit per minute has tokens enough for this request."""
        return standing.rates.free_at(now, tokens_of(request)) - now if standing.rates else 0.0

    # -- during it ----------------------------------------------------------------------------------------------------

    def listen(self, lease: Lease, wake: Callable[[], None]) -> None:
        """Call this if the lease's target fails while nothing has come from it yet."""
        with self.lock:
            if lease.standing.silent is None:
                lease.standing.silent = {}
            lease.standing.silent[lease] = wake

    def answered(
        self, lease: Lease, now: float, lifetime: float, prompt: int | None = None, *, timed: bool = True
    ) -> None:
        """A stream's first content arrived: a probe has done its work. The lease lives ``lifetime`` seconds from now.

        ``prompt`` is its length in tokens. ``timed``: how long it took is known.
        """
        with self.lock:
            if not lease.settled and not lease.content:
                lease.expires = now + lifetime
                self._answers.content(lease, now)
                if timed:
                    self._answers.began(lease, unhurried(now - lease.started, prompt), now)
                if lease.standing.breakers or lease.standing.guarded:
                    self.trouble.alive(lease, now)
        if (news := self.news).calls or news.events:
            news.tell()

    def overdue(self, lease: Lease, now: float) -> None:
        """The soft deadline passed without content: doubt, taken back if it does answer."""
        with self.lock:
            if not lease.settled and not lease.content:
                self.trouble.doubt(lease, now)
        self.news.tell()

    def paced(self, lease: Lease, seconds: float, now: float) -> None:
        """Its stream took so many ``seconds`` per chunk."""
        with self.lock:
            if not lease.settled:
                self.trouble.capacity.paced(lease.standing, seconds, now)
        if (news := self.news).calls or news.events:
            news.tell()

    # -- after it -----------------------------------------------------------------------------------------------------

    def succeeded(self, lease: Lease, now: float, tokens: float | None = None, *, timed: bool = False) -> None:
        """The call was answered in full, for so many ``tokens``.

        ``timed``: how long a plain one took is worth knowing.
        """
        with self.lock:
            if self.leases.settle(lease):
                standing, counts = lease.standing, lease.standing.counts
                counts.successes += 1
                counts.succeeded(now)
                counts.streak = 0
                self.budget.succeeded()
                if not lease.content:
                    self._answers.content(lease, now)
                    if timed:
                        self._answers.took(standing, now - lease.started, now)
                    if standing.breakers or standing.guarded:
                        self.trouble.alive(lease, now)
                if standing.breakers or standing.guarded:
                    self.trouble.over(lease, now)
                    if standing.rates:
                        standing.rates.passed(lease.tokens, tokens, now)
                        if lease.aside:
                            standing.rates.disproved()
                    self.leases.vacate(lease, now)
        if (news := self.news).calls or news.events:
            news.tell()

    def failed(self, lease: Lease, diagnosis: Diagnosis, now: float, share: float = 1.0) -> None:
        """The call failed: book it on the scope to blame, as much as its ``share``; the others have learnt nothing."""
        with self.lock:
            self._fail(lease, diagnosis, share, now)
        self.news.tell()

    def said_nothing(self, lease: Lease, now: float) -> None:
        """The call was answered, without a word: evidence for nothing, until somebody else has more to say."""
        with self.lock:
            self.trouble.take_back(lease, now)
            if not self.leases.give_back(lease, now):
                lease.born = -1  # it had expired, or is the parent process's: whatever follows, it says nothing
        self.news.tell()

    def had_more_to_say(self, lease: Lease, diagnosis: Diagnosis, now: float) -> None:
        """Somebody else had more to say than this call, which ``said_nothing``: it was a failure."""
        with self.lock:
            if self.trouble.take_again(lease):
                self._count(lease, diagnosis, 1.0, now)
                self.review(lease.standing, now)
        self.news.tell()

    def beaten(self, lease: Lease, now: float) -> bool:
        """The call was late, and one that began later has answered before it; says whether that is a failure."""
        with self.lock:
            late = lease.doubt or lease.probe or self.tempo.surprising(lease, now)
            blamed = bool(late) and not self.trouble.capacity.busy(lease.standing, now)
            share = STRANGER if self.trouble.stranger(lease) and not lease.probe else 1.0
            counted = self._fail(lease, _SLOW, share, now) if blamed else self.leases.give_back(lease, now)
        self.news.tell()
        return blamed and counted

    def used_up(self, standing: Standing, seconds: float, now: float) -> None:
        """The provider says that nothing is left of a limit of this target for so long."""
        with self.lock:
            rates = self.scopes.rates(standing)
            rates.is_used_up(now + seconds, now)
            self.trouble.changed(standing, Scope.RATE, now)
        self.news.tell()

    def released(self, lease: Lease, now: float) -> None:
        """The caller left: evidence for nothing."""
        with self.lock:
            self.leases.give_back(lease, now)
        self.news.tell()

    # -- for people, and for explaining -------------------------------------------------------------------------------

    def refusal(self, standing: Standing, now: float) -> Skip | None:
        """Why this target cannot be asked now, or None if it can."""
        with self.lock:
            if now >= self.leases.next_expiry:
                self.leases.expire(now)
            return refusal(standing, now)

    def outlook(self, request: Request, now: float) -> tuple[tuple[str, ...], tuple[Skip, ...]]:
        """The order in which targets would be asked if each failed, and those that would not be; takes nothing."""
        with self.lock:
            self.leases.expire(now)
            self.roster.catch_up(now)
            order, skips = self.selection.outlook(request, now)
        return tuple(standing.id for standing in order), tuple(skips)

    def report(self, now: float) -> HealthReport:
        """A snapshot for people and dashboards."""
        from failover_plugin.grading import report

        with self.lock:
            self.leases.expire(now)
            self.roster.catch_up(now)
            return report(self.roster.standings, self.scopes, self.budget, now)

    def _fail(self, lease: Lease, diagnosis: Diagnosis, share: float, now: float) -> bool:
        if settled := self.leases.settle(lease):
            self._count(lease, diagnosis, share, now)
            self.leases.vacate(lease, now)
        return settled

    def _count(self, lease: Lease, diagnosis: Diagnosis, share: float, now: float) -> None:
        counts = lease.standing.counts
        counts.failures += 1
        counts.streak += diagnosis.scope is not Scope.REQUEST
        counts.last = diagnosis
        self.trouble.book(lease, diagnosis, share, now)
