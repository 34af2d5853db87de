"""How fast a model writes is told to the policy: how many calls at once it is good for follows from that."""

from __future__ import annotations

from typing import Any

import pytest

from failover_plugin.emulator import faults

from .conftest import Bench, ask

EVERY = 0.03
WORDS = " ".join(["word"] * 30)


@pytest.mark.parametrize("family", ["openai", "anthropic"])
@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_a_stream_tells_the_seconds_per_chunk_once(bench: Bench, mode: Any, family: str) -> None:
    said = list[float]()
    model = dict(zip(("openai", "anthropic"), bench.families(), strict=True))[family]
    bench.primary.reply = WORDS
    bench.primary.fail(faults.slow_drip(EVERY))
    health = model.failover._fleet.health
    before = health.paced

    def paced(lease: Any, seconds: float, now: float) -> None:
        said.append(seconds)
        before(lease, seconds, now)

    health.paced = paced  # type: ignore[method-assign]
    await ask(model, mode)
    assert said == [pytest.approx(EVERY, rel=0.5)]
