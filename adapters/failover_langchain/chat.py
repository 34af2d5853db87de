"""``ChatFailover``: several chat models behind one, as a chat model that fits wherever one is expected.

It opens no run and calls no provider itself: every attempt is a call of a target's own ``invoke`` or ``stream``, under
that target's name, with its cache, rate limiter, usage and cost. Hosts that insist on a ``BaseChatModel`` get one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool

from failover_langchain import runs
from failover_langchain.call import Call
from failover_langchain.generating import GeneratingModel
from failover_langchain.intake import entries_of
from failover_langchain.remembering import checked_policy, state_of
from failover_langchain.structured import StructuredFailover
from failover_langchain.tools import TOOLS, Tools, require_tools
from failover_plugin import ConfigError, Policy

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool


class ChatFailover(GeneratingModel):
    """A chat model that answers as long as one of ``models`` does.

    A model is a chat model, a bound one (``model.bind(...)``), a string for ``init_chat_model`` (built when it is first
    needed) or a pair ``(model, Target(...))`` with the facts given by hand. The list is an order of preference: each
    entry is a tier of its own, unless its ``Target`` says otherwise. ``policy`` decides the rest, and ``failover`` is
    the core: its health, and what it would do now.

    When all have failed, the error is the first target's own, with the others as notes and the attributes ``trail`` and
    ``retry_after`` (seconds). A stream that breaks after its first content raises ``StreamInterrupted``. An answer that
    took a failover says so in ``response_metadata["failover"]``. Retries inside the models' clients are switched off,
    where that can be done on a copy: see ``failover_langchain.clients``.

    Raises ``ConfigError`` for an empty list, for what is no chat model, for two targets of one id, and for settings
    that belong to the single models (``cache``, ``rate_limiter``, ``custom_get_token_ids``).
    """

    def __init__(self, models: Sequence[Any] = (), policy: Policy | None = None, **kwargs: Any) -> None:
        _reject_foreign_settings(kwargs)
        policy = checked_policy(policy)
        entries = entries_of(models, chat_only=True, output_version=kwargs.get("output_version"))
        state = state_of(entries, policy, kwargs.pop("state", None))
        super().__init__(models=list(models), policy=policy, state=state, **kwargs)

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - the host's name, here and below
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        return cast("AIMessage", runs.invoke(self, self.state, self._call(input, config, stop, kwargs, Call)))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        return cast("AIMessage", await runs.ainvoke(self, self.state, self._call(input, config, stop, kwargs, Call)))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        streamed = runs.plain_stream if self._is_plain(kwargs) else runs.stream
        return streamed(self, self.state, self._call(input, config, stop, kwargs, Call))

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        streamed = runs.plain_astream if self._is_plain(kwargs) else runs.astream
        return streamed(self, self.state, self._call(input, config, stop, kwargs, Call))

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools to every model, to each in its own format when it is asked.

        Raises ``NotImplementedError`` if one of the models takes no tools.
        """
        require_tools(self.state.entries)
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(**{TOOLS: Tools(tools, {**choice, **kwargs})})

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Every model's own ``with_structured_output`` behind one runnable; an answer that does not fit fails over."""
        return StructuredFailover(model=self, shape=schema, include_raw=include_raw, options=kwargs)

    def _is_plain(self, kwargs: dict[str, Any]) -> bool:
        """Whether streaming is disabled for such a call."""
        if self.disable_streaming == "tool_calling":
            return bool(kwargs.get("tools") or kwargs.get(TOOLS))
        return self.disable_streaming


def _reject_foreign_settings(settings: dict[str, Any]) -> None:
    for name in ("cache", "rate_limiter", "custom_get_token_ids"):
        if (value := settings.get(name)) is not None:
            raise ConfigError(f"{name}: {value!r} would never be used; give it to the models, which do the work")
