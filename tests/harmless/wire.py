"""A script in real time: the emulator here, each side's application in a process of its own (``player``).

A player plays one script after the other; one whose script stalls it, and one whose driver patches the process, is used
for nothing else.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from multiprocessing import get_context
from typing import Any

from failover_plugin.emulator import Emulator, Site, faults
from failover_plugin.emulator.call import Call
from failover_plugin.emulator.faults import Fault
from failover_plugin.emulator.plan import Plan

from . import player
from .asking import Answer
from .errors import said
from .script import Actor, Script
from .verdict import Played
from .world import Deed, World

_numbers = count()
_FAULTS: Mapping[str, Callable[[Actor, Deed], Fault]] = {
    "reset": lambda *_: faults.reset(),
    "refused": lambda *_: faults.reset(),
    "hang": lambda *_: faults.hang(),
    "slow": lambda _, deed: faults.slow_first_token(deed.seconds),
    "cut": lambda *_: faults.cut(),
    "empty": lambda *_: faults.empty(),
}


class Player:
    """A process that plays scripts under one driver: forked from one that has imported everything.

    gevent changes what is imported, so there it is a fresh one.
    """

    def __init__(self, runtime: str) -> None:
        os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LANGSMITH_TRACING="false")
        context = get_context("spawn" if runtime == "gevent" else "forkserver")
        context.set_forkserver_preload(["tests.harmless.preloaded"])
        self._here, there = context.Pipe()
        self._process: Any = context.Process(target=player.main, args=(runtime, there), daemon=True)
        self._process.start()
        there.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def tell(self, message: Any) -> None:
        """Something to it."""
        self._here.send(message)

    def told(self) -> Any:
        """Something from it; its error is raised."""
        answer = self._here.recv()
        if isinstance(answer, str):
            raise RuntimeError(f"the player has died: {answer}")
        return answer

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._here.close()


_players: dict[tuple[object, ...], Player] = {}


def played(script: Script, sides: tuple[str, str] = ("ours", "theirs")) -> tuple[Played, Played]:
    """What both sides make of the script: at the same time, each in a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        one, other = (pool.submit(_played, script, side, _player(script, side)) for side in sides)
        try:
            return one.result(), other.result()
        except BaseException:
            close_players()
            raise


def _player(script: Script, side: str) -> Player:
    """Scripts of one driver share a player; one that stalls it has it for itself."""
    alone = (script.kind, script.seed) if script.disturbances else ()
    key = (side, script.host, script.runtime, *alone)
    for other in [other for other in _players if len(other) > len(key[:3]) and other[1:] != key[1:]]:
        _players.pop(other).close()
    if key not in _players:
        _players[key] = Player(script.runtime)
    return _players[key]


def close_players() -> None:
    """End those that wait for another script."""
    while _players:
        _players.popitem()[1].close()


atexit.register(close_players)


@cache
def emulator() -> Emulator:
    """One for all scripts; its thread ends with this process."""
    return Emulator().start()


def _played(script: Script, side: str, process: Player) -> Played:
    begin = [0.0]
    world = World(script, lambda: time.monotonic() - begin[0])
    sites = {actor.name: _site(world, actor) for actor in script.actors}
    urls = {name: {"openai": site.openai_url, "anthropic": site.anthropic_url} for name, site in sites.items()}
    process.tell((script, side, urls))
    process.told()  # it is ready
    begin[0] = time.monotonic() + 0.1
    process.tell(begin[0])
    freezing = _freezing(process, script, begin[0])
    told, not_closed = process.told()
    freezing.join()
    answers: dict[int, Answer] = {answer.number: answer for answer in told}
    return Played(answers, list(world.calls), not_closed, frozenset(world.failed))


def _site(world: World, actor: Actor) -> Site:
    site = emulator().site(f"harmless-{next(_numbers)}-{actor.name}", reply=actor.text, latency=actor.latency)
    site.fail(plan_of(world, actor))
    return site


def plan_of(world: World, actor: Actor) -> Fault:
    """What a target does by the clock."""

    def plan(call: Call) -> Plan:
        ask = world.script.ask(int(call.ask.user_text.removeprefix("request ").partition(":")[0]))
        with world.serving(actor, ask) as deed:
            pass
        world.calls[-1].ended = world.now() + actor.latency + deed.seconds
        if not deed.does:
            return call.healthy()
        if make := _FAULTS.get(deed.does):
            return make(actor, deed).plan(call)
        status, body, headers = said(actor.provider, deed)
        return faults.status(status, body, headers=headers).plan(call)

    return Fault("by the clock", plan)


def _freezing(process: Player, script: Script, begin: float) -> threading.Thread:
    """The system stops the player's process and lets it go on, as it does with a container or a laptop."""

    def freeze() -> None:
        for disturbance in script.disturbances:
            if disturbance.what == "freeze":
                time.sleep(max(begin + disturbance.at - time.monotonic(), 0.0))
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(disturbance.seconds)
                os.kill(process.pid, signal.SIGCONT)

    thread = threading.Thread(target=freeze)
    thread.start()
    return thread
