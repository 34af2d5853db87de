"""What a provider's finish mark means for the answer it ends: nothing wrong, a failure under HTTP 200, or an empty one.

What a safety system has ended is an answer, though not the one that was hoped for, and so is one that the caller's own
limit has cut short: both are handed out as they are, and nobody else is asked for another.
"""

from __future__ import annotations

from typing import Final

from failover_plugin.model import ErrorClass

FAILED: Final = frozenset(
    (
        "error",
        "failed",
        "insufficient_system_resource",
        "malformed_function_call",
        "malformed_model_output",
        "malformed_tool_use",
        "network_error",
    )
)
"""The model, or what runs it, gave up: OpenRouter's and Cohere's mark, and DeepSeek's, Gemini's, Bedrock's, Zhipu's."""

FILTERED: Final = frozenset(
    (
        "blocklist",
        "content_filter",
        "content_filtered",
        "error_toxic",
        "guardrail_intervened",
        "image_safety",
        "prohibited_content",
        "recitation",
        "refusal",
        "safety",
        "sensitive",
        "spii",
    )
)
"""A safety system, or the model itself, refused."""

LIMITED: Final = frozenset(
    (
        "error_limit",
        "incomplete",
        "length",
        "load",
        "max_output_tokens",
        "max_tokens",
        "model_context_window_exceeded",
        "model_length",
        "pause_turn",
        "stop_sequence",
        "unload",
    )
)
"""A limit, or a pause, that may come before the first word."""


STOPPED: Final = frozenset(("complete", "completed", "end_turn", "eos", "eos_token", "finished", "stop"))
"""The model had no more to say."""


def failure(mark: str, *, has_content: bool, may_be_silent: bool = False) -> ErrorClass | None:
    """What is wrong with an answer that ends with ``mark`` (in any case, empty if there is none), or None.

    ``may_be_silent``: a model that says itself that it has stopped may have said nothing.
    """
    mark = mark.lower()
    if mark in FAILED:
        return ErrorClass.SERVER_ERROR
    if has_content or mark in FILTERED or mark in LIMITED or (may_be_silent and mark in STOPPED):
        return None
    return ErrorClass.EMPTY_RESPONSE
