"""How exceptions hang together: what lies beneath one, which code raised it, and what it hides.

Libraries wrap each other's errors, and each layer knows something the next has dropped. A chain may be a group, a
cycle or endless; it is walked outermost first, each link once, and only so far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, cast

from failover_plugin.classify.providers import of_package
from failover_plugin.classify.strangers import attempt, attribute, item, text

TRANSLATOR: Final = "litellm"
"""Its exceptions stand for others, and often with an HTTP status of its own making."""

_MAX_LINKS: Final = 8
"""The longest chain seen has seven: LiteLLM's three, the SDK's, httpx's, httpcore's and the system's."""

_MAX_MEMBERS: Final = 4
"""Members of a group that are asked."""

_MAX_FRAMES: Final = 1000

_READS_ANSWERS: Final = f"{TRANSLATOR}.llms"
_LOOKS_AT_PARAMETERS: Final = "get_optional_params"

_MANY_PROVIDERS: Final = frozenset(("openai", "langchain_openai", "fireworks", TRANSLATOR))
"""Packages that speak to a provider, and their name does not tell to which."""

_OWN_MISTAKES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""Raised while some other error was being handled, these are news of their own: that other error explains nothing."""


def chain(error: BaseException, handled: BaseException | None = None) -> Iterator[BaseException]:
    """``error`` and what lies beneath it down to ``handled``, the outermost first, each once; ends on cycles too."""
    seen = set[int]() if handled is None or handled is error else {id(handled)}
    waiting = deque([error])
    while waiting and len(seen) < _MAX_LINKS:
        link = waiting.popleft()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting.extend(attempt((), _beneath, link))


def class_names(error: BaseException) -> tuple[str, ...]:
    """The inheritance line as ``package.Class``, the most derived first."""
    return tuple(f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(error).__mro__)


def raised_in(error: BaseException) -> str:
    """The top-level package of the code that raised it; empty if it was never raised."""
    trace = attribute(error, "__traceback__")
    for _ in range(_MAX_FRAMES):
        beneath = attribute(trace, "tb_next")
        if beneath is None:
            break
        trace = beneath
    module = item(attribute(attribute(trace, "tb_frame"), "f_globals"), "__name__")
    return module.partition(".")[0] if isinstance(module, str) else ""


def unsent(error: BaseException) -> bool:
    """Whether LiteLLM made this error itself before it had asked anybody.

    Its modules for the providers shape the request and read the answer, and those for streams and responses read it,
    too: what has passed through none of these has not been sent. Nor has a request whose parameters it is looking at.
    """
    trace, module = attribute(error, "__traceback__"), ""
    for _ in range(_MAX_FRAMES):
        if trace is None:
            break
        frame = attribute(trace, "tb_frame")
        if attribute(attribute(frame, "f_code"), "co_name") == _LOOKS_AT_PARAMETERS:
            return True
        module = text(item(attribute(frame, "f_globals"), "__name__"))
        if module.startswith(_READS_ANSWERS) or "stream" in module or "response" in module:
            return False
        trace = attribute(trace, "tb_next")
    return module.partition(".")[0] == TRANSLATOR


def of_sdk(package: str) -> bool:
    """Whether a top-level package is one that speaks to providers."""
    return package in _MANY_PROVIDERS or of_package(package) is not None


def hidden(error: BaseException) -> BaseException | None:
    """What an SDK was handling when it raised this ``from None``: the answer is still there, with its headers."""
    context = attribute(error, "__context__")
    is_from_none = attribute(error, "__suppress_context__") and attribute(error, "__cause__") is None
    if not isinstance(context, BaseException) or not is_from_none:
        return None
    return context if of_sdk(class_names(error)[0].partition(".")[0]) or of_sdk(raised_in(error)) else None


def _beneath(error: BaseException) -> tuple[BaseException, ...]:
    found = (attribute(error, "original_exception"), _before(error), *_grouped(error))
    return tuple(link for link in found if isinstance(link, BaseException))


def _before(error: BaseException) -> object:
    """What the error was raised from, or else while handling."""
    cause = attribute(error, "__cause__")
    if cause is not None or attribute(error, "__suppress_context__"):
        return cause
    return None if isinstance(error, _OWN_MISTAKES) and not _tripped(error) else attribute(error, "__context__")


def _tripped(error: BaseException) -> bool:
    """Whether LiteLLM made the mistake itself: it stumbles over provider codes that are not numbers, in streams."""
    return raised_in(error) == TRANSLATOR


def _grouped(error: BaseException) -> tuple[object, ...]:
    members = attribute(error, "exceptions")
    return cast("tuple[object, ...]", members)[:_MAX_MEMBERS] if isinstance(members, tuple) else ()
