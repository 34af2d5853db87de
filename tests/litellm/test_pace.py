"""How fast a deployment writes is told to the policy: how many calls at once it is good for follows from that."""

from __future__ import annotations

from typing import Any

import pytest

from failover_plugin.emulator import faults

EVERY = 0.03
WORDS = " ".join(["word"] * 30)


def told(strategy: Any) -> list[float]:
    """The seconds per chunk that the policy hears of from now on."""
    said, health = list[float](), strategy.failover._fleet.health
    before = health.paced

    def paced(lease: Any, seconds: float, now: float) -> None:
        said.append(seconds)
        before(lease, seconds, now)

    health.paced = paced
    return said


@pytest.mark.parametrize("mode", ["completion-stream", "acompletion-stream"])
async def test_a_stream_tells_the_seconds_per_chunk_once(bench: Any, mode: str) -> None:
    strategy = bench.route(bench.deployment(bench.primary))
    bench.primary.reply = WORDS
    bench.primary.fail(faults.slow_drip(EVERY))
    said = told(strategy)
    assert await bench.ask(mode) == WORDS
    assert said == [pytest.approx(EVERY, rel=0.5)]
    assert strategy.failover._fleet.health.roster.by_id["primary"].pace.count == 1


@pytest.mark.parametrize("mode", ["completion", "acompletion"])
async def test_a_plain_answer_does_not(bench: Any, mode: str) -> None:
    said = told(bench.route())
    await bench.ask(mode)
    assert said == []


async def test_a_stream_that_breaks_after_a_few_words_does_not(bench: Any) -> None:
    said = told(bench.route(bench.deployment(bench.primary)))
    bench.primary.fail(faults.cut(0.5))
    with pytest.raises(Exception, match=r"not whole|closed|ended|peer|Connection"):
        await bench.ask("acompletion-stream")
    assert said == []
