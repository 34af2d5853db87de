"""``generate`` and its relatives: each list of messages is a request of its own, so only what failed is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig

from failover_langchain import _host
from failover_langchain.base import FailoverModel
from failover_langchain.call import Call
from failover_langchain.events import Events, aopen_stream, open_stream
from failover_langchain.wrapping import unwrapped

_OPTIONS = ("callbacks", "tags", "metadata", "run_name", "run_id")


@dataclass(frozen=True, slots=True)
class Generation(Call):
    """Asks for an ``LLMResult``: every generation, in a run of the target's own."""

    def invoke(self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]) -> LLMResult:
        model, bound = _chat_model(runnable)
        return model.generate([self.input], **_options(config), **{**bound, **kwargs})

    async def ainvoke(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> LLMResult:
        model, bound = _chat_model(runnable)
        return await model.agenerate([self.input], **_options(config), **{**bound, **kwargs})


@dataclass(frozen=True, slots=True)
class BareGeneration(Call):
    """Asks for a ``ChatResult`` inside a run that the caller has opened."""

    def invoke(self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]) -> ChatResult:
        del config  # It speaks of runs, and the caller's is the only one.
        model, bound = _chat_model(runnable)
        return _host.generate(model, self.input, {**bound, **kwargs})

    async def ainvoke(
        self, runnable: Runnable[Any, Any], config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> ChatResult:
        del config  # It speaks of runs, and the caller's is the only one.
        model, bound = _chat_model(runnable)
        return await _host.agenerate(model, self.input, {**bound, **kwargs})


class GeneratingModel(FailoverModel):
    """A failover model that can be asked in the host's other ways."""

    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        return _together([self.state.invoke(call) for call in self._generations(messages, stop, callbacks, kwargs)])

    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        calls = self._generations(messages, stop, callbacks, kwargs)
        return _together(await asyncio.gather(*map(self.state.ainvoke, calls)))

    def _generations(
        self, messages: list[list[BaseMessage]], stop: list[str] | None, callbacks: Any, kwargs: dict[str, Any]
    ) -> list[Generation]:
        config: Any = {"callbacks": callbacks, **{name: kwargs.pop(name) for name in _OPTIONS if name in kwargs}}
        return [self._call(one, config, stop, {**kwargs}, Generation) for one in messages]

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, None, stop, {**kwargs, "run_manager": run_manager}, BareGeneration)
        return cast("ChatResult", self.state.invoke(call))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, None, stop, {**kwargs, "run_manager": run_manager}, BareGeneration)
        return cast("ChatResult", await self.state.ainvoke(call))

    def _chat_model_stream_v3(
        self,
        input: LanguageModelInput,  # noqa: A002 - the host's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> ChatModelStream:
        return open_stream(self.state, self._call(input, config, stop, kwargs, Events))

    async def _achat_model_stream_v3(
        self,
        input: LanguageModelInput,  # noqa: A002 - the host's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncChatModelStream:
        return aopen_stream(self.state, self._call(input, config, stop, kwargs, Events))


def _together(results: Sequence[LLMResult]) -> LLMResult:
    """One result for several requests. What a provider says of a call as a whole is kept if it is the only one."""
    return LLMResult(
        generations=[generations for result in results for generations in result.generations],
        llm_output=results[0].llm_output if len(results) == 1 else {},
        run=[run for result in results for run in result.run or ()] or None,
    )


def _chat_model(runnable: Runnable[Any, Any]) -> tuple[BaseChatModel, dict[str, Any]]:
    model, bound = unwrapped(runnable)
    if not isinstance(model, BaseChatModel):
        raise TypeError(f"generate() needs a chat model, and {type(model).__name__} is none; use invoke()")
    return model, bound


def _options(config: RunnableConfig | None) -> dict[str, Any]:
    return {name: value for name in _OPTIONS if (value := (config or {}).get(name)) is not None}
