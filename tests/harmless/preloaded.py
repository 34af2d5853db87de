"""What players import, imported once, in the process that they are forked from."""

from __future__ import annotations

import anthropic.resources.messages
import langchain_anthropic
import langchain_openai
import openai.resources.chat

from . import kinds, langchain_sides, litellm_sides, player, real_models

__all__ = ["anthropic", "kinds", "langchain_anthropic", "langchain_openai", "langchain_sides"]
__all__ += ["litellm_sides", "openai", "player", "real_models"]
