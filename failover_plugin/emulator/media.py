"""The smallest picture and sound that any program opens; a text inside says who made them.

Follows https://www.w3.org/TR/png-3/ and https://id3.org/id3v2.4.0-structure.
"""

from __future__ import annotations

import struct
import zlib

_SILENCE = bytes.fromhex("fffb10c4") + bytes(100)  # a frame of MPEG-1 layer III: mono, 32 kbit/s, 44.1 kHz, 26 ms
_FRAMES = 38  # a second


def png(text: str) -> bytes:
    """One grey pixel, with the text as its comment."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"iTXt", b"Comment\0\0\0\0\0" + text.encode()),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def mp3(text: str) -> bytes:
    """A second of silence, with the text as its title."""
    title = b"\x03" + text.encode()
    frame = b"TIT2" + _synchsafe(len(title)) + b"\0\0" + title
    return b"ID3\x04\0\0" + _synchsafe(len(frame)) + frame + _SILENCE * _FRAMES


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _synchsafe(size: int) -> bytes:
    """A size in seven bits a byte."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
