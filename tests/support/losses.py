"""What gets lost between a provider's answer and the error that a client raises, and how."""

from __future__ import annotations

LOST: dict[tuple[str, str], str] = {}
"""By cassette and way: the client destroys what the class could be told by, and this is how."""

SILENT: dict[tuple[str, str], str] = {}
"""By cassette and way: the client raises nothing at all; what it returns has to be judged by the adapter."""

MENDED = {
    "perplexity/400_invalid_message": "litellm knows the words, puts the roles in turn and asks again",
}
"""What litellm does not raise, because it mends the request and asks a second time."""
