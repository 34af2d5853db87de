"""What a caller of a client gets to see, in whichever way it asks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Client(Protocol):
    """A client of one provider."""

    def plain(self) -> str: ...
    def stream(self) -> Iterator[str]: ...
    async def aplain(self) -> str: ...
    def astream(self) -> AsyncIterator[str]: ...


MODES = ("plain", "stream", "aplain", "astream")


@dataclass(frozen=True)
class Sight:
    """What a caller got: the text, the error it ended with, if any, and how long it took, in seconds."""

    text: str
    error: Exception | None
    seconds: float

    @property
    def chain(self) -> list[BaseException]:
        """The error, its cause, the cause of that, and so on."""
        found: list[BaseException] = []
        error: BaseException | None = self.error
        while error is not None and error not in found:
            found.append(error)
            error = error.__cause__ or error.__context__
        return found

    @property
    def causes(self) -> set[str]:
        """The class names of the error, of its causes and of all their bases."""
        return {kind.__name__ for error in self.chain for kind in type(error).__mro__}


async def look(client: Client, mode: str) -> Sight:
    """Ask in one of the ``MODES`` and see what comes of it."""
    start, texts = time.monotonic(), []
    try:
        match mode:
            case "plain":
                texts.append(client.plain())
            case "stream":
                texts.extend(client.stream())
            case "aplain":
                texts.append(await client.aplain())
            case _:
                async for text in client.astream():
                    texts.append(text)  # noqa: PERF401 - what came before an error counts
    except Exception as error:  # noqa: BLE001 - any error is what we are looking for
        return Sight("".join(texts), error, time.monotonic() - start)
    return Sight("".join(texts), None, time.monotonic() - start)
