"""Run the demo from start to verdict."""

from __future__ import annotations

import asyncio
import os
from typing import TextIO

from failover_plugin.demo.course import Course, drive
from failover_plugin.demo.lane import lay_out
from failover_plugin.demo.record import Record
from failover_plugin.demo.screen import Show, live, plain, summary
from failover_plugin.emulator import Emulator, faults

LATENCY = 0.05
"""Seconds an emulated provider thinks."""
INTRODUCTION = """\
Two emulated providers per stack, a primary and a fallback; no key and no network needed. The same requests go through
four stacks, two a second. After {dies:.0f} s the primary answers with nothing but 500, and after {returns:.0f} s heals.
"""


def demo(out: TextIO, *, plainly: bool = False, course: Course | None = None) -> int:
    """Run it; returns the exit status: 1 if a stack of ours lost a request. ``ConfigError`` if an extra is missing."""
    course = course or Course()
    _stay_offline()
    out.write(INTRODUCTION.format(dies=course.dies, returns=course.returns) + "\n")
    out.flush()
    with Emulator() as emulator:
        records = [Record(track) for track in lay_out(emulator, LATENCY)]
        with (plain if plainly else live)(course, records, out) as show:
            asyncio.run(_run(course, records, show))
    out.write("\n" + "\n".join(summary(records)) + "\n")
    lost = [f"{r.track.label}: {error}" for r in records for error in r.errors]
    out.writelines(f"lost by {line}\n" for line in lost[:10])
    return int(any(r.errors for r in records if r.track.lane.core))


async def _run(course: Course, records: list[Record], show: Show) -> None:
    try:
        for record in records:
            await record.track.lane.ask("Warm up.")
        await drive(course, records, faults.server_error(), show)
    finally:
        for record in records:
            await record.track.lane.close()


def _stay_offline() -> None:
    """What litellm would fetch by itself, it does not."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_RUST", "0")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
