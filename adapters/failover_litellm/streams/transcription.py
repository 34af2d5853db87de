"""Transcriptions, streamed since LiteLLM 1.110: deltas of text, then one event with the whole of it."""

from __future__ import annotations

from typing import Any

from failover_litellm.streams.reader import Reader, counts_of

_DONE = "transcript.text.done"


class TranscriptionReader(Reader):
    """Reads OpenAI's events of a transcription."""

    def has_content(self, chunk: Any) -> bool:
        """Whether an event has text: every one but the last has."""
        return bool(chunk.type != _DONE)

    def read(self, chunk: Any, *, has_content: bool) -> None:  # noqa: ARG002 - silence is transcribed as nothing
        """Note the last event."""
        if chunk.type == _DONE:
            self.finished = True
            self.usage = counts_of(getattr(chunk, "usage", None))
