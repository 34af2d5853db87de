"""One side of a LangChain script in virtual time, in this process."""

from __future__ import annotations

import asyncio

from .asking import Notes, aplay, play
from .langchain_sides import Build, LangChain
from .models import models
from .script import Script
from .verdict import Played
from .virtual import VirtualClock, run, virtual_time
from .world import World


def played(script: Script, build: Build) -> Played:
    """What this side makes of the script."""
    with virtual_time() as clock:
        begin = clock.now
        world = World(script, lambda: clock.now - begin)
        application = LangChain(script, models(script, world, clock.sleep), build)
        notes = Notes(script, application, world.now)
        if all(ask.way in ("invoke", "stream") for ask in script.asks):
            play(notes, clock.sleep)
        else:
            run(clock, _disturbed(notes, clock))
        return Played(notes.answers, world.calls, notes.not_closed, frozenset(world.failed))


async def _disturbed(notes: Notes, clock: VirtualClock) -> None:
    """All requests, and what happens to the loop meanwhile: time passes in the middle of somebody's callback."""
    loop = asyncio.get_running_loop()
    begin = loop.time() - notes.now()
    for disturbance in notes.script.disturbances:
        loop.call_at(begin + disturbance.at, clock.sleep, disturbance.seconds)
    await aplay(notes)
