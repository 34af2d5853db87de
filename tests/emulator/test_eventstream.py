"""Amazon's binary frames, read back by botocore's own decoder, and what damaged ones come to."""

from __future__ import annotations

import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from failover_plugin.emulator import eventstream

_texts = st.text(max_size=40)
_names = st.text(min_size=1, max_size=20)


def decoded(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


@given(headers=st.dictionaries(_names, _texts, max_size=5), payload=st.binary(max_size=300))
def test_any_frame_is_read_back_as_it_was_written(headers: dict[str, str], payload: bytes) -> None:
    assert decoded(eventstream.frame(headers, payload)) == [(headers, payload)]


def test_an_event_and_an_exception_in_one_stream() -> None:
    stream = eventstream.event("contentBlockDelta", b"{}") + eventstream.exception("throttlingException", b"[]")
    kinds = [(headers[":message-type"], payload) for headers, payload in decoded(stream)]
    assert kinds == [("event", b"{}"), ("exception", b"[]")]


@pytest.mark.parametrize("place", [1, 8, 20, -2], ids=["length", "prelude checksum", "header", "checksum"])
def test_a_damaged_frame_does_not_pass(place: int) -> None:
    frame = bytearray(eventstream.event("chunk", json.dumps({"bytes": "aGk="}).encode()))
    frame[place] ^= 0xFF
    with pytest.raises(ChecksumMismatch):
        decoded(bytes(frame))
