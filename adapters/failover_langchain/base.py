"""What a ``ChatFailover`` is made of, and what it answers when the host asks about the model behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from pydantic import Field

from failover_langchain.call import Call, as_given
from failover_langchain.entry import Entry
from failover_langchain.intake import entries_of
from failover_langchain.profiles import common_params, common_profile
from failover_langchain.remembering import Remembering
from failover_langchain.tools import TOOLS, Tools
from failover_langchain.wrapping import unwrapped
from failover_plugin import Request

C = TypeVar("C", bound=Call)
_WITH_TOOLS = Request(needs=frozenset({"tools"}))


class FailoverModel(Remembering, BaseChatModel):
    """Models, policy and state. How it is called is up to the subclass."""

    models: list[Any] = Field(repr=False)
    """The models, in order of preference."""

    # -- what the host asks --------------------------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "failover"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"targets": [target.id for target in self.failover.targets]}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return common_params(self.state.entries, {"stop": stop, **kwargs})

    def _resolve_model_profile(self) -> ModelProfile | None:
        return common_profile(self.state.entries)

    def get_token_ids(self, text: str) -> list[int]:
        """The first model's."""
        return self._first.get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """The first model's count."""
        return self._first.get_num_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """The first model's count."""
        return self._first.get_num_tokens_from_messages(messages, tools)

    # -- for the subclass ----------------------------------------------------------------------------------------------

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self.models, chat_only=True, output_version=self.output_version)

    @property
    def _first(self) -> BaseChatModel:
        model, _ = unwrapped(self.state.entries[0].runnable)
        assert isinstance(model, BaseChatModel)  # noqa: S101 - for the type checker: models are nothing else
        return model

    def _call(
        self,
        value: Any,
        config: RunnableConfig | None,
        stop: list[str] | None,
        kwargs: dict[str, Any],
        kind: type[C],
    ) -> C:
        """What the caller asks; our own argument is taken out of ``kwargs``."""
        tools: Tools | None = kwargs.pop(TOOLS, None)
        return kind(
            input=value,
            config=self.with_own(config),
            kwargs=kwargs if stop is None else {**kwargs, "stop": stop},
            prepare=tools.bound_to if tools else as_given,
            request=_WITH_TOOLS if tools else None,
            demands_mark=True,
        )

    def with_own(self, config: RunnableConfig | None) -> RunnableConfig | None:
        """The config with this model's own callbacks, tags and metadata: those that make the attempts lack them."""
        metadata = {name: value for name, value in (self.metadata or {}).items() if name != "lc_versions"}
        if not (self.callbacks or self.tags or metadata):
            return config
        return merge_configs({"callbacks": self.callbacks, "tags": self.tags or [], "metadata": metadata}, config)
