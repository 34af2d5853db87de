"""Structured output: every model's own ``with_structured_output`` behind one runnable, with the same memory.

Parsing is part of the attempt: an answer that does not fit the schema is a failure, and the next model is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable

from failover_langchain import runs
from failover_langchain.base import FailoverModel
from failover_langchain.call import Call
from failover_langchain.entry import Entry
from failover_langchain.wrapping import rebound


class StructuredFailover(RunnableSerializable[LanguageModelInput, Any]):
    """What ``ChatFailover.with_structured_output`` returns."""

    model: FailoverModel
    shape: Any
    include_raw: bool
    options: dict[str, Any]

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - the host's name, here and below
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Any:
        raw = _Raw()
        try:
            return runs.invoke(self, self.model.state, raw.checking(self._call(input, config, kwargs)))
        except Exception as error:
            if not raw.is_all_there_is(error):
                raise
        return raw.unparsed[0]

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Any:
        raw = _Raw()
        try:
            return await runs.ainvoke(self, self.model.state, raw.checking(self._call(input, config, kwargs)))
        except Exception as error:
            if not raw.is_all_there_is(error):
                raise
        return raw.unparsed[0]

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        return runs.stream(self, self.model.state, self._call(input, config, kwargs))

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        return runs.astream(self, self.model.state, self._call(input, config, kwargs))

    def _call(self, value: Any, config: RunnableConfig | None, kwargs: dict[str, Any]) -> Call:
        return Call(value, self.model.with_own(config), kwargs, prepare=self._prepare)

    def _prepare(self, entry: Entry) -> Runnable[Any, Any]:
        raw = {"include_raw": True} if self.include_raw else {}
        return rebound(entry.runnable, lambda model: model.with_structured_output(self.shape, **raw, **self.options))


class _Raw:
    """With ``include_raw`` a parsing error is returned, not raised: it fails over, but is no error in the end."""

    def __init__(self) -> None:
        self.unparsed: list[Any] = []

    def is_all_there_is(self, error: Exception) -> bool:
        """Whether an answer that did not parse is the best there is: all targets have failed, and nothing else has."""
        return bool(self.unparsed) and "retry_after" in vars(error)

    def checking(self, call: Call) -> Call:
        return replace(call, check=self._require_parsed)

    def _require_parsed(self, answer: Any) -> None:
        match answer:
            case {"raw": _, "parsing_error": BaseException() as error}:
                self.unparsed.append(answer)
                raise error
            case _:
                return
