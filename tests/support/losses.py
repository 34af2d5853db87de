"""What gets lost between a provider's answer and the error that a client raises, and how.

The ways are a library and how it was asked, as in "LiteLLM plain".
"""

from __future__ import annotations

_UNREAD = "huggingface_hub's async client raises before the body of a refused stream has been read"
_FINISH = "litellm takes the finish reason ERROR for any other and leaves out what Cohere says beside it"
_FLAT = "a flat error has no 'error' in it and no choices, and is taken for a chunk without content"
_BRACKETS = "ChatNVIDIA raises a bare Exception that begins with the status in brackets"

LOST: dict[tuple[str, str], str] = {
    ("huggingface/400_model_not_found", "LangChain astream"): _UNREAD,
    ("huggingface/422_context_length", "LangChain astream"): _UNREAD,
    ("huggingface/429_overloaded", "LangChain astream"): _UNREAD,
}
"""By cassette and way: the client destroys what the class could be told by, and this is how."""

WRONG: dict[tuple[str, str], str] = {
    ("nvidia/403_permission_denied", "LangChain astream"): _BRACKETS,
    ("nvidia/503_overloaded", "LangChain astream"): _BRACKETS,
    ("nvidia/503_worker_limit", "LangChain astream"): _BRACKETS,
}
"""By cassette and way: what the class could be told by is there, and is not understood yet."""

SILENT: dict[tuple[str, str], str] = {
    ("cohere/200_stream_error", "LiteLLM stream"): _FINISH,
    ("cohere/200_stream_error", "LiteLLM astream"): _FINISH,
    ("mistral/200_stream_error", "LiteLLM stream"): _FLAT,
    ("mistral/200_stream_error", "LiteLLM astream"): _FLAT,
    ("mistral/200_stream_error", "LangChain stream"): _FLAT,
    ("mistral/200_stream_error", "LangChain astream"): _FLAT,
}
"""By cassette and way: the client raises nothing, or only that a stream has ended without a mark.

What it returns has to be judged by the adapter.
"""

MENDED = {
    "perplexity/400_invalid_message": "litellm knows the words, puts the roles in turn and asks again",
}
"""What litellm does not raise, because it mends the request and asks a second time."""
