"""Reading objects of unknown libraries: whatever they do, there is a value or nothing, at a bounded cost.

Why so careful: an exception's property may raise, its text may be 50 MB, its headers may be of any kind, and all this
happens where something has already gone wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_MAX_TEXT: Final = 4096
"""Characters of one header's value, or of any other attribute."""

_MAX_HEADERS: Final = 64


def attempt(default: _T, read: Callable[..., _T], *arguments: object) -> _T:
    """What can be read, or the default: a stranger's property may raise anything, and the other facts still count."""
    try:
        return read(*arguments)
    except Exception:  # noqa: BLE001 - see above
        return default


def attribute(owner: object, name: str) -> object:
    """An attribute, or None. Never raises."""
    return attempt(None, getattr, owner, name, None)


def held(owner: object) -> Mapping[str, object]:
    """What an object keeps as plain attributes: reading a property may mean reading a socket, or a warning."""
    found = attribute(owner, "__dict__")
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else {}


def held_arguments(error: object) -> tuple[object, ...]:
    """What an exception was made of."""
    arguments = attribute(error, "args")
    return cast("tuple[object, ...]", arguments) if isinstance(arguments, tuple) else ()


def item(owner: object, key: str) -> object:
    """What a mapping holds, or None. Never raises."""
    return attempt(None, cast("Mapping[object, object]", owner).get, key) if isinstance(owner, Mapping) else None


def text(value: object, most: int = _MAX_TEXT) -> str:
    """The first characters of a string or of bytes; empty for anything else."""
    if isinstance(value, bytes | bytearray):
        return value[:most].decode("utf-8", "replace")
    return value[:most] if isinstance(value, str) else ""


def lowered(headers: object) -> dict[str, str]:
    """Headers of any kind (a mapping, an SDK's own class, pairs, None) as a dict with lower-case names."""
    items = attribute(headers, "items")
    pairs = items() if callable(items) else headers
    found: dict[str, str] = {}
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes):
        return found
    for pair in islice(cast("Iterable[object]", pairs), _MAX_HEADERS):
        if isinstance(pair, (tuple, list)) and len(cast("tuple[object, ...]", pair)) == 2:
            name, value = cast("tuple[object, object]", pair)
            name = name if isinstance(name, str) else text(name)
            if isinstance(value, str):
                found.setdefault(name.lower(), value[:_MAX_TEXT])
            else:
                found.setdefault(name.lower(), str(value) if isinstance(value, int | float) else text(value))
    return found
