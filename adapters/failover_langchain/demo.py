"""The demo's two LangChain stacks: the same two models, with what LangChain brings and with ``ChatFailover``."""

from __future__ import annotations

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from failover_langchain import ChatFailover
from failover_plugin import Failover, Target
from failover_plugin.demo import Lane


def with_fallbacks(primary_url: str, fallback_url: str) -> Lane:
    """What LangChain brings."""
    primary, fallback = _models(primary_url, fallback_url)
    return _lane("LangChain with_fallbacks", primary.with_fallbacks([fallback]))


def chat_failover(primary_url: str, fallback_url: str) -> Lane:
    """The same two models under our policy; targets are given only for their short names."""
    names = [Target(name, provider="openai", model="gpt-5.5", tier=i) for i, name in enumerate(("primary", "fallback"))]
    model = ChatFailover(models=list(zip(_models(primary_url, fallback_url), names, strict=True)))
    return _lane("LangChain ChatFailover", model, model.failover)


def _models(*urls: str) -> list[ChatOpenAI]:
    return [ChatOpenAI(model="gpt-5.5", base_url=url, api_key=SecretStr("demo"), timeout=10) for url in urls]


def _lane(name: str, model: Runnable[LanguageModelInput, BaseMessage], core: Failover | None = None) -> Lane:
    async def ask(prompt: str) -> str:
        return (await model.ainvoke(prompt)).text

    async def close() -> None:
        """Nothing to close: the clients end with the process."""

    return Lane(name=name, ask=ask, close=close, core=core)
