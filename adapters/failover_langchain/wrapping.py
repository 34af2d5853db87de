"""Finding and replacing the chat models inside runnables: bindings, sequences and parallels are looked through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableParallel, RunnableSequence

Change = Callable[[BaseChatModel], Runnable[Any, Any]]


def rebound(runnable: Runnable[Any, Any], change: Change) -> Runnable[Any, Any]:
    """The runnable with every chat model in it replaced by ``change(model)``; itself if nothing changed."""
    match runnable:
        case BaseChatModel():
            return change(runnable)
        case RunnableBinding():
            inner = rebound(runnable.bound, change)
            return runnable if inner is runnable.bound else runnable.model_copy(update={"bound": inner})
        case RunnableSequence():
            steps = [rebound(step, change) for step in runnable.steps]
            return RunnableSequence(*steps, name=runnable.name) if _differ(steps, runnable.steps) else runnable
        case RunnableParallel():
            branches = {name: rebound(branch, change) for name, branch in runnable.steps__.items()}
            changed = _differ([*branches.values()], [*runnable.steps__.values()])
            return runnable.model_copy(update={"steps__": branches}) if changed else runnable
        case _:
            return runnable


def unwrapped(runnable: Runnable[Any, Any]) -> tuple[Runnable[Any, Any], dict[str, Any]]:
    """What is inside the bindings, and all the arguments bound to it."""
    kwargs: dict[str, Any] = {}
    while isinstance(runnable, RunnableBinding):
        kwargs = {**runnable.kwargs, **kwargs}
        runnable = runnable.bound
    return runnable, kwargs


def chat_model_in(runnable: Runnable[Any, Any]) -> BaseChatModel | None:
    """The one chat model in the runnable; None if there is none, or several."""
    found: list[BaseChatModel] = []

    def note(model: BaseChatModel) -> BaseChatModel:
        found.append(model)
        return model

    rebound(runnable, note)
    return found[0] if len(found) == 1 else None


def _differ(new: list[Runnable[Any, Any]], old: list[Runnable[Any, Any]]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))
