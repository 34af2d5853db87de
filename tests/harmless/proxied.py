"""Scripts for a Router played against LiteLLM's proxy: one process with failover and one as it comes, for all scripts.

Each script has model groups of its own in both, and others for a second play, so that none knows what another has left.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from failover_plugin.emulator import Site
from support.proxies import CALLBACK, Proxy, authorized, config, stream_read

from .asking import Notes, aplay
from .litellm_sides import deployment, question
from .script import Ask, Script
from .verdict import Played
from .wire import emulator, plan_of
from .world import World

SIDES = ("ours", "theirs")
PLAYS = 2
_OPENED = re.compile(r"failover: .*?(?:open|blocked)\b.*\(([^()]*)\)\s*$", re.MULTILINE)
_GAP = 0.3
"""Seconds between a play's beginning and its first request: connections are made before."""


class Stage:
    """Both proxies, and the sites of every script."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._places = {(script.kind, script.seed): place for place, script in enumerate(scripts)}
        self._plays = dict.fromkeys(self._places, 0)
        self._sites: dict[str, Site] = {}
        self._proxies = {side: self._proxy(side, scripts) for side in SIDES}
        for side, proxy in self._proxies.items():
            proxy.ready(installed=side == "ours")

    def close(self) -> None:
        for proxy in self._proxies.values():
            proxy.stop()
        self._folder.cleanup()

    def _proxy(self, side: str, scripts: Sequence[Script]) -> Proxy:
        model_list: list[Any] = []
        fallbacks: list[Any] = []
        for script in scripts:
            for play in range(PLAYS):
                prefix = self._prefix(script, play)
                urls = {actor.name: self._urls(f"{side}-{prefix}{actor.name}", actor.text, actor.latency)
                        for actor in script.actors}  # fmt: skip
                own = [
                    deployment(actor, urls[actor.name], place, script.layout)
                    for place, actor in enumerate(script.actors)
                ]
                for each in own:
                    each["model_name"] = prefix + each["model_name"]
                    each["model_info"]["id"] = prefix + each["model_info"]["id"]
                    each["litellm_params"]["api_key"] += f"-{prefix}"
                names = [each["model_name"] for each in own]
                if script.layout == "groups":
                    fallbacks.append({names[0]: names[1:]})
                model_list += own
        settings = {"router_settings": {"fallbacks": fallbacks}} if fallbacks else {}
        content = config(*model_list, callback=CALLBACK if side == "ours" else None, **settings)
        return Proxy(Path(self._folder.name) / side, content)

    def _urls(self, name: str, reply: str, latency: float) -> Mapping[str, str]:
        site = self._sites[name] = emulator().site(f"proxied-{name}", reply=reply, latency=latency)
        return {"openai": site.openai_url, "anthropic": site.anthropic_url}

    def _prefix(self, script: Script, play: int) -> str:
        return f"s{self._places[script.kind, script.seed]}-{play}-"

    def played(self, script: Script) -> tuple[Played, Played]:
        """What both sides make of it, at the same time."""
        key = script.kind, script.seed
        prefix = self._prefix(script, self._plays[key])
        self._plays[key] += 1
        with ThreadPoolExecutor(2) as pool:
            ours, theirs = pool.map(lambda side: self._played(script, side, prefix), SIDES)
        return ours, theirs

    def _played(self, script: Script, side: str, prefix: str) -> Played:
        begin, proxy = time.monotonic() + _GAP, self._proxies[side]
        world = World(script, lambda: time.monotonic() - begin)
        for actor in script.actors:
            self._sites[f"{side}-{prefix}{actor.name}"].fail(plan_of(world, actor))
        notes = asyncio.run(_asked(script, proxy, prefix, begin))
        opened = {name for told in _OPENED.findall(proxy.log) for name in told.split(", ") if name.startswith(prefix)}
        not_closed = {name.removeprefix(prefix): "its breaker has opened" for name in opened}
        return Played(notes.answers, list(world.calls), not_closed, frozenset(world.failed))


async def _asked(script: Script, proxy: Proxy, prefix: str, begin: float) -> Notes:
    async with httpx.AsyncClient(base_url=proxy.url, headers=authorized(), timeout=120) as client:
        notes = Notes(script, Caller(client, prefix), lambda: time.monotonic() - begin)
        await aplay(notes)
        return notes


class Caller:
    """An application that asks a proxy for one script's groups."""

    def __init__(self, client: httpx.AsyncClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def aask(self, ask: Ask) -> str:
        body = question(ask)
        body["model"] = self._prefix + body["model"]
        answer = await self._client.post("/v1/chat/completions", json=body)
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        if not body.get("stream"):
            return answer.json()["choices"][0]["message"]["content"] or ""
        said, error = stream_read(answer.text)
        if error is not None:
            raise RuntimeError(str(error))
        return said

    def ask(self, ask: Ask) -> str:
        raise NotImplementedError

    async def abatch(self, asks: Sequence[Ask]) -> Sequence[str | BaseException]:
        return await asyncio.gather(*map(self.aask, asks), return_exceptions=True)

    def not_closed(self) -> dict[str, str]:
        return {}  # the proxy's log tells
