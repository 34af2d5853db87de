"""The names of langchain-core that are not public and that this package relies on, all in one place.

A chat model that delegates to others has to answer for them where the host asks by a private name. A test pins each
name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig

# Every access below is to a private name of the host's, which is what this module is for.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false


def ls_params(model: BaseChatModel, kwargs: dict[str, Any]) -> LangSmithParams:
    """Provider, model name and settings of a model, as the host's traces name them."""
    return model._get_ls_params(**kwargs)


def generate(model: BaseChatModel, messages: list[BaseMessage], kwargs: dict[str, Any]) -> ChatResult:
    """An answer without a run of its own, by way of the model's cache and rate limiter."""
    return model._generate_with_cache(messages, **kwargs)


async def agenerate(model: BaseChatModel, messages: list[BaseMessage], kwargs: dict[str, Any]) -> ChatResult:
    """``generate``, awaited."""
    return await model._agenerate_with_cache(messages, **kwargs)


def call_in_run(runnable: Any, ask: Any, value: Any, config: RunnableConfig) -> Any:
    """``ask(value, config)`` inside a chain run of ``runnable``'s own."""
    return runnable._call_with_config(ask, value, config)


async def acall_in_run(runnable: Any, ask: Any, value: Any, config: RunnableConfig) -> Any:
    """``call_in_run``, awaited."""
    return await runnable._acall_with_config(ask, value, config)


def stream_in_run(runnable: Any, transform: Any, values: Any, config: RunnableConfig) -> Any:
    """``transform(values, config)`` inside a chain run of ``runnable``'s own."""
    return runnable._transform_stream_with_config(values, transform, config)


def astream_in_run(runnable: Any, transform: Any, values: Any, config: RunnableConfig) -> Any:
    """``stream_in_run`` for async iterators."""
    return runnable._atransform_stream_with_config(values, transform, config)


def start_producer(stream: AsyncChatModelStream, produce: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have a task fill the stream, unless one does already; the stream ends it when it is closed."""
    if stream._producer_task is None:
        stream._producer_task = asyncio.get_running_loop().create_task(produce())
