"""The application's process: plays the scripts it is sent, under the driver it was started for."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from .asking import Application, Notes, aplay, caught
from .script import Ask, Disturbance, Script


def main(runtime: str, outside: Connection) -> None:
    """Until it is ended from outside."""
    if runtime == "gevent":
        from gevent import monkey

        monkey.patch_all()
    try:
        while True:
            script, side, urls = outside.recv()
            application = _application(script, side, urls)
            outside.send(())  # ready
            begin = outside.recv()
            notes = Notes(script, application, lambda begin=begin: time.monotonic() - begin)  # type: ignore[misc]
            DRIVERS[runtime](notes)
            outside.send((list(notes.answers.values()), notes.not_closed))
    except EOFError:
        pass
    except BaseException:
        outside.send(traceback.format_exc())
        raise


def _application(script: Script, side: str, urls: Any) -> Application:
    if script.host == "litellm":
        from .litellm_sides import SIDES, LiteLLM

        return LiteLLM(script, urls, SIDES[side.split()[0]])
    from .langchain_sides import LangChain, ours, theirs
    from .real_models import real_models

    return LangChain(script, real_models(script, urls), {"ours": ours, "theirs": theirs}[side.split()[0]])


async def _disturbed(notes: Notes) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time() - notes.now()
    tasks = []
    for disturbance in notes.script.disturbances:
        delay = begin + disturbance.at - loop.time()
        if disturbance.what == "callback":
            loop.call_later(delay, time.sleep, disturbance.seconds)
        elif disturbance.what != "freeze":
            tasks.append(asyncio.create_task(_disturb(delay, disturbance)))
    await aplay(notes)
    await asyncio.gather(*tasks)


async def _disturb(delay: float, disturbance: Disturbance) -> None:
    await asyncio.sleep(delay)
    match disturbance.what:
        case "stall":
            time.sleep(disturbance.seconds)
        case "collect":
            _collect(disturbance.seconds)
        case _:
            loop = asyncio.get_running_loop()
            threads = min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio's pool has
            await asyncio.gather(*(loop.run_in_executor(None, time.sleep, disturbance.seconds) for _ in range(threads)))


def _collect(seconds: float) -> None:
    """The collector has much to look through."""
    heap = [[number] for number in range(1_000_000)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        gc.collect()
    del heap


def _on_asyncio(notes: Notes) -> None:
    asyncio.run(_disturbed(notes))


def _on_uvloop(notes: Notes) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_disturbed(notes))


def _in_a_notebook(notes: Notes) -> None:
    """Cell by cell in a loop that runs: a sync call blocks it."""

    async def cells() -> None:
        for ask in notes.script.asks:
            await asyncio.sleep(max(ask.at - notes.now(), 0.0))
            await _acell(notes, ask)

    asyncio.run(cells())


async def _acell(notes: Notes, ask: Ask) -> None:
    asked = notes.now()
    if ask.way in ("invoke", "stream"):
        notes.note(ask, asked, caught(lambda: notes.application.ask(ask)))
        return
    try:
        notes.note(ask, asked, await notes.application.aask(ask))
    except Exception as error:  # noqa: BLE001 - whatever the application is told
        notes.note(ask, asked, error)


def _run_each(notes: Notes) -> None:
    """As Celery, Streamlit and ``async_to_sync`` do."""
    for ask in notes.script.asks:
        time.sleep(max(ask.at - notes.now(), 0.0))
        asyncio.run(_acell(notes, ask))


def _in_threads(notes: Notes) -> None:
    def one(ask: Ask) -> None:
        time.sleep(max(ask.at - notes.now(), 0.0))
        asked = notes.now()
        said = caught(lambda: notes.application.ask(ask))
        with lock:
            notes.note(ask, asked, said)

    lock = threading.Lock()
    with ThreadPoolExecutor(len(notes.script.asks)) as pool:
        list(pool.map(one, notes.script.asks))


DRIVERS: dict[str, Callable[[Notes], None]] = {
    "asyncio": _on_asyncio,
    "uvloop": _on_uvloop,
    "notebook": _in_a_notebook,
    "threads": _in_threads,
    "gevent": _in_threads,  # whose threads are greenlets
    "run_each": _run_each,
}
