"""One request's way from target to target: told what happened and what time it is, it says what to do next. No I/O.

A driver asks ``next`` and does as told: make the call (``Start``), wait (``Sleep``) or raise (``GiveUp``). It reports
every call it made by exactly one of ``succeeded``, ``failed`` and ``abandoned``, and a stream's first content in
between. Sync and async code, streams, hosts with a loop of their own and a simulator all drive this one class, so
none of them has a policy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import inf

from failover_plugin.classify import Route, classify
from failover_plugin.classify.redact import redact
from failover_plugin.errors import DeadlineExceeded, StreamInterrupted
from failover_plugin.ledger import Ledger
from failover_plugin.model import Diagnosis, ErrorClass, Request, Scope, Target, Trail
from failover_plugin.standing import Lease
from failover_plugin.succession import Failure, Fleet, Succession

TOO_LATE = 0.01
"""Seconds before a deadline at which no call is worth starting."""

GRACE = 30.0
"""Seconds beyond an attempt's own timeout in which a call must have ended. Later it counts as lost, as no evidence: one
that never ends would else hold its place as a probe, and so its target, for good.
"""
STREAM_LIFETIME = 600.0
"""Seconds after a stream's first content in which it must have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Call this target now. Times are in seconds; ``deadline`` is on the flow's clock.

    ``timeout`` is what to hand to a client that knows one timeout per call: the whole time of a plain call, or, for a
    stream, the silence it may keep at any point. None of them is longer than what is left of the request's deadline.
    ``trail`` is what came before.
    """

    number: int
    target: Target
    timeout: float
    first_content_timeout: float
    idle_timeout: float
    deadline: float
    trail: Trail


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait, then ask again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Raise this."""

    error: BaseException


class Flow:
    """One request. Used by one caller at a time; told the time, in monotonic seconds."""

    def __init__(
        self,
        fleet: Fleet,
        request: Request,
        now: float,
        *,
        streaming: bool = False,
        tried: Sequence[str] = (),
    ) -> None:
        """``tried`` were asked without us."""
        self._fleet = fleet
        self._streaming = streaming
        self._lifetime = fleet.policy.attempt_timeout + GRACE
        self._deadline = now + (request.deadline or fleet.policy.deadline or inf)
        self._ledger = Ledger(now)
        fleet.recent.append(self._ledger.entries)
        self._succession = Succession(
            fleet, request, self._ledger, tried=tried, deadline=self._deadline, lifetime=self._lifetime
        )
        self._failure: Failure | None = None
        self._lease: Lease | None = None
        self._committed = False

    @property
    def trail(self) -> Trail:
        """The record so far."""
        return self._ledger.trail

    @property
    def target(self) -> Target | None:
        """The target asked last."""
        return self._ledger.target

    def offer(self, among: Collection[str] | None) -> None:
        """From now on only these targets are on offer; None: all that the request allows."""
        self._succession.offer(among)

    # -- what to do next ----------------------------------------------------------------------------------------------

    def next(self, now: float) -> Start | Sleep | GiveUp:
        """What to do now. Only while no call is under way."""
        if error := self._final(now):
            return GiveUp(error)
        budget = self._fleet.budget
        if self._failure and not budget.spend(now):
            self._succession.pass_over("the failover budget is spent")
            return GiveUp(self._exhausted(now))
        pick = self._succession.pick(self._failure, now)
        if isinstance(pick, Lease):
            return self._start(pick, now)
        if self._failure:
            budget.refund()
        return GiveUp(self._exhausted(now)) if pick is None else Sleep(pick)

    def verdict(self, now: float) -> BaseException:
        """The error to end with if nobody else is asked."""
        return self._final(now) or self._exhausted(now)

    def _start(self, lease: Lease, now: float) -> Start:
        policy, target, left = self._fleet.policy, lease.standing.target, self._deadline - now
        self._lease = lease
        self._ledger.begin(target, now)
        silence = min(policy.first_content_limit, policy.idle_timeout)
        return Start(
            number=self._ledger.number,
            target=target,
            timeout=min(silence if self._streaming else policy.attempt_timeout, left),
            first_content_timeout=min(policy.first_content_limit, left),
            idle_timeout=policy.idle_timeout,
            deadline=self._deadline,
            trail=self.trail,
        )

    # -- what happened ------------------------------------------------------------------------------------------------

    def first_content(self, now: float) -> None:
        """The call's first content arrived: from here on the request belongs to this target."""
        self._committed = True
        self._ledger.first_content(now)
        self._fleet.health.answered(self._current, now, max(self._lifetime, STREAM_LIFETIME))

    def succeeded(self, now: float) -> None:
        """The call was answered in full."""
        self._fleet.health.succeeded(self._current, now)
        self._fleet.budget.succeeded()
        self._ledger.end(now)
        self._failure = None

    def failed(self, error: BaseException, now: float) -> Diagnosis:
        """The call failed; returns what it was."""
        target, diagnosis = self._callee, self.judge(error)
        if diagnosis.error_class is ErrorClass.CANCELLED:
            self._fleet.health.released(self._current)
        else:
            self._fleet.health.failed(self._current, diagnosis, now, self._share(diagnosis, now))
        self._ledger.end(now, diagnosis, error)
        self._failure = Failure(target, error, diagnosis)
        return diagnosis

    def abandoned(self, now: float) -> None:
        """The caller left while the call was under way."""
        self._fleet.health.released(self._current)
        left = Diagnosis(error_class=ErrorClass.CANCELLED, scope=Scope.REQUEST, evidence="the caller left")
        self._ledger.end(now, left)

    def judge(self, error: BaseException) -> Diagnosis:
        """What the error was; one that broke a stream after its first content speaks of the target's streams, unless
        the caller left or the text was blocked.
        """
        diagnosis = _of_members(error) or classify(error, provider=self._callee.provider, handled=self._ledger.handled)
        of_the_call = diagnosis.scope in (Scope.TARGET, Scope.REQUEST)
        its_own = diagnosis.error_class in (ErrorClass.CANCELLED, ErrorClass.CONTENT_POLICY)
        if not self._committed or not of_the_call or its_own:
            return diagnosis
        return replace(diagnosis, error_class=ErrorClass.STREAM_INTERRUPTED, scope=Scope.TARGET)

    def _share(self, diagnosis: Diagnosis, now: float) -> float:
        """How much of a failure it is: a call that the caller's deadline cut short had only part of its time."""
        if now < self._deadline - TOO_LATE or diagnosis.scope is not Scope.TARGET:
            return 1.0
        policy = self._fleet.policy
        granted = policy.first_content_limit if self._streaming else policy.attempt_timeout
        return min(1.0, self._ledger.elapsed(now) / granted)

    @property
    def _current(self) -> Lease:
        assert self._lease is not None  # noqa: S101 - for the type checker: next() said Start
        return self._lease

    @property
    def _callee(self) -> Target:
        assert self._ledger.target is not None  # noqa: S101 - as above
        return self._ledger.target

    # -- how it ends --------------------------------------------------------------------------------------------------

    def _final(self, now: float) -> BaseException | None:
        """The error that ends the request whoever else could answer, or None."""
        failure = self._failure
        if failure and failure.diagnosis.error_class is ErrorClass.CANCELLED:
            return failure.error
        if self._deadline - now < TOO_LATE:
            return self._too_late()
        if failure is None:
            return None
        if self._committed:
            return self._interrupted(failure)
        if self._is_returned(failure):
            return self._ledger.returned(failure.error)
        if self._ledger.number < self._fleet.policy.max_attempts:
            return None
        self._succession.pass_over("max_attempts is reached")
        return self._exhausted(now)

    def _is_returned(self, failure: Failure) -> bool:
        """Whether the policy hands such an error to the caller instead of asking somebody else."""
        policy = self._fleet.policy
        no_failover = self._streaming and policy.stream_failover == "off"
        return no_failover or policy.route(failure.diagnosis.error_class) is Route.NONE

    def _exhausted(self, now: float) -> BaseException:
        """Nobody is left. A target that failed and is not left alone for it counts as back after the shortest
        opening.
        """
        failure = self._failure
        if failure and self._ledger.number == 1 and self._asks_for_a_better(failure):
            return self._ledger.returned(failure.error)
        soon = self._fleet.policy.breaker.open_base
        due = min((self._succession.due_back(t, now) or soon for t in self._succession.allowed), default=inf)
        return self._ledger.exhausted(None if due == inf else due)

    def _asks_for_a_better(self, failure: Failure) -> bool:
        return self._fleet.policy.route(failure.diagnosis.error_class) is Route.CAPABLE

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


def _of_members(error: BaseException) -> Diagnosis | None:
    """A target that is a failover itself and has run out of members is overloaded, whatever its first member said."""
    facts = vars(error)
    if not isinstance(facts.get("trail"), Trail) or "retry_after" not in facts:
        return None
    return Diagnosis(
        error_class=ErrorClass.OVERLOADED,
        scope=Scope.TARGET,
        retry_after=facts["retry_after"],
        message=redact(str(error))[:300],
        evidence="all of its own targets failed",
    )
