"""The two LangChain applications: ``with_fallbacks``, and our ``ChatFailover`` with its default policy.

Also two wrappers with a fault of their own, by which the checker is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableLambda

from failover_langchain import ChatFailover, with_failover

from .script import Ask, Script

Models = Sequence[BaseChatModel]
Build = Callable[[Models, str], Runnable[Any, Any]]


class LangChain:
    """One side: what a caller calls, and how."""

    def __init__(self, script: Script, models: Sequence[BaseChatModel], build: Build) -> None:
        self._names = [actor.name for actor in script.actors]
        self.runnable = build(models, script.layout)

    def ask(self, ask: Ask) -> str:
        if ask.way == "stream":
            return "".join([chunk.text for chunk in self.runnable.stream(ask.prompt, **_given(ask))])
        return str(self.runnable.invoke(ask.prompt, **_given(ask)).text)

    async def aask(self, ask: Ask) -> str:
        if ask.way == "astream":
            return "".join([chunk.text async for chunk in self.runnable.astream(ask.prompt, **_given(ask))])
        return str((await self.runnable.ainvoke(ask.prompt, **_given(ask))).text)

    async def abatch(self, asks: Sequence[Ask]) -> Sequence[str | BaseException]:
        answers = await self.runnable.abatch([ask.prompt for ask in asks], return_exceptions=True, **_given(asks[0]))
        return [answer if isinstance(answer, BaseException) else str(answer.text) for answer in answers]

    def not_closed(self) -> dict[str, str]:
        """In the order of the targets, which is that of the models."""
        core = getattr(self.runnable, "failover", None)
        if core is None or len(core.targets) != len(self._names):  # a nested one's breakers are not told apart
            return {}
        places = {target.id: name for target, name in zip(core.targets, self._names, strict=True)}
        lines = core.health().targets
        return {
            places[line.target]: f"{line.state}: {line.reason}" for line in lines if line.state in ("open", "half_open")
        }


def theirs(models: Models, layout: str = "plain") -> Runnable[Any, Any]:
    """What a user writes without us."""
    match layout:
        case "chains":
            first, *others = map(_chain, models)
            return first.with_fallbacks(others)
        case "nested":
            return models[0].with_fallbacks([models[1]]).with_fallbacks(models[2:])
        case _:
            return models[0].with_fallbacks(models[1:])


def ours(models: Models, layout: str = "plain") -> Runnable[Any, Any]:
    """What a user writes with us."""
    match layout:
        case "chains":
            first, *others = map(_chain, models)
            return with_failover(first, others)
        case "sync_only":
            return with_failover(models[0], models[1:])
        case "nested":
            return ChatFailover([ChatFailover(models[:2]), *models[2:]])
        case _:
            return ChatFailover(models)


def _chain(model: BaseChatModel) -> Runnable[Any, Any]:
    return RunnableLambda(lambda prompt: prompt) | model


class OpensForEver(RunnableLambda[Any, Any]):
    """A wrapper that never asks a target again which has failed once, whoever's fault it was."""

    def __init__(self, models: Models, _layout: str) -> None:
        super().__init__(lambda _: None)
        self.left = list(models)
        self.failover = _Report(models, self)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 - the host's name
        for model in list(self.left):
            try:
                return await model.ainvoke(input, config, **kwargs)
            except Exception:  # noqa: BLE001 - it is meant to be bad
                self.left = [other for other in self.left if other is not model]
        raise RuntimeError("nobody is left")

    async def astream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 - the host's name
        yield await self.ainvoke(input, config, **kwargs)


class _Report:
    """As much of a core as a verdict looks at."""

    def __init__(self, models: Sequence[BaseChatModel], wrapper: OpensForEver) -> None:
        self._models, self._wrapper = models, wrapper
        self.targets = self.health_targets = [_Line(str(place), "closed") for place, _ in enumerate(models)]

    def health(self) -> Any:
        for line, model in zip(self.targets, self._models, strict=True):
            line.state = "closed" if any(model is one for one in self._wrapper.left) else "open"
        return self


class _Line:
    def __init__(self, target: str, state: str) -> None:
        self.target = self.id = target
        self.state, self.reason = state, "it failed once"


def drops_one(models: Models, _layout: str) -> Runnable[Any, Any]:
    """A wrapper that loses every twentieth request."""
    fallbacks, count = theirs(models), iter(range(10**9))

    async def ask(prompt: Any, **kwargs: Any) -> Any:
        if next(count) % 20 == 7:
            raise RuntimeError("lost")
        return await fallbacks.ainvoke(prompt, **kwargs)

    return RunnableLambda(ask)


def _given(ask: Ask) -> dict[str, Any]:
    return {} if ask.timeout is None else {"timeout": ask.timeout}
