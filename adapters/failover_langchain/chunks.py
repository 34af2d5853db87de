"""What a chunk of a stream is worth: whether it carries content, and whether it says that the answer is whole.

langchain-core ends every stream with an empty chunk marked "last", also one that the provider never finished. A model
known to pass on its provider's finish mark therefore has to show it; for any other, the host's own last chunk will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from failover_langchain.clients import descends, is_anthropic, is_openai
from failover_plugin import StreamInterrupted

_FINISH_KEYS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_CONTENT_KEYS = ("function_call", "tool_calls", "refusal", "reasoning_content", "reasoning", "audio")
_MARKING = (
    ("langchain_aws", "ChatBedrockConverse"),
    ("langchain_fireworks", "ChatFireworks"),
    ("langchain_groq", "ChatGroq"),
    ("langchain_mistralai", "ChatMistralAI"),
    ("langchain_nvidia_ai_endpoints", "ChatNVIDIA"),
    ("langchain_openrouter", "ChatOpenRouter"),
)
_FRAME_KEYS = {"type", "index", "id", "annotations", "citations", "phase"}


def has_content(chunk: Any) -> bool:
    """Whether a chunk is something to show: text, reasoning, a tool call, or any value but an empty one."""
    if isinstance(chunk, AIMessageChunk) and chunk.tool_call_chunks:
        return True
    if isinstance(chunk, AIMessage):
        return speaks(chunk)
    return isinstance(chunk, BaseMessage) or bool(chunk)


def speaks(message: AIMessage) -> bool:
    """Whether a model's message, or a chunk of one, says anything."""
    if message.tool_calls or message.invalid_tool_calls:
        return True
    if any(message.additional_kwargs.get(key) for key in _CONTENT_KEYS):
        return True
    content: Any = message.content
    return bool(content) if isinstance(content, str) else any(map(says_something, content))


def says_something(block: str | Mapping[str, Any]) -> bool:
    """Whether a block holds more than its frame: the opening of a tool call does, that of a text does not."""
    if isinstance(block, str):
        return bool(block)
    return any(value for key, value in block.items() if key not in _FRAME_KEYS)


def is_finished(chunk: Any) -> bool:
    """Whether a chunk says that the answer is whole. A message that is no chunk is a whole answer."""
    if not isinstance(chunk, AIMessageChunk):
        return isinstance(chunk, BaseMessage)
    return chunk.chunk_position == "last" or bears_mark(chunk.response_metadata)


def is_genuine(chunk: Any) -> bool:
    """Whether a finished chunk is the provider's: the last one that the host makes up is empty and says no more."""
    if not isinstance(chunk, AIMessageChunk):
        return True
    return bool(chunk.response_metadata or chunk.usage_metadata) or has_content(chunk)


def mark_in(metadata: Mapping[str, Any]) -> str | None:
    """The reason why the provider stopped, as response metadata name it; where they name none, how it ended."""
    marks = (metadata.get(key) for key in (*_FINISH_KEYS, "status"))
    return next((mark for mark in marks if isinstance(mark, str) and mark), None)


def bears_mark(metadata: Mapping[str, Any]) -> bool:
    """Whether response metadata name the reason why the provider stopped."""
    return any(metadata.get(key) for key in _FINISH_KEYS)


def gives_mark(model: BaseChatModel, kwargs: Mapping[str, Any]) -> bool:
    """Whether the model is known to pass on its provider's finish mark in every whole stream."""
    if is_anthropic(model):  # It comes with the usage, and not at all without.
        usage = kwargs.get("stream_usage")
        return bool(getattr(model, "stream_usage", False) if usage is None else usage)
    return is_openai(model) or any(descends(model, root, name) for root, name in _MARKING)


def require_whole(message: Any) -> None:
    """Raise ``StreamInterrupted`` for a plain answer that was put together from a stream without a finish mark.

    langchain-core streams inside ``invoke`` whenever a streaming handler listens, and takes what came for the answer.
    An answer that was not streamed names its reason or status, be it None; one from a cache may have lost its metadata.
    """
    metadata: Mapping[str, Any] = message.response_metadata if isinstance(message, BaseMessage) else {}
    if "model_provider" in metadata and not any(key in metadata for key in (*_FINISH_KEYS, "status")):
        raise StreamInterrupted("the provider's stream ended without a finish mark")
