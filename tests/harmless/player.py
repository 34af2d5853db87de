"""The application's process: plays the scripts that its standard input names, under the driver it was started for."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from typing import Any

from .asking import Application, Notes, aplay, caught
from .script import Ask, Disturbance, Script


def main(host: str, runtime: str) -> None:
    """Until the input ends."""
    if runtime == "gevent":
        from gevent import monkey

        monkey.patch_all()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        job = json.loads(line)
        script = _script(host, job)
        application = _application(script, job)
        print("{}", file=out, flush=True)
        begin = json.loads(sys.stdin.readline())["begin"]
        notes = Notes(script, application, lambda begin=begin: time.monotonic() - begin)  # type: ignore[misc]
        DRIVERS[runtime](notes)
        answers = [astuple(notes.answers[ask.number]) for ask in script.asks]
        print(json.dumps({"answers": answers, "not_closed": notes.not_closed}), file=out, flush=True)


def _script(host: str, job: dict[str, Any]) -> Script:
    from .kinds import drawn

    script = drawn(host, job["kind"], job["seed"])
    return replace(script, asks=tuple(replace(ask, at=at) for ask, at in zip(script.asks, job["asks"], strict=True)))


def _application(script: Script, job: dict[str, Any]) -> Application:
    if script.host == "litellm":
        from .litellm_sides import SIDES, LiteLLM

        return LiteLLM(script, job["urls"], SIDES[job["side"]])
    from .langchain_sides import LangChain, ours, theirs
    from .real_models import real_models

    return LangChain(script, real_models(script, job["urls"]), {"ours": ours, "theirs": theirs}[job["side"]])


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

if __name__ == "__main__":
    main(*sys.argv[1:])
