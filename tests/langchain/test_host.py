"""The host's private names that the adapter relies on are there, and called as it calls them."""

from __future__ import annotations

import inspect

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream
from langchain_core.runnables import Runnable

from failover_langchain.generating import GeneratingModel


def names(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_private_names() -> None:
    for name in ("_generate_with_cache", "_agenerate_with_cache"):
        assert names(getattr(BaseChatModel, name))[:4] == ["self", "messages", "stop", "run_manager"]
    assert names(BaseChatModel._get_ls_params) == ["self", "stop", "kwargs"]
    for name in ("_call_with_config", "_acall_with_config"):
        assert names(getattr(Runnable, name))[1:4] == ["func", "input_", "config"]
    for name in ("_transform_stream_with_config", "_atransform_stream_with_config"):
        assert names(getattr(Runnable, name))[1:4] == ["inputs", "transformer", "config"]
    assert AsyncChatModelStream()._producer_task is None


def test_the_hooks_that_are_overridden_exist() -> None:
    for name in (
        "_chat_model_stream_v3",
        "_achat_model_stream_v3",
        "_resolve_model_profile",
        "_generate",
        "_agenerate",
    ):
        assert name in vars(GeneratingModel) or name in vars(GeneratingModel.__mro__[1])
        assert hasattr(BaseChatModel, name)
