"""HTTP/1.1 as far as an emulator needs it: read a request, play a plan."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import MIMEPart
from http import HTTPStatus
from typing import Any, cast

from failover_plugin.emulator.plan import Data, Hangup, Head, Pause, Plan

_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request off the wire; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def host(self) -> str:
        """The host the client believes it talks to, without a port."""
        return self.headers.get("host", "").partition(":")[0]

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What comes behind the path's question mark."""
        return self.target.partition("?")[2]

    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, None if it is something else."""
        try:
            body = json.loads(self.content or b"{}")
        except ValueError:
            return None
        return cast("dict[str, Any]", body) if isinstance(body, dict) else None

    def fields(self) -> dict[str, Any] | None:
        """The body as a JSON object or the fields of a form, None if it is neither."""
        kind = self.headers.get("content-type", "")
        return _form(kind, self.content) if kind.startswith("multipart/form-data") else self.json()


def _form(kind: str, content: bytes) -> dict[str, Any]:
    """A form's fields as text; of a file, what tells whether it came whole."""
    form = message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + content, policy=policy.HTTP)
    return {str(part.get_param("name", header="content-disposition")): _field(part) for part in form.iter_parts()}


def _field(part: MIMEPart) -> object:
    content = cast("bytes", part.get_payload(decode=True))
    name = part.get_filename()
    return content.decode(errors="replace") if name is None else {"filename": name, "bytes": len(content)}


class Line(asyncio.StreamReader):
    """A connection's reading side that also says when the other side has hung up, without reading."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        """The other side has closed."""
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        """The connection was lost."""
        super().set_exception(exc)
        self.gone.set()


async def read(reader: asyncio.StreamReader) -> Incoming:
    """The next request; ``IncompleteReadError`` when the client has gone."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    method, target, _version = line.split(" ", 2)
    pairs = (field.partition(":") for field in fields)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Incoming(method, target, headers, await _content(reader, headers))


async def _content(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    chunks: list[bytes] = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(chunks)


async def play(plan: Plan, writer: asyncio.StreamWriter) -> None:
    """Send a plan. After a hangup the writer is closing."""
    chunked = False
    for step in plan:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Head(status, headers):
                chunked = "content-length" not in headers
                writer.write(_head(status, headers))
            case Data(data):
                writer.write(_chunk(data) if chunked else data)
            case Hangup.CUT:
                writer.close()
                return
            case Hangup.RESET:
                _reset(writer)
                return
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{fields}\r\n".encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
