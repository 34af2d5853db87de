"""LiteLLM's streams under our eyes, one reader for each kind: chat, text completions, Responses, messages, transcripts.

A stream of any other kind is not watched: it counts as answered once it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper  # pyright: ignore[reportMissingTypeStubs]
from litellm.responses.streaming_iterator import (  # pyright: ignore[reportMissingTypeStubs]
    BaseResponsesAPIStreamingIterator,
)
from litellm.text_completions.streaming_iterator import TextCompletionStreamWrapper

from failover_litellm.answer_checks import field, may_be_silent
from failover_litellm.streams import chat, responses, text_completion
from failover_litellm.streams.chat import ChatReader
from failover_litellm.streams.messages import MessagesReader
from failover_litellm.streams.reader import Reader
from failover_litellm.streams.responses import ResponsesReader
from failover_litellm.streams.resume import Resume
from failover_litellm.streams.text_completion import TextCompletionReader
from failover_litellm.streams.transcription import TranscriptionReader
from failover_litellm.streams.watched import AsyncWatchedStream, WatchedStream
from failover_plugin import Permit

__all__ = ["AsyncWatchedStream", "Resume", "WatchedStream", "is_made_up", "watch"]


def watch(
    response: Any, permit: Permit, *, asked: Mapping[str, Any], resume: Resume | None = None
) -> WatchedStream | AsyncWatchedStream | None:
    """The stream that a call has returned, watched; None if it returned no stream of a known kind.

    ``asked`` are the call's arguments. ``resume`` is how a chat stream goes on elsewhere if it dies after content.
    To be peeked at next, which is still a part of the attempt; from there on the stream settles ``permit`` by itself.
    """
    reader = _reader(response, asked)
    if reader is None:
        return None
    kind = AsyncWatchedStream if _is_async(response) else WatchedStream
    return kind(reader, permit, resume=resume if isinstance(reader, ChatReader) else None)


def is_made_up(response: Any) -> bool:
    """Whether a response is a stream in which no provider has a part: from LiteLLM's cache, or ``mock_response``."""
    if isinstance(response, TextCompletionStreamWrapper):
        response = text_completion.inner_stream(field(response, "completion_stream"))
    if isinstance(response, CustomStreamWrapper):
        return chat.is_made_up(response)
    return isinstance(response, BaseResponsesAPIStreamingIterator) and responses.is_made_up(response)


def _reader(response: Any, asked: Mapping[str, Any]) -> Reader | None:
    for kind, reader in _readers():
        if isinstance(response, kind):
            return reader(response, may_be_silent=may_be_silent(asked))
    if "messages" in asked and "max_tokens" in asked and hasattr(response, "__aiter__"):
        return MessagesReader(response, may_be_silent=may_be_silent(asked), model=str(asked.get("model")))
    return None


def _is_async(stream: Any) -> bool:
    """Whether a stream is to be read asynchronously. Where it can be read both ways, the call it comes from says it."""
    source: Any = field(stream, "completion_stream") if isinstance(stream, TextCompletionStreamWrapper) else stream
    if not hasattr(source, "__next__") or not hasattr(source, "__anext__"):
        return hasattr(source, "__aiter__")
    log = field(source, "logging_obj") or field(source, "litellm_logging_obj")
    return str(field(log, "call_type")).startswith("a")


@cache
def _readers() -> tuple[tuple[Any, Callable[..., Reader]], ...]:
    """LiteLLM's classes of streams, and who reads each."""
    return (
        (CustomStreamWrapper, ChatReader),
        (TextCompletionStreamWrapper, TextCompletionReader),
        (BaseResponsesAPIStreamingIterator, ResponsesReader),
        (_transcripts(), TranscriptionReader),
    )


def _transcripts() -> tuple[type, ...]:
    """LiteLLM's classes for streamed transcripts, none before 1.110."""
    try:
        module = import_module("litellm.litellm_core_utils.audio_utils.transcription_streaming")
    except ImportError:
        return ()
    return module.LoggingTranscriptionStream, module.LoggingAsyncTranscriptionStream
