"""One answer of a provider, from the command line or a cassette, with every mistake found before anything is judged."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from failover_plugin._files import mapping, read_mapping
from failover_plugin.classify.providers import PROVIDERS, canonical, of_host
from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError

MAX_BODY: Final = 1024 * 1024
"""Bytes of a body that are read from a file, or unpacked; the classifier looks at the first 16 KiB."""

_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, and whence: ``headers`` as they are named, ``provider`` by its canonical name if it is known."""

    whence: str
    status: int
    headers: Mapping[str, str]
    body: object
    provider: str | None = None


def typed(status: str, headers: Sequence[str], body: bytes, *, provider: str | None) -> Answer:
    """The answer that somebody typed in; each of ``headers`` is "name: value". Raises ``ConfigError``."""
    return Answer(
        whence="the answer given",
        status=_status("--status", status),
        headers=dict(map(_header, headers)),
        body=body,
        provider=known_provider(provider),
    )


def known_provider(name: str | None) -> str | None:
    """The provider's canonical name. Raises ``ConfigError`` for one that is not known."""
    if name is not None and canonical(name) is None:
        raise ConfigError(f"--provider = {redact(name)!r}: is not known. Known: {', '.join(PROVIDERS)}.")
    return canonical(name)


def read_body(path: str, stdin: BinaryIO) -> bytes:
    """The body in a file, or with "-" from standard input. Raises ``ConfigError`` if it cannot be read."""
    if path == "-":
        return stdin.read(MAX_BODY)
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BODY)
    except OSError as error:
        raise ConfigError(f"--body-file = {path}: cannot be read ({error.strerror}): give a file, or -.") from None


def recorded(path: str, *, provider: str | None) -> list[Answer]:
    """All answers in a VCR cassette, in its order. Raises ``ConfigError`` if the file is none.

    The provider is the one given, else the one who answers at the address asked.
    """
    told = known_provider(provider)
    interactions: object = read_mapping(path).get("interactions")
    if not isinstance(interactions, list) or not interactions:
        raise ConfigError(f"{path}: interactions are missing: give a cassette (VCR's YAML), or --status.")
    entries = cast("list[object]", interactions)
    return [_interaction(f"{path}, {i} of {len(entries)}", entry, told) for i, entry in enumerate(entries, 1)]


def _interaction(where: str, entry: object, told: str | None) -> Answer:
    parts = mapping(where, entry)
    request = mapping(f"{where}: request", parts.get("request"))
    response = mapping(f"{where}: response", parts.get("response"))
    headers: object = response.get("headers") or {}
    status: object = response.get("status")
    code = mapping(where, cast("object", status)).get("code") if isinstance(status, dict) else status
    address = str(request.get("uri", ""))
    return Answer(
        whence=f"{where}: {request.get('method', '')} {_shown(address)}".rstrip(),
        status=_status(f"{where}: status", str(code)),
        headers={name: _first(value) for name, value in mapping(f"{where}: headers", headers).items()},
        body=_unpacked(_body(response)),
        provider=told or of_host(_host(address)),
    )


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _status(where: str, text: str) -> int:
    if len(text) == 3 and text.isascii() and text.isdigit() and 100 <= int(text) <= 599:
        return int(text)
    raise ConfigError(f"{where} = {redact(text)}: give an HTTP status from 100 to 599.")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or " " in name.strip():
        raise ConfigError(f"--header = {redact(text)!r}: give it as 'name: value', such as 'retry-after: 20'.")
    return name.strip(), value.strip()


def _first(value: object) -> str:
    """A header's value; VCR keeps a list of them."""
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return str(values[0]) if values else ""


def _body(response: Mapping[str, Any]) -> object:
    body = response.get("body")
    if not isinstance(body, dict):
        return body if body is not None else response.get("parsed_body", "")
    held = cast("dict[str, object]", body)
    packed = held.get("base64_string")
    return _decoded(packed) if isinstance(packed, str) else held.get("string", "")


def _decoded(packed: str) -> bytes | str:
    try:
        return b64decode(packed, validate=True)
    except ValueError:
        return packed


def _unpacked(body: object) -> object:
    """Plain, if it is gzip; as much as can be read of it."""
    if not isinstance(body, bytes) or not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(31).decompress(body, MAX_BODY)
    except zlib.error:
        return body


def _shown(address: str) -> str:
    """Without the query, in which keys are sent."""
    return redact(address.partition("?")[0])
