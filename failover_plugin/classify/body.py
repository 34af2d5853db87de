"""Whatever a provider or an SDK gives as a body becomes its codes, its message and the status it names itself.

Why so forgiving: the same error arrives as bytes, as text, as parsed JSON, as the inner ``error`` value alone, as a
line of an event stream, as HTML from an edge, cut off in the middle, or quoted inside another library's message. Only
known keys are looked at, to a fixed depth, so neither a huge nor a malicious body costs more than a small one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

MAX_BODY: Final = 16 * 1024
"""Bytes or characters of a body that are read."""

_MAX_SCAN: Final = 4 * 1024

_MAX_PARTS: Final = 16

_MAX_EVENTS: Final = 4

_INSIDE: Final = ("error", "response", "details", "detail", "innererror")

_CODES: Final = ("error_code", "code", "type")

_STATUSES: Final = ("status_code", "code", "status")

_MESSAGES: Final = ("message", "error", "detail")

_QUOTED_CODE = re.compile(r"""["'](?:error_code|code|type)["']\s*:\s*["']([\w.-]{1,64})["']""")

_QUOTED_MESSAGE = re.compile(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)')

_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``codes`` are the provider's own, the most telling first; ``status`` is the HTTP status the body claims."""

    codes: tuple[str, ...] = ()
    message: str = ""
    status: int | None = None


def read(raw: object) -> Body:
    """Read a body of any shape, parsed or not; an object of any other kind gives an empty ``Body``."""
    if isinstance(raw, bytes | bytearray):
        raw = raw[:MAX_BODY].decode("utf-8", "replace")
    if not isinstance(raw, str):
        return _parsed(raw) or Body()
    text = raw[:MAX_BODY].strip()
    return _parsed(_decoded(text)) or _scanned(text)


def _decoded(text: str) -> object:
    """The JSON in a text: all of it, or the line of an event stream that speaks of an error."""
    events = [line[5:] for line in text.splitlines() if line.startswith("data:") and "error" in line]
    for candidate in (text, *events[-_MAX_EVENTS:]):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    return None


def _scanned(text: str) -> Body:
    """What a text says that is not JSON as a whole, or not JSON any more."""
    start = text[:_MAX_SCAN]
    codes = [match[1] for match in islice(_QUOTED_CODE.finditer(start), _MAX_PARTS)]
    quoted = _QUOTED_MESSAGE.search(start) or (_TITLE.search(start) if start.startswith("<") else None)
    return Body(codes=_telling(codes), message=quoted[1].strip() if quoted else text)


def _parsed(raw: object) -> Body | None:
    parts = list(islice(_parts(raw), _MAX_PARTS))
    if not parts:
        return None
    inside_out = parts[::-1]
    codes = [part.get(key) for key in _CODES for part in inside_out]
    statuses = (_as_status(part.get(key)) for key in _STATUSES for part in inside_out)
    messages = (_as_text(part.get(key)) for part in inside_out for key in _MESSAGES)
    return Body(
        codes=_telling(codes),
        message=next(filter(None, messages), ""),
        status=next(filter(None, statuses), None),
    )


def _parts(raw: object, depth: int = 0) -> Iterator[Mapping[object, object]]:
    """The objects that may speak of the error, outermost first."""
    if depth > len(_INSIDE):
        return
    if isinstance(raw, Mapping):
        part = cast("Mapping[object, object]", raw)
        yield part
        for key in _INSIDE:
            yield from _parts(part.get(key), depth + 1)
    elif isinstance(raw, list):
        for item in cast("list[object]", raw)[:_MAX_PARTS]:
            yield from _parts(item, depth + 1)


def _telling(codes: Sequence[object]) -> tuple[str, ...]:
    """Codes that say something, each once: no envelope names, no bare numbers unless there is nothing else."""
    words = dict.fromkeys(code[:100] for code in codes if isinstance(code, str) and code and code != "error")
    return tuple(sorted(words, key=str.isdigit))


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(item for item in cast("list[object]", value)[:_MAX_PARTS] if isinstance(item, str))[:MAX_BODY]
    return value[:MAX_BODY] if isinstance(value, str) else ""
