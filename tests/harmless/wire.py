"""A script in real time: the emulator here, each side's application in a process of its own (``player``).

A player plays one script after the other; one whose script stalls it, and one whose driver patches the process, is used
for nothing else. What it prints goes to a file that is shown when it dies.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from failover_plugin.emulator import Emulator, Site, faults
from failover_plugin.emulator.call import Call
from failover_plugin.emulator.faults import Fault
from failover_plugin.emulator.plan import Plan

from .asking import Answer
from .errors import said
from .script import Actor, Script
from .verdict import Played
from .world import Deed, World

ROOT = Path(__file__).parents[2]
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
    """A process that plays scripts under one driver."""

    def __init__(self, host: str, runtime: str) -> None:
        self._printed = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harmless.player", host, runtime],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
            cwd=ROOT,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, message: Mapping[str, Any]) -> None:
        """One line to it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def told(self) -> Any:
        """One line from it."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._printed.seek(0)
            raise RuntimeError(f"the player has died: {self._printed.read()[-3000:]}")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._printed):
            if pipe:
                pipe.close()


_players: dict[tuple[object, ...], Player] = {}


def played(script: Script) -> tuple[Played, Played]:
    """What both sides make of the script, ours first: at the same time, each in a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        ours, theirs = (pool.submit(_played, script, side, _player(script, side)) for side in ("ours", "theirs"))
        try:
            return ours.result(), theirs.result()
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
        _players[key] = Player(script.host, script.runtime)
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


def _played(script: Script, side: str, player: Player) -> Played:
    begin = [0.0]
    world = World(script, lambda: time.monotonic() - begin[0])
    sites = {actor.name: _site(world, actor) for actor in script.actors}
    urls = {name: {"openai": site.openai_url, "anthropic": site.anthropic_url} for name, site in sites.items()}
    player.tell(
        {"kind": script.kind, "seed": script.seed, "asks": [ask.at for ask in script.asks], "side": side, "urls": urls}
    )
    player.told()  # it is ready
    begin[0] = time.monotonic() + 0.1
    player.tell({"begin": begin[0]})
    timers = [_freezing(player, script, begin[0])]
    told = player.told()
    for timer in timers:
        timer.join()
    answers = {number: Answer(*fields) for number, fields in enumerate(told["answers"])}
    return Played(answers, list(world.calls), told["not_closed"], frozenset(world.failed))


def _site(world: World, actor: Actor) -> Site:
    site = emulator().site(f"harmless-{next(_numbers)}-{actor.name}", reply=actor.text, latency=actor.latency)

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

    site.fail(Fault("by the clock", plan))
    return site


def _freezing(player: Player, script: Script, begin: float) -> threading.Thread:
    """The system stops the player's process and lets it go on, as it does with a container or a laptop."""

    def freeze() -> None:
        for disturbance in script.disturbances:
            if disturbance.what == "freeze":
                time.sleep(max(begin + disturbance.at - time.monotonic(), 0.0))
                os.kill(player.pid, signal.SIGSTOP)
                time.sleep(disturbance.seconds)
                os.kill(player.pid, signal.SIGCONT)

    thread = threading.Thread(target=freeze)
    thread.start()
    return thread
