"""What can be known about a failure, read off any exception or response without importing the library it comes from.

Why duck typing: importing an SDK to ask ``isinstance`` costs up to seconds, and the same class of error exists in a
dozen generated SDKs and in two majors of each. Names in the inheritance line, a few attribute names and the body say
all that the SDKs know. Nothing here performs I/O: a body counts only if it has already been read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar, cast

from failover_plugin.classify import body as bodies

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_TRANSLATOR: Final = "litellm."
"""Its exceptions stand for others, and often with an HTTP status of its own making."""

_MAX_LINKS: Final = 12

_MAX_TEXT: Final = 4096

_MAX_SPOKEN: Final = 1000

_MAX_CODE: Final = 100

_MAX_HEADERS: Final = 200

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one exception, or one response, says.

    ``names`` are its classes as ``package.Class``, the most derived first. ``claimed_status`` is the one that the body
    names. ``headers`` have lower-case names. ``text`` is what the provider or its SDK says, in lower case; the words of
    a bare built-in exception are anybody's, and do not count. ``errno`` is the operating system's. ``translated`` marks
    an exception that stands for another one and has lost some of its facts.
    """

    names: tuple[str, ...] = ()
    status: int | None = None
    claimed_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    codes: tuple[str, ...] = ()
    message: str = ""
    text: str = ""
    provider: str | None = None
    errno: int | None = None
    translated: bool = False

    @property
    def effective_status(self) -> int | None:
        """The HTTP status, or the one in the body where the transport itself went well."""
        return self.claimed_status if self.status is None or self.status < 400 else self.status


def from_response(status: object, headers: object, raw: object) -> Evidence:
    """Evidence from the parts of an HTTP response."""
    body = _or(bodies.Body(), bodies.read, raw)
    return Evidence(
        status=_as_status(status),
        claimed_status=body.status,
        headers=_or({}, lowered, headers),
        codes=body.codes,
        message=body.message,
        text=_spoken(body.message),
    )


def from_exception(error: BaseException) -> Evidence:
    """Evidence from one exception, not from those beneath it; empty if nothing of it can be read."""
    return _or(Evidence(names=class_names(error)), _from_exception, error)


def _from_exception(error: BaseException) -> Evidence:
    names = class_names(error)
    translated = names[0].startswith(_TRANSLATOR)
    response = _attribute(error, "response")
    body = _body(error, response)
    status = _status(error, response)
    said = _said(error)
    spoken = status is not None or body is not None or not names[0].startswith("builtins.")
    known = _or(bodies.Body(), bodies.read, said if body is None else body) if spoken else bodies.Body()
    return Evidence(
        names=names,
        status=status,
        claimed_status=known.status,
        headers=_or({}, _headers, error, response),
        codes=(*_codes(error, response, translated=translated), *known.codes),
        message=known.message or said,
        text=_spoken(known.message, said) if spoken else "",
        provider=_text(_attribute(error, "llm_provider")) or None,
        errno=_errno(error),
        translated=translated,
    )


def chain(error: BaseException, handled: BaseException | None = None) -> Iterator[BaseException]:
    """``error`` and what lies beneath it down to ``handled``, the outermost first, each once; ends on cycles too."""
    seen = set[int]() if handled is None or handled is error else {id(handled)}
    waiting = deque([error])
    while waiting and len(seen) < _MAX_LINKS:
        link = waiting.popleft()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting.extend(_or((), _beneath, link))


def _beneath(error: BaseException) -> tuple[BaseException, ...]:
    found = (_attribute(error, "original_exception"), _before(error), *_grouped(error))
    return tuple(link for link in found if isinstance(link, BaseException))


def _before(error: BaseException) -> object:
    """What the error was raised from, or else while handling."""
    cause = _attribute(error, "__cause__")
    if cause is not None or _attribute(error, "__suppress_context__"):
        return cause
    return None if isinstance(error, _OWN_MISTAKES) and not _tripped(error) else _attribute(error, "__context__")


def _tripped(error: BaseException) -> bool:
    """Whether LiteLLM made the mistake itself: it stumbles over provider codes that are not numbers, in streams."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith(_TRANSLATOR)


def _grouped(error: BaseException) -> tuple[object, ...]:
    members = _attribute(error, "exceptions")
    return cast("tuple[object, ...]", members)[:_MAX_LINKS] if isinstance(members, tuple) else ()


def class_names(error: BaseException) -> tuple[str, ...]:
    """The inheritance line as ``package.Class``, the most derived first."""
    return tuple(f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(error).__mro__)


def lowered(headers: object) -> dict[str, str]:
    """Headers of any kind (a mapping, an SDK's own class, pairs, None) as a dict with lower-case names."""
    items = _attribute(headers, "items")
    pairs = items() if callable(items) else headers
    found: dict[str, str] = {}
    if not isinstance(pairs, Iterable):
        return found
    for pair in islice(cast("Iterable[object]", pairs), _MAX_HEADERS):
        if isinstance(pair, tuple | list) and len(cast("tuple[object, ...]", pair)) == 2:
            name, value = cast("tuple[object, object]", pair)
            found.setdefault(_text(name).lower(), str(value) if isinstance(value, int | float) else _text(value))
    return found


def _headers(error: BaseException, response: object) -> dict[str, str]:
    """What the provider sent. LiteLLM rebuilds ``response`` without headers and keeps the real ones aside."""
    sources = (
        _attribute(error, "litellm_response_headers"),
        _attribute(error, "headers"),
        _attribute(response, "headers"),
        _item(_item(response, "ResponseMetadata"), "HTTPHeaders"),
    )
    found: dict[str, str] = {}
    for source in sources:
        if source is not None:
            found = lowered(source) | found
    return found


def _status(error: BaseException, response: object) -> int | None:
    candidates = (
        _attribute(error, "status_code"),
        _attribute(error, "status"),
        _attribute(error, "code"),
        _attribute(response, "status_code"),
        _attribute(response, "status"),
        _item(_item(response, "ResponseMetadata"), "HTTPStatusCode"),
    )
    return next(filter(None, map(_as_status, candidates)), None)


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return int(value) if isinstance(value, int) and 100 <= value <= 599 else None


def _body(error: BaseException, response: object) -> object:
    """The richest body at hand: the SDK's, one raised as the exception's argument, or the response's if it was read.

    A response is asked for what it already holds, never for a property, because reading one may mean reading a socket.
    """
    held = _held(response)
    given = (_attribute(error, "body"), *(held.get(name) for name in ("_content", "_body", "content", "text")))
    unread = [value for value in given if isinstance(value, str | bytes | bytearray) and value]
    parsed = [value for value in (given[0], next(iter(error.args), None), response) if _is_parsed(value)]
    return next(iter((*parsed, *unread)), None)


def _is_parsed(value: object) -> bool:
    return isinstance(value, Mapping | list) and bool(cast("object", value))


def _held(response: object) -> Mapping[str, object]:
    held = _attribute(response, "__dict__")
    return cast("Mapping[str, object]", held) if isinstance(held, dict) else {}


def _codes(error: BaseException, response: object, *, translated: bool) -> tuple[str, ...]:
    """The codes that an SDK read. LiteLLM makes up its own and leaves a stream's where the status belongs."""
    names = ("status_code",) if translated else ("error_code", "code", "type")
    candidates = (*(_attribute(error, name) for name in names), _item(_item(response, "Error"), "Code"))
    return tuple(code[:_MAX_CODE] for code in candidates if isinstance(code, str) and code and not code.isdigit())


def _said(error: BaseException) -> str:
    """The exception's own words, capped."""
    message = _text(_attribute(error, "message"), bodies.MAX_BODY)
    if message:
        return message
    return _or("", str, error)[: bodies.MAX_BODY]


def _spoken(*texts: str) -> str:
    """What rules search: each text once, in lower case. What a provider has to say, it says in the first lines."""
    return "\n".join(dict.fromkeys(text[:_MAX_SPOKEN] for text in texts)).lower()


def _errno(error: BaseException) -> int | None:
    number = _attribute(error, "errno") if isinstance(error, OSError) else None
    return number if isinstance(number, int) else None


def _attribute(owner: object, name: str) -> object:
    return _or(None, getattr, owner, name, None)


def _or(default: _T, read: Callable[..., _T], *arguments: object) -> _T:
    """What can be read, or the default: a stranger's property may raise anything, and the other facts still count."""
    try:
        return read(*arguments)
    except Exception:  # noqa: BLE001 - see above
        return default


def _item(owner: object, key: str) -> object:
    return cast("Mapping[object, object]", owner).get(key) if isinstance(owner, Mapping) else None


def _text(value: object, most: int = _MAX_TEXT) -> str:
    if isinstance(value, bytes):
        return value[:most].decode("utf-8", "replace")
    return value[:most] if isinstance(value, str) else ""
