"""The facade: targets and a policy, and every way to put a request to them."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any, TypeVar
from weakref import WeakSet

from failover_plugin import adrivers, drivers, threads
from failover_plugin.attempting import Result
from failover_plugin.classify.allowance import used_up_for
from failover_plugin.clock import Clock, SystemClock
from failover_plugin.config import checked_listener, checked_policy, checked_request, checked_targets
from failover_plugin.errors import ConfigError, EmptyResponse
from failover_plugin.events import Listener, Listeners
from failover_plugin.flow import Flow, Sleep
from failover_plugin.hand import Hand
from failover_plugin.health import FleetHealth
from failover_plugin.health_report import HealthReport
from failover_plugin.intake import Marks
from failover_plugin.model import Request, Skip, Target, Trail
from failover_plugin.permit import Permit
from failover_plugin.policy import Policy
from failover_plugin.standing import Standing
from failover_plugin.start import Start, trail
from failover_plugin.streams import AsyncStream, Stream
from failover_plugin.succession import GRACE, Fleet

T = TypeVar("T")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen now: the targets in the order they would be asked, and why the others would not."""

    order: tuple[str, ...]
    skips: tuple[Skip, ...]

    def __str__(self) -> str:
        return "\n".join([f"would ask {' then '.join(self.order) or 'nobody'}", *map(str, self.skips)])


class Failover:
    """Asks targets for an answer, remembers how they fare, and goes elsewhere when they fail.

    Safe for any number of threads and event loops; survives a fork; pickles and copies as configuration, without state.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        policy: Policy | None = None,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        on_event: Listener | None = None,
    ) -> None:
        """Raises ``ConfigError`` for no targets, an id given twice, or a value that cannot be meant.

        ``on_event`` is told what happens, in the thread in which it happens: see ``failover_plugin.events``. One that
        raises harms nobody. ``clock`` and ``rng`` are for tests and simulations: with the same ones, the same outcomes
        lead to the same decisions.
        """
        self._clock = clock or SystemClock()
        self._own_rng = rng is None
        rng = rng or Random()  # noqa: S311 - not for secrets
        self._on_event = checked_listener(on_event)
        listeners = Listeners(on_event) if on_event else Listeners()
        self._fleet = _fleet(checked_targets(targets), checked_policy(policy), rng, listeners)
        self._in_threads = self._fleet.policy.sync_deadlines == "thread"
        _alive.add(self)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Who can be asked, in the order of their tiers."""
        return tuple(standing.target for standing in self._fleet.health.roster.standings)

    @property
    def policy(self) -> Policy:
        """The rules."""
        return self._fleet.policy

    def replace_targets(self, targets: Iterable[Target]) -> None:
        """Have these targets from now on; those that stay keep their health. Calls under way end as they would have,
        and requests under way go on with the new targets.
        """
        self._fleet.health.replace(checked_targets(targets), self._clock.monotonic())

    # -- asking -------------------------------------------------------------------------------------------------------

    def run(self, call: Callable[[Target], T], request: Request | None = None) -> Result[T]:
        """Answer by ``call(target)``, at whichever target can.

        Deadlines hold as far as the call hands ``current_attempt().timeout`` to its client. Raises ``AllTargetsFailed``
        from the first target's error, ``DeadlineExceeded``, or as it is an error that no other target would cure.

        A call that got an answer without content may raise ``EmptyResponse`` with that ``answer``: one other target is
        asked, and if that has no more to say, the answer is returned as it is.
        """
        driver = threads.run if self._in_threads else drivers.run
        flow = Flow(self._fleet, checked_request(request), self._clock.monotonic())
        try:
            return driver(flow, call, self._clock)
        except EmptyResponse as empty:
            return Result(drivers.handed_out(empty), _answering(flow), flow)

    async def arun(self, call: Callable[[Target], Awaitable[T]], request: Request | None = None) -> Result[T]:
        """As ``run``, awaiting ``call(target)``; deadlines are kept here, and a call that is late may get a backup:
        then two are under way, in two tasks.
        """
        flow = self._flow(request)
        try:
            return await adrivers.arun(flow, call, self._clock)
        except EmptyResponse as empty:
            return Result(drivers.handed_out(empty), _answering(flow), flow)

    def stream(
        self,
        open_: Callable[[Target], Iterator[C]],
        request: Request | None = None,
        *,
        has_content: Callable[[C], bool] = bool,
        is_finished: Callable[[C], bool] | None = None,
        text: Callable[[C], str] | None = None,
        cut: Callable[[C, int], C] | None = None,
        check: Callable[[C, bool], None] | None = None,
    ) -> Stream[C]:
        """Chunks from ``open_(target)``, at whichever target can; from the first content on, from that target only.

        ``has_content`` tells a chunk with content from an empty one; ``is_finished`` tells the chunk that carries the
        provider's finish mark, without which an end is a failure (None: every normal end is good). Raises as ``run``,
        and ``StreamInterrupted`` if the stream dies after its first content.

        With ``stream_failover="resume"`` a stream that dies is gone on with elsewhere: by a target with the capability
        ``prefill``, whose ``open_`` reads what was delivered from ``current_attempt().prefix``, or by a restart, as far
        as it says the same. ``text`` is a chunk's text, ``cut`` the chunk without its first so many characters; chunks
        that are strings need neither.
        """
        flow = self._flow(request, streaming=True)
        driver = threads.stream if self._in_threads else drivers.stream
        return Stream(flow, driver(flow, open_, self._clock, Marks(has_content, is_finished, text, cut, check)))

    def astream(
        self,
        open_: Callable[[Target], AsyncIterator[C]],
        request: Request | None = None,
        *,
        has_content: Callable[[C], bool] = bool,
        is_finished: Callable[[C], bool] | None = None,
        text: Callable[[C], str] | None = None,
        cut: Callable[[C, int], C] | None = None,
        check: Callable[[C, bool], None] | None = None,
    ) -> AsyncStream[C]:
        """As ``stream``, for an async iterator; deadlines are kept here."""
        flow = self._flow(request, streaming=True)
        return AsyncStream(
            flow, adrivers.astream(flow, open_, self._clock, Marks(has_content, is_finished, text, cut, check))
        )

    def acquire(
        self,
        request: Request | None = None,
        *,
        among: Collection[str] | None = None,
        tried: Sequence[str] = (),
        after: Permit | None = None,
        later: Iterable[str] = (),
        patience: float = 0.0,
        streaming: bool = False,
        blocking: bool = False,
    ) -> Permit | None:
        """Leave to make one call, for a host that owns the loop of attempts; None if nobody can be asked.

        ``among`` are the ids on offer, ``tried`` those that the host asked without a permit. ``after`` is the settled
        permit of the same request's previous attempt, and goes on from there. ``later`` are those that the host will
        offer if nobody can be asked: while one of them is well, nobody is asked as a last resort.
        ``patience`` are the seconds for which the host by itself would go on trying: the request is not given up
        sooner, where that is longer than the policy's. ``streaming``: the answer is a stream.

        ``blocking``: wait here, as ``run`` does, for who is due back or full. Else ``permit.wait`` says how long to
        wait for who is due back, and nobody is waited for who is full: when there will be a place is not known.
        """
        flow = self._flow(request, streaming=streaming, tried=tried) if after is None else _after(after)
        flow.offer(among, later, patience)
        now, waited = self._clock.monotonic(), 0.0
        step = flow.next(now)
        if blocking:
            step = drivers.waited(flow, self._clock, step)
        while isinstance(step, Sleep):
            waited += step.seconds
            step = flow.next(now + waited)
        return Permit(flow, step, waited, self._clock) if isinstance(step, Start) else None

    async def aacquire(
        self,
        request: Request | None = None,
        *,
        among: Collection[str] | None = None,
        tried: Sequence[str] = (),
        after: Permit | None = None,
        later: Iterable[str] = (),
        patience: float = 0.0,
        streaming: bool = False,
    ) -> Permit | None:
        """As ``acquire(blocking=True)``, but it is this task that waits."""
        flow = self._flow(request, streaming=streaming, tried=tried) if after is None else _after(after)
        flow.offer(among, later, patience)
        step = flow.next(self._clock.monotonic())
        if isinstance(step, Sleep):
            handled = sys.exception()  # a host that is not written in Python shows it to the first step alone
            step = await adrivers.waited(flow, self._clock, step)
            if isinstance(step, Start):
                step.handled = handled
        return Permit(flow, step, 0.0, self._clock) if isinstance(step, Start) else None

    @property
    def max_attempts(self) -> int:
        """Calls made for one request at most, with the present targets."""
        return self._fleet.health.attempts

    # -- looking ------------------------------------------------------------------------------------------------------

    def health(self) -> HealthReport:
        """Every target's and scope's health now."""
        return self._fleet.health.report(self._clock.monotonic())

    @property
    def recent_trails(self) -> tuple[Trail, ...]:
        """How the latest requests went, at most 32, the newest last."""
        return tuple(trail(entries) for entries in self._fleet.recent.copy())

    def explain(self, request: Request | None = None) -> Explanation:
        """Who would be asked now, in which order, and who would not and why. Calls nothing and changes nothing."""
        return Explanation(*self._fleet.health.outlook(checked_request(request), self._clock.monotonic()))

    # -- by hand ------------------------------------------------------------------------------------------------------

    def current(self, request: Request | None = None) -> Target | None:
        """Who would be asked now; None if nobody can be."""
        order = self.explain(request).order
        return self._standing(order[0]).target if order else None

    def rotate(self) -> Target | None:
        """Have the strategies that keep to a target, or go round, go on after the present one; returns who is next."""
        self._hand.rotate(self._clock.monotonic())
        return self.current()

    def disable(self, target_id: str) -> None:
        """Ask this target no more, until ``enable``. Calls under way go on."""
        self._hand.disable(self._standing(target_id), disabled=True, now=self._clock.monotonic())

    def enable(self, target_id: str) -> None:
        """Ask this target again."""
        self._hand.disable(self._standing(target_id), disabled=False, now=self._clock.monotonic())

    def force_open(self, target_id: str, seconds: float = 60.0) -> None:
        """Leave this target, and what shares its server, alone for so long."""
        self._hand.force_open(self._standing(target_id), _seconds(seconds), self._clock.monotonic())

    def half_open(self, target_id: str) -> None:
        """Let the next request test this target, whatever keeps it away."""
        self._hand.half_open(self._standing(target_id), self._clock.monotonic())

    def reset(self, target_id: str | None = None) -> None:
        """Forget all evidence, blocks and cooldowns: of this target and of what it shares, or of all. Calls under way
        say nothing any more.
        """
        chosen = None if target_id is None else self._standing(target_id)
        self._hand.reset(chosen, self._clock.monotonic())

    def cool(self, target_id: str, seconds: float) -> None:
        """Let this target, and what shares its rate limit, rest for so long; 0 ends any rest."""
        self._hand.cool(self._standing(target_id), _seconds(seconds), self._clock.monotonic())

    def saw(self, target_id: str, headers: Mapping[str, str]) -> None:
        """A response of this target had these headers: a rate limit that they call used up is not run into."""
        standing = self._standing(target_id)
        if seconds := used_up_for(headers):
            self._fleet.health.used_up(standing, seconds, self._clock.monotonic())

    def _standing(self, target_id: str) -> Standing:
        by_id = self._fleet.health.roster.by_id
        if target_id not in by_id:
            raise ConfigError(f"target_id = {target_id!r}: there is no such target. Known: {', '.join(by_id)}.")
        return by_id[target_id]

    @property
    def _hand(self) -> Hand:
        return Hand(self._fleet.health)

    def __repr__(self) -> str:
        return f"Failover([{', '.join(t.id for t in self.targets)}])"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.targets, self.policy, self._on_event)

    def _flow(self, request: Request | None, *, streaming: bool = False, tried: Sequence[str] = ()) -> Flow:
        return Flow(self._fleet, checked_request(request), self._clock.monotonic(), streaming=streaming, tried=tried)

    @staticmethod
    def _after_fork() -> None:
        for failover in list(_alive):
            failover._fleet.health.after_fork()  # noqa: SLF001 - our own
            if failover._own_rng:  # noqa: SLF001 - our own
                failover._fleet.rng.seed()  # noqa: SLF001 - our own; else all children would come back in step


def _after(permit: Permit) -> Flow:
    """The request that goes on after this permit."""
    permit.cancel()  # does nothing to a permit that is settled, as it should be
    return permit.flow


def _answering(flow: Flow) -> Target:
    target = flow.target
    assert target is not None  # noqa: S101 - for the type checker: somebody has answered
    return target


def _fleet(targets: tuple[Target, ...], policy: Policy, rng: Random, listeners: Listeners) -> Fleet:
    health = FleetHealth(targets, policy, rng, listeners)
    return Fleet(policy, health, rng, deque(maxlen=32), policy.attempt_timeout + GRACE)


def _rebuilt(targets: tuple[Target, ...], policy: Policy, on_event: Listener | None) -> Failover:
    return Failover(targets, policy, on_event=on_event)


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < inf:
        raise ConfigError(f"seconds = {value!r}: give a number of seconds, 0 or more.")
    return float(value)


_alive: WeakSet[Failover] = WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Failover._after_fork)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - this module's own
