"""Which model stands in for which at the other provider: those of about the same rank and price.

The names and prices are those of the list that litellm 1.110.2 brings (``model_prices_and_context_window``); a test
holds them to the one that is installed. What is not listed passes through under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OPENAI_TO_ANTHROPIC: Mapping[str, str] = MappingProxyType(
    {
        "gpt-6-astra": "claude-fable-5-1",
        "gpt-6.1-sol": "claude-sonnet-5-5",
        "gpt-6-sol": "claude-sonnet-5-5",
        "gpt-6-luna": "claude-haiku-5-5",
        "gpt-5.6": "claude-opus-5-5",
        "gpt-5.6-sol": "claude-opus-5-5",
        "gpt-5.6-terra": "claude-sonnet-5-5",
        "gpt-5.6-luna": "claude-haiku-5-5",
        "gpt-5.5": "claude-sonnet-5",
        "gpt-5.4": "claude-sonnet-5",
        "gpt-5.4-mini": "claude-haiku-4-5",
        "gpt-5.4-nano": "claude-haiku-5-5",
    }
)
"""For a primary at OpenAI and a fallback at Anthropic."""

ANTHROPIC_TO_OPENAI: Mapping[str, str] = MappingProxyType(
    {
        "claude-fable-5-1": "gpt-6-astra",
        "claude-fable-5": "gpt-6-astra",
        "claude-opus-5-5": "gpt-5.6",
        "claude-opus-5": "gpt-5.5",
        "claude-opus-4-8": "gpt-5.5",
        "claude-sonnet-5-5": "gpt-6.1-sol",
        "claude-sonnet-5": "gpt-5.5",
        "claude-sonnet-4-6": "gpt-5.4",
        "claude-haiku-5-5": "gpt-6-luna",
        "claude-haiku-4-5": "gpt-5.4-mini",
    }
)
"""For a primary at Anthropic and a fallback at OpenAI."""
