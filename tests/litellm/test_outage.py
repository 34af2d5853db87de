"""Row 22: a primary that is dead for a while, a request every few seconds, whatever the phase in which it dies.

At once in one process, since waiting costs nothing. In CI the outage is short; ``FAILOVER_OUTAGE=60`` plays the row as
it is written, with 20 phases, in some 80 s.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from typing import Any

import pytest

from failover_plugin.emulator import Emulator, faults

SECONDS = float(os.environ.get("FAILOVER_OUTAGE", "6"))
PHASES = 20 if SECONDS > 6 else 5
EVERY = SECONDS / 15
MESSAGES = [{"role": "user", "content": "Say hello."}]


def _router(emulator: Emulator, number: int) -> tuple[Any, Any, Any]:
    import litellm

    from failover_litellm import install

    primary, fallback = (emulator.site(f"{name}-phase-{number}") for name in ("primary", "fallback"))
    model_list = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/gpt-4o", "api_base": site.openai_url, "api_key": f"k-{name}"},
            "model_info": {"id": name},
        }
        for name, site in (("primary", primary), ("fallback", fallback))
    ]
    router = litellm.Router(model_list=model_list, fallbacks=[{"primary": ["fallback"]}])
    return router, install(router), primary


async def _through_the_outage(emulator: Emulator, number: int) -> int:
    """The requests that the dead primary saw, with one request every few seconds; none of them may be lost."""
    router, strategy, primary = _router(emulator, number)
    start = asyncio.get_running_loop().time()

    async def ask(at: float) -> None:
        await asyncio.sleep(start + at - asyncio.get_running_loop().time())
        answer = await router.acompletion(model="primary", messages=MESSAGES)
        assert answer.choices[0].message.content

    async def die() -> None:
        await asyncio.sleep(start + EVERY * (1 + number / PHASES) - asyncio.get_running_loop().time())
        primary.fail(faults.server_error(), seconds=SECONDS)

    try:
        await asyncio.gather(die(), *(ask(EVERY * turn) for turn in range(18)))
    finally:
        strategy.uninstall()
        router.retire()
    return sum(seen.fault is not None for seen in primary.requests)


@pytest.mark.timeout(SECONDS + 120)
async def test_row_22_nobody_is_lost_and_the_dead_one_is_hardly_asked(emulator: Emulator, bench: Any) -> None:
    asked = await asyncio.gather(*(_through_the_outage(emulator, number) for number in range(PHASES)))
    assert statistics.median(asked) <= 8, f"on the dead primary in {SECONDS:g} s, {PHASES} phases: {sorted(asked)}"
    assert max(asked) <= 10
