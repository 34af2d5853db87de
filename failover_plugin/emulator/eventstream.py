"""Amazon's binary event stream: one frame is a prelude, headers, a payload and two checksums.

Follows https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html, which draws the frame, and
https://smithy.io/2.0/aws/amazon-eventstream.html: lengths and CRC-32 checksums are big-endian and four bytes wide, a
header's value here is always a string (type 7).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

MEDIA_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7
_OVERHEAD = 16  # two lengths and two checksums


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _checked(struct.pack(">II", len(head) + len(payload) + _OVERHEAD, len(head)))
    return _checked(prelude + head + payload)


def event(kind: str, payload: bytes) -> bytes:
    """One event of this type, with a JSON payload."""
    return frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """One exception of this type, with a JSON payload: nothing comes behind it."""
    return frame({":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload)


def _checked(message: bytes) -> bytes:
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
