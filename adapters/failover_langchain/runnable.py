"""Failover for any runnable: chains, retrievers as runnables, tools, other people's models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.utils import Input, Output
from pydantic import Field

from failover_langchain import runs
from failover_langchain.call import Call
from failover_langchain.chunks import require_whole
from failover_langchain.entry import Entry
from failover_langchain.intake import alone, entries_of
from failover_langchain.remembering import Remembering, checked_policy, state_of
from failover_langchain.wrapping import unwrapped
from failover_plugin import Policy


class RunnableWithFailover(Remembering, RunnableSerializable[Input, Output]):
    """A runnable that answers as long as one of ``runnables`` does.

    An entry is a runnable, a string for ``init_chat_model`` or a pair ``(runnable, Target(...))``. The list is an
    order of preference: each entry is a tier of its own, unless its ``Target`` says otherwise. Errors are those of
    ``ChatFailover``.

    Whatever comes in as a stream is collected first, since another runnable may need it again. A stream commits at
    its first truthy chunk, or at the first content of a chat model's. That its end is the whole answer can only be
    told of chat models: if all entries are, it is demanded. In sync code a deadline holds for the chat models of
    known packages, alone or in a chain: a function that never returns cannot be ended.

    Raises ``ConfigError`` for an empty list, for what is no runnable and for two targets of one id.
    """

    runnables: list[Any] = Field(repr=False)
    """The runnables, in order of preference."""

    def __init__(self, runnables: Sequence[Any] = (), policy: Policy | None = None, **kwargs: Any) -> None:
        policy = checked_policy(policy)
        state = state_of(entries_of(runnables, chat_only=False), policy, kwargs.pop("state", None))
        fields: dict[str, Any] = {"runnables": list(runnables), "policy": policy, "state": state, **kwargs}
        super().__init__(**fields)

    @property
    def InputType(self) -> Any:  # noqa: N802 - the host's name
        return self._first.InputType

    @property
    def OutputType(self) -> Any:  # noqa: N802 - the host's name
        return self._first.OutputType

    def invoke(
        self,
        input: Input,  # noqa: A002 - the host's name, here and below
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Output:
        return cast("Output", runs.invoke(self, self.state, self._call(input, config, kwargs)))

    async def ainvoke(
        self,
        input: Input,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Output:
        return cast("Output", await runs.ainvoke(self, self.state, self._call(input, config, kwargs)))

    def stream(
        self,
        input: Input,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Output]:
        return runs.stream(self, self.state, self._call(input, config, kwargs))

    def astream(
        self,
        input: Input,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Output]:
        return runs.astream(self, self.state, self._call(input, config, kwargs))

    @property
    def _first(self) -> Runnable[Any, Any]:
        return self.state.entries[0].runnable

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self.runnables, chat_only=False)

    def _call(self, value: Any, config: RunnableConfig | None, kwargs: dict[str, Any]) -> Call:
        whole = all(map(_is_chat_model, self.runnables))
        return Call(value, config, kwargs, check=require_whole, demands_mark=whole)


def with_failover(
    runnable: Runnable[Input, Output] | str, fallbacks: Sequence[Any], policy: Policy | None = None
) -> RunnableWithFailover[Input, Output]:
    """``runnable``, and when it fails the ``fallbacks`` in their order."""
    return RunnableWithFailover([runnable, *fallbacks], policy)


def _is_chat_model(item: Any) -> bool:
    runnable = alone(item)
    return isinstance(runnable, str) or isinstance(unwrapped(runnable)[0], BaseChatModel)
