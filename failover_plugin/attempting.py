"""The attempt being made, where the code that makes it can see it; and an answer with the way it took."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from inspect import isasyncgenfunction, isawaitable, isgeneratorfunction
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Generic, TypeVar, cast

from failover_plugin.errors import ConfigError
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


_BETTER: dict[type, str] = {
    CoroutineType: "an async function: write await arun(call)",
    GeneratorType: "a generator function: write stream(call)",
    AsyncGeneratorType: "an async generator function: write astream(call)",
}
"""What was called if it returned such a thing, and how to call it instead."""


def is_answer(value: object, call: Callable[..., object]) -> bool:
    """Whether a plain call has returned an answer, and not one that is yet to be made, whose end nobody would see.

    A generator that a plain function hands out is an answer; of a generator function it is all that is to be done.
    """
    if type(value) not in _BETTER:
        return True
    return type(value) is not CoroutineType and not (isgeneratorfunction(call) or isasyncgenfunction(call))


def can_be_awaited(value: object) -> bool:
    """Whether an async call has returned what one can be."""
    return type(value) is CoroutineType or isawaitable(value)


def misused(name: str, value: object) -> ConfigError:
    """What to tell a caller of the method of this ``name`` whose call has returned this."""
    kind: type = type(value)
    if kind is CoroutineType:
        cast("CoroutineType[object, object, object]", value).close()  # else Python warns that it was never awaited
    better = _BETTER.get(kind, "a plain function: write run(call), which blocks an event loop")
    return ConfigError(f"{name}(call): call is {better}. It returned a {kind.__name__}.")


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
