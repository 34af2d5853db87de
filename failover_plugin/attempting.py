"""The attempt being made, where the code that makes it can see it; and an answer with the way it took."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

from failover_plugin.flow import Flow
from failover_plugin.model import Target, Trail
from failover_plugin.start import Start

T = TypeVar("T")

attempt: ContextVar[Start] = ContextVar("failover_attempt")


def current_attempt() -> Start:
    """The attempt being made, inside a ``call`` or ``open_``: its number, target, model and timeouts (seconds).

    Raises ``LookupError`` outside of one.
    """
    return attempt.get()


class Attempting:
    """``with Attempting(start):`` makes it the current attempt."""

    __slots__ = ("_start", "_token")

    def __init__(self, start: Start) -> None:
        self._start = start

    def __enter__(self) -> None:
        self._token: Token[Start] = attempt.set(self._start)

    def __exit__(self, *_: object) -> None:
        attempt.reset(self._token)


class Result(Generic[T]):
    """An answer, who gave it, and how the request went."""

    __slots__ = ("_flow", "target", "value")

    def __init__(self, value: T, target: Target, flow: Flow) -> None:
        self.value = value
        self.target = target
        self._flow = flow

    @property
    def trail(self) -> Trail:
        """How the request went."""
        return self._flow.trail

    def __repr__(self) -> str:
        return f"Result({self.value!r}, target={self.target.id!r}, attempts={len(self.trail.attempts)})"
