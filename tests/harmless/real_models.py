"""Real chat models at the emulator, with their own retries off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import SecretStr

from .script import Actor, Script


def real_models(script: Script, urls: Mapping[str, Mapping[str, str]]) -> list[Runnable[Any, Any]]:
    """The targets of a script, in order of preference."""
    models = [_model(actor, urls[actor.name]) for actor in script.actors]
    return [*map(_sync_only, models)] if script.layout == "sync_only" else [*models]


def _model(actor: Actor, urls: Mapping[str, str]) -> BaseChatModel:
    settings: dict[str, Any] = {
        "max_retries": 0,
        "api_key": SecretStr(f"key-{actor.key or actor.name}"),
        "timeout": actor.timeout,
    }
    if actor.provider == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model_name=actor.model or "claude-sonnet-5", base_url=urls["anthropic"], **settings)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=actor.model or "gpt-4o-mini", base_url=urls["openai"], stream_usage=True, **settings)


def _sync_only(model: BaseChatModel) -> Runnable[Any, Any]:
    """What is asked in a thread where somebody awaits it, as models without async code of their own are."""
    return RunnableLambda(lambda prompt: model.invoke(prompt))
