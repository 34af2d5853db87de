"""Texts that hold JSON somewhere, once did, or are an event stream: what can be read of them without trusting them."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Final

MAX_BODY: Final = 16 * 1024
"""Bytes or characters of a body that are read."""

_MAX_SCAN: Final = 4 * 1024

_MAX_FOUND: Final = 16

_MAX_EVENTS: Final = 4

_UNCLOSED: Final = 64
"""Brackets: with more of them open a text is no JSON any more, and to find out by parsing takes long."""

_QUOTED_CODE = re.compile(r"""["'](?:error_code|code|reason|error_type|type|status)["']\s*:\s*["']([\w.-]{1,64})["']""")

_QUOTED_MESSAGE = re.compile(r"""["']message["']\s*:\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)|'([^'\\]*(?:\\.[^'\\]*)*))""")

_FRAME = re.compile(r":exception-type\W{1,4}(\w{1,64}?Exception)")
"""A header of an AWS event stream's frame."""

_ERROR_EVENT = re.compile(r"event:(?<![^\n]event:) ?error\r?\n(?:id:[^\n]*\n)?data:([^\n]*)")
"""Not ``^event:``: the search for a beginning of a line takes ten times as long as that for a word."""

_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)

_TAGS = re.compile(r"<[^<>]{0,200}>")

_decoder = json.JSONDecoder()


def decoded(text: str, *, is_cut: bool = False) -> object:
    """The JSON in a text: all of it, the line of an event stream that speaks of an error, or what stands in the middle
    of other words; None if there is none. All of it is not tried if it ``is_cut``.
    """
    found, is_whole = (None, False) if is_cut else _parsed(text)
    if is_whole:
        return found
    for event in reversed(events(text)):
        if (said := json_in(event)) is not None:
            return said
    start = text.find("{")
    return json_in(text[start:], whole=False) if 0 < start < _MAX_SCAN else found


def events(text: str) -> list[str]:
    """The latest lines of an event stream, or of JSON by the line, that may speak of an error."""
    found: list[str] = []
    end = len(text)
    for _ in range(_MAX_FOUND):
        at = max(text.rfind("error", 0, end), text.rfind("failed", 0, end))
        if at < 0 or len(found) == _MAX_EVENTS:
            break
        end, stop = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        line = text[end : stop if stop >= 0 else None].strip()
        if line.startswith(("data:", "{")):
            found.append(line.removeprefix("data:"))
    return found[::-1]


def json_in(text: str, *, whole: bool = True) -> object:
    """A text as JSON, if it is an object or a list and all of it, or not the ``whole``, its beginning; else None."""
    found, is_whole = _parsed(text)
    return found if is_whole or not whole else None


def _parsed(text: str) -> tuple[object, bool]:
    """The object or list that a text begins with, or None, and whether that is all of it."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None, False
    if text.count("{") + text.count("[") - text.count("}") - text.count("]") > _UNCLOSED:
        return None, False
    try:
        found, end = _decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None, False
    return found, end == len(text)


def frame(text: str) -> dict[str, object] | None:
    """The exception in a frame of an AWS event stream, or None."""
    found = _FRAME.search(text)
    if found is None:
        return None
    start = text.find("{", found.end())
    said = json_in(text[start:], whole=False) if start >= 0 else None
    return {"type": found[1], "error": said or {"message": ""}}


def named_error(text: str) -> dict[str, object] | None:
    """The data of an event that is named ``error``, whatever they say themselves; None if there is no such event."""
    for found in islice(_ERROR_EVENT.finditer(text), _MAX_EVENTS):
        said = json_in(found[1])
        if isinstance(said, dict) and "error" not in said:
            return {"error": said}
    return None


def scanned(text: str) -> tuple[list[str], str]:
    """Codes and message of a text that is not JSON as a whole, or not JSON any more."""
    start = text[:_MAX_SCAN]
    codes = [match[1] for match in islice(_QUOTED_CODE.finditer(start), _MAX_FOUND)]
    if start.startswith("<"):
        return codes, _page(start)
    quoted = _QUOTED_MESSAGE.search(start)
    return codes, ((quoted[1] or quoted[2] or "") if quoted else text).strip()


def _page(html: str) -> str:
    """An error page's title, or its first words."""
    title = _TITLE.search(html)
    return " ".join((title[1] if title else _TAGS.sub(" ", html)).split())
