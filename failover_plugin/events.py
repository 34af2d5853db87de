"""What listeners are told: one frozen value for each thing that happened, built only if somebody listens.

A listener is any function of one event, and tells events apart by their type. It is called in the thread or task in
which the thing happened, under no lock: a slow one holds up its own request and no other. One that raises harms
nobody, since whoever watches must not be able to break what is watched.

Every ``at`` is in monotonic seconds, on the clock of the ``Failover``. A ``key`` is the label that a scope is shared
under, never a secret. A ``reason`` is an error's class and status, like ``server_error 500``, so there are few of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from failover_plugin.model import Attempt, Scope, Target, Usage

_trouble = logging.getLogger("failover_plugin")
_journal = logging.getLogger("failover_plugin.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A target is about to be called. ``number`` counts a request's attempts from 1."""

    at: float
    target: Target
    number: int
    request_id: int

    def __str__(self) -> str:
        return f"request {self.request_id}: #{self.number} {self.target.id} started"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """A call ended: well, badly, or because the caller left. ``usage`` is None if no tokens were reported."""

    at: float
    attempt: Attempt
    target: Target
    request_id: int
    usage: Usage | None = None

    def __str__(self) -> str:
        return f"request {self.request_id}: {self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedOver:
    """An attempt failed, and the request goes on at another target."""

    at: float
    from_target: Target
    to_target: Target
    reason: str

    def __str__(self) -> str:
        return f"failed over from {self.from_target.id} to {self.to_target.id}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupStarted:
    """A target is slow, so a second one is asked beside it; the first content wins."""

    at: float
    target: Target
    slow_target: Target
    number: int

    def __str__(self) -> str:
        return f"#{self.number} {self.target.id} started as a backup: {self.slow_target.id} is slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfScope:
    """What befell a scope, and with it all ``targets`` (their ids) that pass through it."""

    at: float
    scope: Scope
    key: str
    targets: tuple[str, ...]

    def _told(self, what: str) -> str:
        return f"{self.scope} {self.key} {what} ({', '.join(self.targets)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOpened(_OfScope):
    """Nobody is let through for ``until_in`` seconds. ``probe_failed``: it was half open, and this prolongs it."""

    reason: str
    until_in: float
    probe_failed: bool = False

    def __str__(self) -> str:
        again = "open again" if self.probe_failed else "open"
        return self._told(f"{again} for {self.until_in:.1f} s: {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerHalfOpen(_OfScope):
    """Its time has come: a probe finds out whether it has recovered."""

    def __str__(self) -> str:
        return self._told("half open")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerClosed(_OfScope):
    """It has recovered."""

    def __str__(self) -> str:
        return self._told("closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBlocked(_OfScope):
    """A key is dead, not allowed or out of money, and is left alone for ``blocked_for`` seconds.

    An alert: no waiting cures it, somebody has to act. Told instead of ``BreakerOpened``.
    """

    reason: str
    blocked_for: float

    def __str__(self) -> str:
        return self._told(f"blocked for {self.blocked_for:.1f} s: {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEmpty:
    """What may be spent on attempts beyond the first, or on backups, is spent: one was not made."""

    at: float
    kind: Literal["failover", "backup"]

    def __str__(self) -> str:
        return f"the {self.kind} budget is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """A request ends without an answer.

    ``errors`` has an entry for each target, ``id: what it said or why it was not asked``. ``retry_after`` says in how
    many seconds the first is due back, None if nobody knows.
    """

    at: float
    request_id: int
    errors: tuple[str, ...]
    retry_after: float | None = None

    def __str__(self) -> str:
        back = "" if self.retry_after is None else f"; the first is due back in {self.retry_after:.1f} s"
        return f"request {self.request_id}: nobody could answer ({'; '.join(self.errors)}){back}"


Event = (
    AttemptStarted
    | AttemptEnded
    | FailedOver
    | BackupStarted
    | BreakerOpened
    | BreakerHalfOpen
    | BreakerClosed
    | KeyBlocked
    | BudgetEmpty
    | Exhausted
)
"""Anything a listener may be told."""

Listener = Callable[[Event], None]


class Listeners:
    """Those who are told; false if there are none, and then nobody need build an event.

    Safe for any number of threads without a lock, since it only ever appends. A copy tells the same listeners, and from
    then on goes its own way; it pickles if they do.
    """

    __slots__ = ("_subscriptions",)

    def __init__(self, *listeners: Listener) -> None:
        self._subscriptions = [_Subscription(listener) for listener in listeners]

    def __bool__(self) -> bool:
        return bool(self._subscriptions)

    def subscribe(self, listener: Listener) -> None:
        """Tell this one as well, from the next event on."""
        self._subscriptions.append(_Subscription(listener))

    def emit(self, event: Event) -> None:
        """Tell everybody, in the order in which they came; never under a lock.

        A listener that raises is logged, once for each kind of event, and stays subscribed. What is no ``Exception``,
        such as KeyboardInterrupt, passes through.
        """
        for subscription in tuple(self._subscriptions):
            subscription.tell(event)

    def __deepcopy__(self, memo: dict[int, Any]) -> Listeners:
        return Listeners(*self._told)

    def __reduce__(self) -> tuple[type[Listeners], tuple[Listener, ...]]:
        return Listeners, self._told

    @property
    def _told(self) -> tuple[Listener, ...]:
        return tuple(s.listener for s in self._subscriptions)


@dataclass(frozen=True, slots=True, eq=False)
class _Subscription:
    listener: Listener
    reported: dict[type[Event], object] = field(default_factory=dict[type[Event], object])

    def tell(self, event: Event) -> None:
        try:
            self.listener(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the request's
            self._report(type(event), error)

    def _report(self, kind: type[Event], error: Exception) -> None:
        """By its name only: the ``repr`` of a ``partial`` shows its arguments, which may be secrets."""
        mine = object()
        if self.reported.setdefault(kind, mine) is mine:
            name = getattr(self.listener, "__qualname__", type(self.listener).__qualname__)
            _trouble.warning("The listener %s raised at %s; told once.", name, kind.__name__, exc_info=error)


LEVELS: Mapping[type[Event], int] = {
    AttemptStarted: logging.DEBUG,
    AttemptEnded: logging.DEBUG,
    FailedOver: logging.INFO,
    BackupStarted: logging.INFO,
    BreakerOpened: logging.WARNING,
    BreakerHalfOpen: logging.INFO,
    BreakerClosed: logging.INFO,
    KeyBlocked: logging.WARNING,
    BudgetEmpty: logging.WARNING,
    Exhausted: logging.WARNING,
}
"""How loud ``log_events`` says each: a warning where somebody loses something or has to act."""


def log_events(event: Event) -> None:
    """A listener that writes to the logger ``failover_plugin.events``; the event itself is the record's argument."""
    _journal.log(LEVELS[type(event)], "%s", event)
