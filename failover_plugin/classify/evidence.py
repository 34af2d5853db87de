"""What can be known about a failure, read off any exception or response without importing the library it comes from.

Why duck typing: importing an SDK to ask ``isinstance`` costs up to seconds, and the same class of error exists in a
dozen generated SDKs and in two majors of each. Names in the inheritance line, a few attribute names and the body say
all that the SDKs know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Final

from failover_plugin.classify import body as bodies
from failover_plugin.classify import names as known_names
from failover_plugin.classify.answers import (
    as_status,
    body_of,
    headers_of,
    is_unreadable,
    provider_of,
    response_of,
    signed,
    status_of,
)
from failover_plugin.classify.links import TRANSLATOR, chain, class_names, of_sdk, raised_in
from failover_plugin.classify.strangers import attempt, attribute, held, held_arguments, item, lowered, text
from failover_plugin.model import ErrorClass

__all__ = ["Evidence", "chain", "class_names", "from_exception", "from_response", "lowered", "unparsed"]

_MAX_SPOKEN: Final = 1000

_MAX_CODE: Final = 100

_MAX_ARGUMENTS: Final = 4

_MAX_SAID: Final = 4096
"""Characters of an exception's own words that are read: a provider's body may be quoted in them."""

_TRACE: Final = "\nTraceback (most recent call last)"
"""LiteLLM quotes whole tracebacks, in which every library's words stand."""

_RESPONSES_CODE = re.compile(r"^([a-z]+(?:_[a-z]+)+): ")
_RESPONSES_ERROR = re.compile(r"code='([\w.-]{1,64})'")
"""How LangChain spells the code of an error inside OpenAI's Responses stream."""

_ON_PURPOSE: Final = frozenset(("builtins.Exception", "builtins.RuntimeError", "builtins.ValueError"))

_SAYS_STATUS = re.compile(r"(?:(?:http|error|status|code)[ :/_-]{1,2}){0,4}[45][0-9]{2}(?![0-9])", re.IGNORECASE)

_BENEATH: Final = f"{TRANSLATOR}.BaseLLMException"
"""What LiteLLM raises before its own translation."""

_UNREAD: Final = "unexpected response from"
"""LiteLLM's words for a chunk in which it does not find what it looks for."""

_SERVERS_FAULT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one exception, or one response, says.

    ``names`` are its classes as ``package.Class``, the most derived first. ``claimed_status`` is the one that the body
    names. ``headers`` have lower-case names. ``text`` is what the provider or its SDK says, in lower case; the words of
    a bare built-in exception are anybody's, and do not count, unless an SDK raised it. ``hints`` are times that the
    body names. ``provider`` is one of ``providers.PROVIDERS``. ``errno`` is the operating system's. ``translated``
    marks an exception that stands for another one and has lost some of its facts.
    """

    names: tuple[str, ...] = ()
    status: int | None = None
    claimed_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    codes: tuple[str, ...] = ()
    message: str = ""
    text: str = ""
    hints: Mapping[str, str] = field(default_factory=dict[str, str])
    provider: str | None = None
    errno: int | None = None
    translated: bool = False

    @property
    def effective_status(self) -> int | None:
        """The HTTP status, or the one in the body where the transport itself went well."""
        return self.claimed_status if self.status is None or self.status < 400 else self.status


def from_response(status: object, headers: object, raw: object) -> Evidence:
    """Evidence from the parts of an HTTP response."""
    body = attempt(bodies.Body(), bodies.read, raw)
    sent = attempt(dict[str, str](), lowered, headers)
    return Evidence(
        status=as_status(status),
        claimed_status=body.status,
        headers=sent,
        codes=body.codes,
        message=body.message,
        text=body.words,
        hints=body.hints,
        provider=signed(sent),
    )


def from_exception(error: BaseException) -> Evidence:
    """Evidence from one exception, not from those beneath it; empty if nothing of it can be read."""
    return attempt(Evidence(names=class_names(error)), _from_exception, error)


def unparsed(error: BaseException) -> tuple[ErrorClass, str] | None:
    """What it means if the answer does not fit what the caller wants of it, and the name that says so, or None.

    An answer that the provider's own SDK cannot read is not meant: that is the provider's failure.
    """
    found = known_names.find(class_names(error), known_names.UNPARSED)
    return None if found is None or is_unreadable(error) else found


def _from_exception(error: BaseException) -> Evidence:
    names = class_names(error)
    response = response_of(error)
    headers = attempt(dict[str, str](), headers_of, error, response)
    said = _said(error)
    status = _sent(names, headers, said, status_of(error, response))
    raw = attempt(None, body_of, error, response, status)
    answered = status is not None or raw is not None
    is_wrapper = not answered and _is_answer(attribute(error, "__cause__"))
    heard = answered or not (is_wrapper or _is_anybodys(error, names, said))
    known = attempt(bodies.Body(), bodies.read, said if raw is None else raw) if heard else bodies.Body()
    translated = is_wrapper or names[0].startswith(f"{TRANSLATOR}.")
    return Evidence(
        names=_read_as(error, names),
        status=status,
        claimed_status=known.status,
        headers=headers,
        codes=(*_codes(error, response, translated=translated), *known.codes, *(_spelt(names, said) if heard else ())),
        message=known.message or said,
        text=(known.words or said[:_MAX_SPOKEN].lower()) if heard else "",
        hints=known.hints,
        provider=attempt(None, provider_of, error, response, headers),
        errno=_errno(error),
        translated=translated,
    )


def _sent(names: tuple[str, ...], headers: Mapping[str, str], said: str, status: int | None) -> int | None:
    """The status, unless LiteLLM made it up: for an error inside a stream, or an answer that it could not read."""
    if not names[0].startswith(f"{TRANSLATOR}.") or any(name != "content-type" for name in headers):
        return status
    if _UNREAD in said:
        return _SERVERS_FAULT
    return None if status == _SERVERS_FAULT and _BENEATH in names else status


def _is_anybodys(error: BaseException, names: tuple[str, ...], said: str) -> bool:
    """Whether nobody knows who speaks: not if an SDK raised it on purpose (it may also have stumbled), nor if it begins
    with an HTTP status, as what a thin client of one's own raises does.
    """
    if not names[0].startswith("builtins."):
        return False
    return not (names[0] in _ON_PURPOSE and (_SAYS_STATUS.match(said) or of_sdk(raised_in(error))))


def _is_answer(cause: object) -> bool:
    """Whether what was raised from it can only repeat it: it has the provider's answer, with the headers."""
    return isinstance(cause, BaseException) and status_of(cause, response_of(cause)) is not None


def _read_as(error: BaseException, names: tuple[str, ...]) -> tuple[str, ...]:
    return ("pydantic_core.Unmarshaller", *names) if is_unreadable(error) else names


def _codes(error: BaseException, response: object, *, translated: bool) -> Iterator[str]:
    """The codes that an SDK read. LiteLLM makes up its own and leaves a stream's where the status belongs."""
    own = held(error)
    names = ("status_code",) if translated else ("error_code", "code", "type")
    for code in (*map(own.get, names), item(item(response, "Error"), "Code")):
        if isinstance(code, str) and code and not code.isdigit():
            yield code[:_MAX_CODE]


def _spelt(names: tuple[str, ...], said: str) -> Iterator[str]:
    if names[0].startswith("builtins."):
        yield from _RESPONSES_CODE.findall(said[:_MAX_CODE])
        yield from _RESPONSES_ERROR.findall(said[:_MAX_SPOKEN])
    elif names[0].startswith(f"{TRANSLATOR}.") and "Exception {" in said[:_MAX_SPOKEN]:
        yield said[: said.index("Exception {") + len("Exception")].rpartition(" ")[2][:_MAX_CODE]


def _said(error: BaseException) -> str:
    """The exception's own words, capped.

    A text of its class's making is asked for only if it was given none: Python's own spells out whatever it holds.
    """
    given = (attribute(error, "message"), *held_arguments(error)[:_MAX_ARGUMENTS])
    words = next(filter(None, (text(value, _MAX_SAID) for value in given)), "").partition(_TRACE)[0]
    if words or not isinstance(attribute(type(error), "__str__"), FunctionType):
        return words
    return attempt("", str, error)[:_MAX_SAID]


def _errno(error: BaseException) -> int | None:
    number = attribute(error, "errno") if isinstance(error, OSError) else None
    return number if isinstance(number, int) else None
