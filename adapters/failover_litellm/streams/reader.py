"""What the chunks of a stream mean: the base of one reader for each kind of stream that LiteLLM has.

A reader sees the chunks of one attempt. It knows content from what comes before it, the provider's own finish mark from
one that LiteLLM makes up, and an error inside the stream. It settles nothing: that is the watched stream's part.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from failover_litellm.answer_checks import field
from failover_plugin import AnswerFailed, EmptyResponse, StreamInterrupted, require_sound

_COUNTS = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens")


class Reader:
    """Reads the chunks of ``stream``. Each kind of stream has a subclass."""

    def __init__(self, stream: Any, *, may_be_silent: bool) -> None:
        """``may_be_silent``: an answer without content may be meant."""
        self.stream = stream
        self.may_be_silent = may_be_silent
        self.usage: Mapping[str, int] | None = None
        self.finished = False
        """Whether the finish mark has reached the caller."""

    @property
    def finishing(self) -> bool:
        """Whether the provider has sent a finish mark, of whatever kind: not much can follow. Asked for every chunk."""
        return self.finished

    @property
    def whole(self) -> bool:
        """Whether the provider has sent a finish mark that ends an answer: errors after it change nothing."""
        return self.finished

    def has_content(self, chunk: Any) -> bool:
        """Whether a chunk carries content. Asked until the first one does."""
        raise NotImplementedError

    def read(self, chunk: Any, *, has_content: bool) -> None:
        """Note what a chunk brings: finish mark, usage. Raises the error that it carries, or that its finish mark says.

        ``has_content``: content has come, in this chunk or before it.
        """
        raise NotImplementedError

    def last_chunk(self) -> Any:
        """The chunk that LiteLLM owes the caller when a whole answer ends in an error, None for none."""
        return None

    def open(self) -> None:
        """Connect, if LiteLLM has not done so yet."""

    async def aopen(self) -> None:
        """Connect, if LiteLLM has not done so yet."""

    def close(self) -> None:
        """Close the connection."""
        hang_up(self.stream)

    async def aclose(self) -> None:
        """Close the connection."""
        await ahang_up(self.stream)

    def finish(self, mark: str | None, *, has_content: bool) -> None:
        """The provider's finish mark has come. Raises ``AnswerFailed`` or ``EmptyResponse`` if it ends no answer."""
        try:
            require_sound(mark, has_content=has_content, may_be_silent=self.may_be_silent)
            self.finished = True
        except EmptyResponse:
            self.finished = True  # it is the end of the answer, such as it is
            raise


def hang_up(stream: Any) -> None:
    """Close a synchronous stream, if it can be closed."""
    close = getattr(stream, "close", None)
    if callable(close):
        with suppress(Exception):
            close()


async def ahang_up(stream: Any) -> None:
    """Close an asynchronous stream, if it can be closed."""
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    if callable(close):
        with suppress(Exception):
            closing = close()
            if inspect.isawaitable(closing):
                await closing


def gave_up(mark: str) -> bool:
    """Whether a finish mark says that the model gave up."""
    try:
        require_sound(mark, has_content=True)
    except AnswerFailed:
        return True
    return False


def unfinished() -> StreamInterrupted:
    """The error of a stream that ended without its finish mark."""
    return StreamInterrupted("The stream ended without a finish reason: the answer is not whole.")


def counts_of(usage: Any) -> Mapping[str, int] | None:
    """The token counts in a usage of LiteLLM's or a provider's, an object or a mapping; None if it has none."""
    return {name: count for name in _COUNTS if isinstance(count := field(usage, name), int)} or None
