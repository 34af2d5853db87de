"""Whatever a provider or an SDK gives as a body becomes its codes, its words, and the status and times it names itself.

Why so forgiving: the same error arrives as bytes, as text, as parsed JSON, as the inner ``error`` value alone, as a
line of an event stream, as HTML from an edge, cut off in the middle, wrapped by a gateway, or quoted inside another
library's message. Only known keys are looked at, to a fixed depth, so neither a huge nor a malicious body costs more
than a small one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast

from failover_plugin.classify import texts
from failover_plugin.classify.texts import MAX_BODY

MAX_WORDS: Final = 1000
"""Characters of what it says that rules search: what a provider has to say, it says in the first lines."""

_MAX_PARTS: Final = 16

_MAX_DEPTH: Final = 6

_MAX_QUOTED: Final = 2
"""JSON texts inside a body that are read: a gateway quotes whom it asked."""

_MAX_QUOTE: Final = 4 * 1024
"""Characters of such a text."""

_INSIDE: Final = (
    "error", "errors", "response", "details", "detail", "innererror", "metadata", "headers", "violations", "body",
    "incomplete_details", "choices", "data", "message", "last_error", "base_resp",
)  # fmt: skip

_QUOTING: Final = ("raw", "html-message", "message", "Message", "error", "detail", "body")

_CODES: Final = (
    "error_code", "errorcode", "ErrorCode", "code", "reason", "error_type", "type", "__type", "status", "finish_reason",
)  # fmt: skip

_STATUSES: Final = ("status_code", "raw_status_code", "code", "status")

_MESSAGES: Final = (
    "message", "Message", "error", "detail", "details", "msg", "error_msg", "status_msg", "error_message",
    "errormessage", "title", "raw", "failed_generation",
)  # fmt: skip

_FINE_PRINT: Final = ("reason", "quotaId", "quotaMetric", "quota_metric", "limit_source")
"""Which limit it was: searched with the words, shown to nobody."""

_HINTS: Final = frozenset(
    (
        "limit_source",
        "quotaid",
        "quotaresetdelay",
        "retrydelay",
        "retry_delay",
        "retry_after",
        "retry-after",
        "retryafter",
        "retry_after_seconds",
        "retry_after_ms",
        "estimated_time",
        "reset_at",
        "resets_at",
        "resets_in_seconds",
    )
)

_TOKEN: Final = 100
"""Characters of a code."""

_SENSIBLE: Final = 1e15
"""No number that speaks of time is larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``codes`` are the provider's own, the most telling first; ``words`` all it says, in lower case; ``status`` the
    HTTP status the body claims; ``hints`` what it says of times, by lower-case name.
    """

    codes: tuple[str, ...] = ()
    message: str = ""
    words: str = ""
    status: int | None = None
    hints: Mapping[str, str] = field(default_factory=dict[str, str])


def read(raw: object) -> Body:
    """Read a body of any shape, parsed or not; an object of any other kind gives an empty ``Body``."""
    is_cut = isinstance(raw, str | bytes | bytearray) and len(raw) > MAX_BODY
    if isinstance(raw, bytes | bytearray):
        raw = raw[:MAX_BODY].decode("utf-8", "replace")
    if not isinstance(raw, str):
        return _parsed(raw) or Body()
    text = raw[:MAX_BODY].strip()
    return _parsed(texts.decoded(text, is_cut=is_cut)) or _scanned(text)


def _scanned(text: str) -> Body:
    """What a text says that is not JSON as a whole, or not JSON any more."""
    codes, message = texts.scanned(text)
    return Body(codes=_telling(codes), message=message, words=message[:MAX_WORDS].lower())


def _parsed(raw: object) -> Body | None:
    parts = list(islice(_parts(raw), _MAX_PARTS))
    if not parts:
        return None
    inside_out = parts[::-1]
    codes = [code for key in _CODES for part in inside_out if (code := part.get(key))]
    statuses = (_as_status(part.get(key)) for key in _STATUSES for part in inside_out)
    messages = list(_texts(inside_out, _MESSAGES))
    fine_print = list(_texts(inside_out, _FINE_PRINT))
    return Body(
        codes=_telling(codes),
        message=next(iter(messages), ""),
        words=_spoken(*messages, *fine_print, *_spelt_out(codes)),
        status=next(filter(None, statuses), None),
        hints=dict(_hints(parts)),
    )


def _parts(raw: object, depth: int = 0, quoted: list[int] | None = None) -> Iterator[Mapping[object, object]]:
    """The objects that may speak of the error, outermost first."""
    quoted = [0] if quoted is None else quoted
    if depth > _MAX_DEPTH:
        return
    if isinstance(raw, Mapping):
        part = cast("Mapping[object, object]", raw)
        yield part
        for key in _INSIDE:
            if (inside := part.get(key)) and not isinstance(inside, str):
                yield from _parts(inside, depth + 1, quoted)
        for key in _QUOTING:
            inner = part.get(key)
            if isinstance(inner, str) and "{" in inner[:_TOKEN] and quoted[0] < _MAX_QUOTED:
                quoted[0] += 1
                yield from _parts(texts.decoded(inner[:_MAX_QUOTE]), depth + 1, quoted)
    elif isinstance(raw, list):
        for item in cast("list[object]", raw)[:_MAX_PARTS]:
            yield from _parts(item, depth + 1, quoted)


def _texts(parts: list[Mapping[object, object]], keys: Sequence[str]) -> Iterator[str]:
    for part in parts:
        for key in keys:
            if (value := part.get(key)) and (text := _as_text(value)):
                yield text


def _telling(codes: Sequence[object]) -> tuple[str, ...]:
    """Codes that say something, each once: no envelope names, no bare numbers unless there is nothing else."""
    words = dict.fromkeys(_as_code(code) for code in codes)
    return tuple(sorted((word for word in words if word not in _EMPTY), key=str.isdigit))


_EMPTY: Final = frozenset(("", "error", "stop", "failed"))


def _as_code(value: object) -> str:
    if isinstance(value, str):
        return value[:_TOKEN] if len(value) <= _TOKEN else ""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 1000 <= value < 1_000_000
    return str(value) if is_number else ""


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _spelt_out(codes: Iterable[object]) -> Iterator[str]:
    """Codes in camel case as the words that they are made of: providers coin them as they go."""
    for code in codes:
        if isinstance(code, str) and len(code) <= _TOKEN and not code.islower() and not code.isupper():
            yield _CAMEL.sub(" ", code)


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(item for item in cast("list[object]", value)[:_MAX_PARTS] if isinstance(item, str))[:MAX_BODY]
    return value[:MAX_BODY].strip() if isinstance(value, str) else ""


def _spoken(*said: str) -> str:
    return "\n".join(dict.fromkeys(text[:MAX_WORDS] for text in said))[:MAX_WORDS].lower()


def _hints(parts: list[Mapping[object, object]]) -> Iterator[tuple[str, str]]:
    for part in parts:
        for key, value in islice(part.items(), 2 * _MAX_PARTS):
            name = key.lower() if isinstance(key, str) and len(key) < _TOKEN else ""
            if name in _HINTS or name.startswith("x-ratelimit-"):
                yield from ((name, said) for said in _as_said(value))


def _as_said(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:_TOKEN]
    elif isinstance(value, int | float) and abs(value) < _SENSIBLE:
        yield f"{value:.15g}"
