"""One request's way from target to target: told what happened and what time it is, it says what to do next. No I/O.

A driver asks ``next`` and does as told: make the call (``Start``), wait (``Sleep``) or raise (``GiveUp``). It reports
every call it made by exactly one of ``succeeded``, ``failed`` and ``abandoned``, and a stream's first content in
between. A driver that can make two calls at once also says when one is ``overdue``, or is told through ``on_wake`` that
a target has failed with calls still silent there (``evacuate``): the flow may answer with a backup, and whichever has
content first wins. Sync and async code, streams, hosts with a loop of their own and a simulator all drive this one
class, so none of them has a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf

from failover_plugin.classify import Route
from failover_plugin.errors import DeadlineExceeded, EmptyResponse, StreamInterrupted
from failover_plugin.events import AttemptEnded, AttemptStarted, BackupStarted, Exhausted, FailedOver
from failover_plugin.judgement import BEATEN, EXHAUSTED, LEFT, NOT_NEEDED, judge, tokens_of
from failover_plugin.lease import Lease
from failover_plugin.ledger import Ledger
from failover_plugin.model import Diagnosis, ErrorClass, Request, Scope, Target, Trail, Usage
from failover_plugin.start import Start
from failover_plugin.succession import Failure, Fleet, Succession

TOO_LATE = 0.01
"""Seconds before a deadline at which no call is worth starting."""
TOO_SHORT = 0.12
"""Seconds in which nobody need have answered, while nothing is known of a target: a limit of 0.1 s, and the time that a
client takes to notice.
"""
LATE = 0.25
"""Seconds after its soft deadline when a call would long have been told to be overdue, had this process run."""
STREAM_LIFETIME = 600.0
"""Seconds after a stream's first content in which it must have ended."""


_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait, then ask again; or sooner, if ``on_wake`` calls."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Raise this."""

    error: BaseException


class Flow:
    """One request. Used by one caller at a time; told the time, in monotonic seconds."""

    __slots__ = (
        "_broken",
        "_committed",
        "_deadline",
        "_empty",
        "_failure",
        "_fleet",
        "_ledger",
        "_refusal",
        "_request",
        "_streaming",
        "_succession",
        "live",
        "on_wake",
        "request_id",
        "resumable",
    )

    def __init__(
        self, fleet: Fleet, request: Request, now: float, *, streaming: bool = False, tried: Sequence[str] = ()
    ) -> None:
        """``tried`` were asked without us."""
        self._fleet = fleet
        self._request = request
        self._streaming = streaming
        self._deadline = now + (request.deadline or fleet.policy.deadline or inf)
        self._ledger = Ledger(now)
        fleet.recent.append(self._ledger.entries)
        self._succession = Succession(
            fleet, request, self._ledger, tried=tried, deadline=self._deadline, streaming=streaming
        )
        self._failure: Failure | None = None
        self._empty: tuple[Start, Failure] | None = None
        """The first answer that said nothing, to be handed out if another target has no more to say."""
        self._refusal: Failure | None = None
        """The first failure that another provider was to see, and no third."""
        self._committed: Start | None = None
        self._broken: Failure | None = None
        """The first failure after content, of a stream that is to be resumed."""
        self.live: list[Start] = []
        """The attempts under way."""
        self.on_wake: Callable[[], None] | None = None
        """Set by drivers that can be woken: called, under no lock, when ``next`` or ``evacuate`` may have news."""
        self.request_id = next(_numbers)
        self.resumable = True
        """Whether what was delivered of a stream is known, so that it can be gone on with."""

    @property
    def trail(self) -> Trail:
        """The record so far."""
        return self._ledger.trail

    @property
    def target(self) -> Target | None:
        """The target asked last, or the one that has answered."""
        latest = self._ledger.latest
        return latest.target if latest else None

    def offer(self, among: Collection[str] | None, later: Iterable[str] = (), patience: float = 0.0) -> None:
        """From now on only these targets are on offer; None: all that the request allows. ``later``: whom the host will
        offer if nobody of these is asked. ``patience``: the host's own, in seconds, if it has more than the policy.
        """
        self._succession.offer(among, later, patience)

    # -- what to do next ----------------------------------------------------------------------------------------------

    def next(self, now: float) -> Start | Sleep | GiveUp:
        """What to do now. Only while no call is under way.

        A ``GiveUp`` whose error is an ``EmptyResponse`` with an answer means: hand that out.
        """
        failure, health = self._failure, self._fleet.health
        if (failure or now + TOO_LATE > self._deadline) and (error := self._final(now)):
            return self._give_up(error, now)
        pick = self._succession.pick(failure, now)
        if isinstance(pick, Lease):
            return self._start(pick, now)
        if pick is None:
            return self._give_up(self._exhausted(now), now)
        if self.on_wake:
            health.wait(self.on_wake)
        return Sleep(pick)

    def verdict(self, now: float) -> BaseException:
        """The error to end with if nobody else is asked."""
        return self._final(now) or self._exhausted(now)

    def _start(self, lease: Lease, now: float) -> Start:
        ledger = self._ledger
        ledger.number += 1
        health = self._fleet.health
        start = Start(lease, self._request, ledger, self._fleet.policy, self._deadline, health.tempo)
        ledger.latest = start
        start.resumed = self._broken is not None
        self.live.append(start)
        if self.on_wake:
            self.listen(start)
        elif lease.aside and self._is_suspect(lease) and self._succession.anybody_left():
            start.hurried = health.longest_usual(lease.standing, now)
        if health.news.wanted:
            self._announce(start, now)
        return start

    @staticmethod
    def _is_suspect(lease: Lease) -> bool:
        """Whether its target may hang: it is out, and the last that failed there was too late."""
        last = lease.standing.counts.last
        return last is not None and last.error_class is ErrorClass.TIMEOUT

    def _announce(self, start: Start, now: float) -> None:
        news, failure = self._fleet.health.news, self._failure
        if failure and failure.target != start.target:
            reason = failure.diagnosis.title
            news.tell_now(FailedOver(at=now, from_target=failure.target, to_target=start.target, reason=reason))
        news.tell_now(AttemptStarted(at=now, target=start.target, number=start.number, request_id=self.request_id))

    def _give_up(self, error: BaseException, now: float) -> GiveUp:
        news = self._fleet.health.news
        if news.wanted and not (self._empty and error is self._empty[1].error):
            retry_after = getattr(error, "retry_after", None)
            told = self._ledger.told()
            news.tell_now(Exhausted(at=now, request_id=self.request_id, errors=told, retry_after=retry_after))
        return GiveUp(error)

    def wait(self, wake: Callable[[], None]) -> None:
        """Call this as soon as somebody can be asked who could not."""
        self._fleet.health.wait(wake)

    def stop_waiting(self, wake: Callable[[], None]) -> None:
        """It need not be called any more."""
        self._fleet.health.stop_waiting(wake)

    # -- a race -------------------------------------------------------------------------------------------------------

    def listen(self, start: Start) -> None:
        """Have ``on_wake`` told if the attempt's target fails while nothing has come from it yet."""
        if self.on_wake and not self._committed:
            self._fleet.health.listen(start.lease, self.on_wake)

    def overdue(self, start: Start, now: float) -> Start | None:
        """The attempt's soft deadline has passed without content; returns a backup to start beside it, if one is worth
        it.
        """
        self._fleet.health.overdue(start.lease, now)
        lease = start.lease
        return self._back_up(start, now, free=lease.probe or not lease.standing.ready, desperate=lease.aside)

    def evacuate(self, start: Start, now: float) -> Start | None:
        """The attempt's target was found to have failed; returns a backup to start beside it, if there is one."""
        lease = start.lease
        fallen = any(b.until is not None and lease.born < b.epoch for _, b in lease.standing.breakers)
        return self._back_up(start, now, free=True) if fallen else None

    def _back_up(self, start: Start, now: float, *, free: bool, desperate: bool = False) -> Start | None:
        """A ``free`` one counts as failover: the target is known to be in trouble. ``desperate``: it was asked only
        because nobody better was left, and whoever is next costs nothing.
        """
        policy, health = self._fleet.policy, self._fleet.health
        alone = self.live == [start] and not self._committed and self._empty is None
        if policy.backups == "off" or not alone or self._ledger.number >= health.attempts:
            return None
        if self._deadline - now < TOO_LATE:
            return None
        if not desperate:
            if not self._succession.protected(start.lease.standing):
                return None
            if not (health.spend(now) if free else health.back_up(start.lease.standing.price, now)):
                return None
        lease = self._succession.pick_backup(now, desperate=desperate)
        if lease is None:
            if free and not desperate:
                health.refund()
            return None
        if health.news.wanted:
            number = self._ledger.number + 1
            health.news.tell_now(
                BackupStarted(at=now, target=lease.standing.target, slow_target=start.target, number=number)
            )
        return self._start(lease, now)

    def _win(self, winner: Start, now: float) -> list[Start]:
        """The others have lost, and are settled: as failures, if they were late beyond what is common and beaten by one
        that began later.
        """
        losers = [start for start in self.live if start is not winner]
        for loser in losers:
            self.live.remove(loser)
            late = loser.lease.late and loser.began < winner.began
            if late and self._fleet.health.beaten(loser.lease, now):
                self._end(loser, now, BEATEN)
            else:
                self._fleet.health.released(loser.lease, now)
                self._end(loser, now, NOT_NEEDED)
        self._ledger.latest = winner
        return losers

    # -- what happened ------------------------------------------------------------------------------------------------

    def first_content(self, start: Start, now: float) -> list[Start]:
        """The call's first content arrived: from here on the request belongs to this target. Returns the calls to
        cancel; they need no report.
        """
        if start.ended is not None:
            return []
        if self._committed is not start:
            self._committed = start
            start.content_after = max(0.0, now - start.began)
            start.handled = None
            if self._empty is not None:
                self._more_was_said(start, now)
            lifetime = max(self._fleet.lifetime, STREAM_LIFETIME)
            if not start.held:
                timed = self.on_wake is None or not self._stood_still(start, now)
                self._fleet.health.answered(start.lease, now, lifetime, self._request.input_tokens, timed=timed)
        return self._win(start, now) if len(self.live) > 1 else []

    def paced(self, start: Start, seconds: float, now: float) -> None:
        """The chunks of its stream took so many ``seconds`` each."""
        self._fleet.health.paced(start.lease, seconds, now)

    def succeeded(self, start: Start, now: float, usage: Usage | None = None) -> list[Start]:
        """The call was answered in full. Returns the calls to cancel; they need no report."""
        if start.ended is not None:
            return []
        # only who can race needs to know when a plain call is overdue
        timed = self.on_wake is not None and not self._stood_still(start, now)
        if start.held:
            self._fleet.health.released(start.lease, now)
        else:
            self._fleet.health.succeeded(start.lease, now, tokens_of(usage) if usage else None, timed=timed)
        if self._empty is not None:
            self._more_was_said(start, now)
        losers = self._win(start, now) if len(self.live) > 1 else []
        self.live.clear()
        self._end(start, now, usage=usage)
        self._failure = None
        return losers

    def _stood_still(self, start: Start, now: float) -> bool:
        """Whether this process did: who can race would have said that the call is overdue, had it been able to. How
        long it took then tells nothing.
        """
        lease = start.lease
        if self.on_wake is None or lease.late or lease.backup or lease.aside:
            return False
        return now - start.began > start.soft_timeout + LATE

    def used_up(self, start: Start, seconds: float, now: float) -> None:
        """Its provider says that nothing is left of a limit for so long."""
        self._fleet.health.used_up(start.lease.standing, seconds, now)

    def failed(self, start: Start, error: BaseException, now: float, *, cut_short: bool = False) -> Diagnosis:
        """The call failed; returns what it was. ``cut_short``: the caller allowed it less time than we would have."""
        diagnosis = judge(start, error)
        if start.ended is not None:
            return diagnosis
        empty = isinstance(error, EmptyResponse) and error.answer is not None
        if empty:
            self._fleet.health.said_nothing(start.lease, now)
        elif diagnosis.error_class is ErrorClass.CANCELLED:
            self._fleet.health.released(start.lease, now)
        else:
            self._fleet.health.failed(
                start.lease, diagnosis, now, self._share(start, diagnosis, now, cut_short=cut_short)
            )
        self.live.remove(start)
        self._end(start, now, diagnosis, error)
        self._failure = failure = Failure(
            start.target, error, diagnosis, start.lease.aside, empty, exhausted=diagnosis.evidence == EXHAUSTED
        )
        if empty and self._empty is None:
            self._empty = start, failure
        if self._route(failure) is Route.OTHER and self._refusal is None:
            self._refusal = failure
        if self._committed is start and self.resumable and self._fleet.policy.stream_failover == "resume":
            self._committed, self._broken = None, self._broken or self._failure
        return diagnosis

    def _more_was_said(self, start: Start, now: float) -> None:
        """An answer has come after one that said nothing, which was a failure if this one says more."""
        if self._empty is not None:
            (first, failure), self._empty = self._empty, None
            if not start.wordless:
                self._fleet.health.had_more_to_say(first.lease, failure.diagnosis, now)

    def abandoned(self, start: Start, now: float) -> None:
        """The caller left while the call was under way."""
        if start.ended is not None:
            return
        self._fleet.health.released(start.lease, now)
        self.live.remove(start)
        self._end(start, now, LEFT)

    def _share(self, start: Start, diagnosis: Diagnosis, now: float, *, cut_short: bool) -> float:
        """How much of a failure it is: a call that the caller, or a limit of the client's, cut short had only part of
        its time.
        """
        took, fastest = now - start.began, start.lease.standing.counts.fastest
        by_clock = diagnosis.error_class is ErrorClass.TIMEOUT and diagnosis.status is None
        if by_clock and took < (fastest if fastest < inf else TOO_SHORT):
            return 0.0  # nobody could have answered in that time
        in_time = now < self._deadline - TOO_LATE and not (cut_short and diagnosis.error_class is ErrorClass.TIMEOUT)
        if in_time or diagnosis.scope is not Scope.TARGET:
            return 1.0
        return min(1.0, (now - start.began) / start.granted)

    def _end(
        self,
        start: Start,
        now: float,
        diagnosis: Diagnosis | None = None,
        error: BaseException | None = None,
        usage: Usage | None = None,
    ) -> None:
        self._ledger.end(start, now, diagnosis, error)
        news = self._fleet.health.news
        if news.wanted:
            attempt, request_id = start.attempt(), self.request_id
            ended = AttemptEnded(at=now, attempt=attempt, target=start.target, request_id=request_id, usage=usage)
            news.tell_now(ended)

    # -- how it ends --------------------------------------------------------------------------------------------------

    def _final(self, now: float) -> BaseException | None:
        """The error that ends the request whoever else could answer, or None."""
        failure = self._failure
        if failure and failure.diagnosis.error_class is ErrorClass.CANCELLED:
            return failure.error
        if self._empty is not None and self._shown_in_vain(self._empty[1], now):
            return self._handed_out(*self._empty)
        if self._deadline - now < TOO_LATE:
            return self._too_late()
        if failure is None:
            return None
        if self._committed or (self._broken and self._is_returned(failure)):
            return self._interrupted(self._broken or failure)
        if self._is_returned(failure):
            return self._ledger.returned((self._refusal or failure).error)
        if self._ledger.number < self._fleet.health.attempts:
            return None
        self._succession.pass_over("max_attempts is reached")
        return self._exhausted(now)

    def _shown_in_vain(self, empty: Failure, now: float) -> bool:
        """Whether another target has not said more than this empty answer, or is not to be asked."""
        over = self._deadline - now < TOO_LATE or self._ledger.number >= self._fleet.health.attempts
        return over or self._failure is not empty or self._is_returned(empty)

    def _handed_out(self, first: Start, empty: Failure) -> BaseException:
        self._ledger.handed_out(first)
        return empty.error

    def _is_returned(self, failure: Failure) -> bool:
        """Whether the policy hands such an error to the caller instead of asking somebody else."""
        route = self._route(failure)
        refused_again = route is Route.OTHER and failure is not self._refusal
        no_failover = self._streaming and self._fleet.policy.stream_failover == "off"
        return no_failover or refused_again or route is Route.NONE

    def _route(self, failure: Failure) -> Route:
        return self._fleet.policy.route(failure.diagnosis.error_class)

    def _exhausted(self, now: float) -> BaseException:
        """Nobody is left."""
        failure = self._failure
        if self._empty is not None:
            return self._handed_out(*self._empty)
        if self._broken:
            return self._interrupted(self._broken)
        if self._refusal:
            return self._ledger.returned(self._refusal.error)
        if failure and self._ledger.number == 1 and self._route(failure) is Route.CAPABLE:
            return self._ledger.returned(failure.error)
        due = self._succession.due_back(now)
        return self._ledger.exhausted(None if due == inf else due)

    def _too_late(self) -> DeadlineExceeded:
        error = DeadlineExceeded("The request's deadline passed before it was answered.", trail=self.trail)
        error.__cause__ = self._failure.error if self._failure else None
        return error

    def _interrupted(self, failure: Failure) -> BaseException:
        if isinstance(failure.error, StreamInterrupted):
            return self._ledger.returned(failure.error)
        error = StreamInterrupted(
            f"The stream from {failure.target.id} broke off: {failure.diagnosis}", trail=self.trail
        )
        error.__cause__ = failure.error
        return error
