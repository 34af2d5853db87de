"""Replays leave nothing behind, and nobody asks about a model behind their back."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from support.leftovers import close_litellm

__all__ = ["close_litellm"]

_OLLAMA = "litellm.llms.ollama.common_utils.OllamaModelInfo.get_runtime_model_info"
_HUGGING_FACE = "litellm.utils._get_max_position_embeddings"


@pytest.fixture(scope="session", autouse=True)
def nobody_is_asked_about_a_model() -> Iterator[None]:
    """LiteLLM asks Ollama and Hugging Face from threads of its own, which may outlive the test that started them."""
    free = {"key": "any", "litellm_provider": "ollama", "mode": "chat"}
    costs = dict.fromkeys(("input_cost_per_token", "output_cost_per_token"), 0.0)
    limits = dict.fromkeys(("max_tokens", "max_input_tokens", "max_output_tokens"))
    with mock.patch(_OLLAMA, return_value=free | costs | limits), mock.patch(_HUGGING_FACE, return_value=None):
        yield
