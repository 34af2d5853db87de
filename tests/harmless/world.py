"""What the targets do, by the clock, and who called them: one world for each time that a script is played."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from .script import CALLER, LOCAL, PROVIDER, Actor, Ask, Script


@dataclass(frozen=True, slots=True)
class Deed:
    """What one call meets: the name of a fault or "" for an answer, and the seconds that belong to it."""

    does: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class Call:
    """One call at a target: who asked, when, what it met, and when it was over (seconds since the start)."""

    target: str
    number: int
    at: float
    does: str
    ended: float | None = None


class World:
    """The targets of one script. Safe for any number of threads; ``now`` is seconds since the script's start."""

    def __init__(self, script: Script, now: Callable[[], float]) -> None:
        self.script = script
        self.now = now
        self.calls: list[Call] = []
        self._refuses_until: dict[str, float] = {}
        self._busy: Counter[str] = Counter()
        self._window: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    @property
    def failed(self) -> set[str]:
        """The targets at which a provider has failed."""
        return {call.target for call in self.calls if call.does in PROVIDER}

    @contextmanager
    def serving(self, actor: Actor, ask: Ask) -> Iterator[Deed]:
        """One call: what it meets. What is raised in our own process was never a call."""
        with self._lock:
            deed = self._deed(actor, ask, self.now())
            call = Call(actor.name, ask.number, self.now(), deed.does)
            if deed.does not in LOCAL | CALLER:
                self.calls.append(call)
            self._busy[actor.name] += 1
        try:
            yield deed
        finally:
            with self._lock:
                call.ended = self.now()
                self._busy[actor.name] -= 1

    def _deed(self, actor: Actor, ask: Ask, now: float) -> Deed:
        if meant := [actor.refuses[feature] for feature in sorted(ask.features) if feature in actor.refuses]:
            return Deed(meant[0])
        if (until := self._refuses_until.get(actor.name, 0.0)) > now:
            return Deed("named", ceil(until - now))
        if phase := actor.doing(now):
            return (
                self._named(actor, now, phase.end - now) if phase.does == "named" else Deed(phase.does, phase.seconds)
            )
        if actor.capacity is not None and self._busy[actor.name] >= actor.capacity:
            return Deed(actor.when_full)
        if actor.per_second is not None and self._is_too_much(actor.name, actor.per_second, now):
            return self._named(actor, now, 1.0)
        return Deed()

    def _named(self, actor: Actor, now: float, seconds: float) -> Deed:
        """A Retry-After is whole seconds, and the target keeps to what it has said."""
        self._refuses_until[actor.name] = now + ceil(seconds)
        return Deed("named", ceil(seconds))

    def _is_too_much(self, name: str, per_second: float, now: float) -> bool:
        window = [at for at in self._window.get(name, []) if at > now - 1.0]
        full = len(window) >= per_second
        self._window[name] = window if full else [*window, now]
        return full
