"""A script's requests are made, at their times, and what became of each is noted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from .script import Ask, Script

NOTHING, EMPTY, WHOLE = range(3)
"""What a request got: an error, an answer without a word, an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request: text or error, when it was asked and when it was over (seconds since the start)."""

    number: int
    got: int
    said: str
    asked: float
    ended: float


class Application(Protocol):
    """What is asked: one side of a script."""

    def ask(self, ask: Ask) -> str:
        """The whole text, in sync code."""
        ...

    async def aask(self, ask: Ask) -> str:
        """The whole text."""
        ...

    async def abatch(self, asks: Sequence[Ask]) -> Sequence[str | BaseException]:
        """Several at once."""
        ...

    def not_closed(self) -> dict[str, str]:
        """The targets whose breakers are not closed, and why; none where there are no breakers."""
        ...


class Notes:
    """Who got what, and which breakers were seen not to be closed."""

    def __init__(self, script: Script, application: Application, now: Callable[[], float]) -> None:
        self.script, self.application, self.now = script, application, now
        self.answers: dict[int, Answer] = {}
        self.not_closed: dict[str, str] = {}

    def note(self, ask: Ask, asked: float, said: str | BaseException) -> None:
        """One request is over."""
        self.answers[ask.number] = Answer(ask.number, self._worth(said), _words(said), asked, self.now())
        self.look()

    def look(self) -> None:
        """Look at the breakers."""
        for target, why in self.application.not_closed().items():
            self.not_closed.setdefault(target, f"{why} (at {self.now():.1f} s)")

    def _worth(self, said: str | BaseException) -> int:
        if said == "":
            return EMPTY
        return WHOLE if said in {actor.text for actor in self.script.actors} else NOTHING


def _words(said: str | BaseException) -> str:
    if isinstance(said, str):
        return said
    return "; ".join([f"{type(said).__name__}: {said}"[:300], *(str(n)[:200] for n in getattr(said, "__notes__", ()))])


async def aplay(notes: Notes) -> None:
    """Make all requests from one event loop."""
    script, begin = notes.script, notes.now

    async def at(seconds: float) -> None:
        await asyncio.sleep(max(seconds - begin(), 0.0))

    async def one(ask: Ask) -> None:
        await at(ask.at)
        asked = notes.now()
        notes.note(ask, asked, await _caught(_within(ask.leaves, notes.application.aask(ask))))

    async def batch(asks: Sequence[Ask]) -> None:
        await at(asks[0].at)
        asked = notes.now()
        for ask, said in zip(asks, await notes.application.abatch(asks), strict=True):
            notes.note(ask, asked, said)

    ordered = sorted(script.asks, key=lambda ask: (ask.batch is None, ask.batch or 0))
    groups: Iterable[tuple[int | None, list[Ask]]] = ((b, list(g)) for b, g in groupby(ordered, lambda ask: ask.batch))
    work = [batch(asks) if b is not None else asyncio.gather(*map(one, asks)) for b, asks in groups]
    await asyncio.gather(*work)
    notes.look()


def play(notes: Notes, wait: Callable[[float], object]) -> None:
    """Make all requests in this thread, one after the other: one that takes long delays the next."""
    for ask in notes.script.asks:
        wait(max(ask.at - notes.now(), 0.0))
        asked = notes.now()
        notes.note(ask, asked, caught(lambda ask=ask: notes.application.ask(ask)))  # type: ignore[misc]
    notes.look()


def caught(call: Callable[[], str]) -> str | BaseException:
    """The answer or the error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever the application is told
        return error


async def _caught(call: Awaitable[str]) -> str | BaseException:
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - whatever the application is told
        return error


def _within(seconds: float | None, call: Any) -> Any:
    return call if seconds is None else asyncio.wait_for(call, seconds)
