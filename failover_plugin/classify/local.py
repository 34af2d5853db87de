"""What is this process's own trouble, or its caller's mistake: evidence against no provider.

A process that has no file, thread, memory or pooled connection left fails at every target alike, and one that uses a
connection of an event loop that is gone would fail anywhere. A TypeError comes of how the call was made. Such an error
says nothing of whoever was to be asked.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from failover_plugin.classify import names
from failover_plugin.classify.links import class_names, of_sdk, raised_in, unsent
from failover_plugin.classify.rules import Finding
from failover_plugin.classify.strangers import attempt, held_arguments, text
from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_EXHAUSTED: Final[Mapping[str, ErrorClass]] = {
    "*.PoolTimeout": ErrorClass.TIMEOUT,
    "builtins.MemoryError": ErrorClass.UNKNOWN,
}
_NO_MORE: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))
_DEAD_LOOP: Final = (
    "event loop is closed",
    "attached to a different loop",
    "bound to a different event loop",
)
"""What asyncio says of a connection whose loop is gone: it is made anew if the call is made again."""
_NO_THREAD: Final = "can't start new thread"
_MAX_SAID: Final = 300

_MISTAKES: Final = frozenset(
    (
        "builtins.KeyError",
        "builtins.NameError",
        "builtins.NotImplementedError",
        "builtins.TypeError",
        "builtins.UnicodeEncodeError",
        "builtins.ValueError",
        "failover_plugin.ConfigError",
    )
)
"""Not what derives from them: a library's own class may speak of an answer, and so does a JSONDecodeError."""
_OF_THE_CALL: Final = ("unexpected keyword argument", "required positional argument", "required keyword-only argument")
"""What Python says where a function was called with arguments that it has not."""


def trouble(links: Iterable[BaseException]) -> Finding | None:
    """What ails this process, by what an exception and those beneath it say; None if nothing does."""
    return next(filter(None, (attempt(None, _trouble, link) for link in links)), None)


def _trouble(link: BaseException) -> Finding | None:
    called = class_names(link)
    if found := names.find(called, _EXHAUSTED):
        return Finding(means=found[0], why=f"this process has no more: {found[1]}")
    if isinstance(link, OSError) and link.errno in _NO_MORE:
        return Finding(means=ErrorClass.UNKNOWN, why=f"this process has no more: errno {link.errno}")
    if called[0] == "builtins.RuntimeError":
        said = _said(link)
        if any(words in said for words in _DEAD_LOOP):
            return Finding(means=ErrorClass.NETWORK, why="the connection belongs to an event loop that is gone")
        if _NO_THREAD in said:
            return Finding(means=ErrorClass.UNKNOWN, why="this process has no more: threads")
    return None


def mistake(error: BaseException) -> Finding | None:
    """The caller's own mistake, if it is one: the call could not be made as it was asked for.

    What a provider's client raises by itself may be about an answer, and is not meant.
    """
    name = class_names(error)[0]
    if name not in _MISTAKES:
        return None
    of_the_call = any(words in _said(error) for words in _OF_THE_CALL)
    if of_the_call or not of_sdk(raised_in(error)):
        return Finding(means=ErrorClass.UNKNOWN, why=f"how the call was made: {name}")
    return None


def unsendable(links: Sequence[BaseException]) -> Finding | None:
    """The caller's mistake, if LiteLLM stumbled over the request before it asked anybody: it may tell of that as of a
    connection that failed, with a status.
    """
    name = class_names(links[-1])[0]
    stumbled = name in (*_MISTAKES, "builtins.AttributeError") and unsent(links[-1])
    return Finding(means=ErrorClass.UNKNOWN, why=f"how the call was made: {name}") if stumbled else None


def _said(error: BaseException) -> str:
    return text(held_arguments(error)[:1][0], _MAX_SAID).lower() if held_arguments(error) else ""
