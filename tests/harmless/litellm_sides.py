"""The two LiteLLM applications: a Router as it comes, and the same with failover installed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import litellm

from failover_litellm import install

from .script import Actor, Ask, Script

litellm.suppress_debug_info = True
for name in ("LiteLLM", "LiteLLM Router"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # both sides tell of each failure at length
litellm.disable_hf_tokenizer_download = True

SIDES: dict[str, Callable[[Any], Any]] = {"ours": install, "theirs": lambda _router: None}
_MODELS = {"openai": "openai/of-our-own", "anthropic": "anthropic/of-our-own"}
"""Models whose windows LiteLLM does not know: in a script, who is too small is drawn."""


class LiteLLM:
    """One side: a router, and how it is asked."""

    def __init__(self, script: Script, urls: Mapping[str, Mapping[str, str]], side: Callable[[Any], Any]) -> None:
        self._router = _router(script, urls)
        self._strategy = side(self._router)

    def ask(self, ask: Ask) -> str:
        answer = self._router.completion(**question(ask))
        if ask.way == "stream":
            return "".join([_text(chunk) for chunk in answer])
        return answer.choices[0].message.content or ""

    async def aask(self, ask: Ask) -> str:
        answer = await self._router.acompletion(**question(ask))
        if ask.way == "astream":
            return "".join([_text(chunk) async for chunk in answer])
        return answer.choices[0].message.content or ""

    async def abatch(self, asks: Sequence[Ask]) -> Sequence[str | BaseException]:
        return await asyncio.gather(*map(self.aask, asks), return_exceptions=True)

    def not_closed(self) -> dict[str, str]:
        """By the ids of the deployments, which are the names of the targets."""
        if self._strategy is None:
            return {}
        lines = self._strategy.failover.health().targets
        return {line.target: f"{line.state}: {line.reason}" for line in lines if line.state in ("open", "half_open")}


def _router(script: Script, urls: Mapping[str, Mapping[str, str]]) -> Any:
    groups = script.layout == "groups"
    deployments = [
        deployment(actor, urls[actor.name], place, script.layout) for place, actor in enumerate(script.actors)
    ]
    names = [deployment["model_name"] for deployment in deployments]
    fallbacks: dict[str, Any] = {"fallbacks": [{names[0]: names[1:]}]} if groups else {}
    return litellm.Router(model_list=deployments, **fallbacks)


def deployment(actor: Actor, urls: Mapping[str, str], place: int, layout: str) -> dict[str, Any]:
    """What stands in ``model_list`` for the target that comes at this ``place``."""
    params = {
        "model": _MODELS[actor.provider],
        "api_base": urls[actor.provider],
        "api_key": f"key-{actor.key or actor.name}",
        "timeout": actor.timeout,
    }
    if layout == "order":
        params["order"] = place + 1
    group = f"chat-{place}" if layout == "groups" and place else "chat"
    return {"model_name": group, "litellm_params": params, "model_info": {"id": actor.name}}


def question(ask: Ask) -> dict[str, Any]:
    """What a caller gives for this request."""
    question: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": ask.prompt}]}
    if ask.way in ("stream", "astream"):
        question["stream"] = True
    if ask.timeout is not None:
        question["timeout"] = ask.timeout
    if "wrong" in ask.features:
        question["messages"] = [{"role": "user", "content": ask.prompt}, "no message"]
    return question


def _text(chunk: Any) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""
