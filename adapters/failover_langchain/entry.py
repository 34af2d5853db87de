"""One of the models that may answer: as it was given, as it is called, and the facts the core knows it by.

A model named by a string is built when it is first needed, so a fallback that is never asked needs neither its package
nor its key. Its facts are what the name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from failover_langchain.chunks import gives_mark
from failover_langchain.clients import without_retries
from failover_langchain.staying import with_told_hits, with_told_waits
from failover_langchain.wrapping import chat_model_in, rebound, unwrapped
from failover_plugin import Target


class Entry:
    """A runnable and its target.

    Safe for any number of threads: two that build a model at once build it twice, and one of the two is kept.
    """

    __slots__ = ("_cache", "_output_version", "_ready", "given", "target")

    def __init__(self, given: Runnable[Any, Any] | str, target: Target, output_version: str | None = None) -> None:
        self.given = given
        self.target = target
        self._output_version = output_version
        self._ready: Runnable[Any, Any] | None = None
        self._cache: BaseCache | None = None
        """The host's cache for all models, as it was when the runnable was made ready."""

    @property
    def is_built(self) -> bool:
        """Whether the model exists: a string is a promise of one."""
        return not isinstance(self.given, str)

    @property
    def runnable(self) -> Runnable[Any, Any]:
        """What is called: the given model or, where its client retries by itself, a copy whose client does not."""
        ready = self._ready
        if ready is None or self._cache is not get_llm_cache():
            cache = self._cache = get_llm_cache()
            built = _build(self.given) if isinstance(self.given, str) else self.given
            ready = rebound(built, self._as_called)
            if chat_model_in(ready) is not None:  # what one of several models had in its cache is not the whole answer
                ready = rebound(ready, lambda model: with_told_hits(model, cache))
            self._ready = ready
        return ready

    @property
    def model(self) -> BaseChatModel | None:
        """The chat model inside the runnable, if there is exactly one."""
        return chat_model_in(self.runnable)

    def gives_mark(self, kwargs: Mapping[str, Any]) -> bool:
        """Whether a stream of this model is known to end with a finish mark."""
        model, bound = unwrapped(self.runnable)
        return isinstance(model, BaseChatModel) and gives_mark(model, {**bound, **kwargs})

    def _as_called(self, model: BaseChatModel) -> BaseChatModel:
        if self._output_version is not None and model.output_version != self._output_version:
            model = model.model_copy(update={"output_version": self._output_version})
        return with_told_waits(without_retries(model))


def _build(name: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    return init_chat_model(name)
