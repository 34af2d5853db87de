"""Three thousand requests at once, in one event loop: what they wait for is our own process, and nobody is blamed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from failover_langchain import ChatFailover

CROWD = 3_000
ROUNDS = 3
BATCH = 1_000
STALL = 2.0
"""Seconds for which another task blocks the loop in the middle of a round."""


class Provider(BaseChatModel):
    """A healthy one takes 0.3 to 0.8 s; a dead one says so after 20 ms."""

    name: str
    dead: bool = False
    calls: int = 0
    dice: Any = None

    @property
    def _llm_type(self) -> str:
        return "in this process"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": self.name, "ls_model_name": f"model-of-{self.name}", "ls_model_type": "chat"}

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("it is asked by async code only")

    async def _think(self) -> None:
        self.calls += 1
        if self.dead:
            await asyncio.sleep(0.02)
            raise ConnectionRefusedError(111, "Connection refused")
        await asyncio.sleep(self.dice.uniform(0.3, 0.8))

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        await self._think()
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.name))])

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        await self._think()
        yield ChatGenerationChunk(message=AIMessageChunk(self.name))
        await asyncio.sleep(0.05)
        yield ChatGenerationChunk(message=AIMessageChunk("", response_metadata={"finish_reason": "stop"}))


async def ask(model: ChatFailover, way: str) -> str:
    if way == "ainvoke":
        return (await model.ainvoke("hi")).text
    return "".join([chunk.text async for chunk in model.astream("hi")])


async def block(seconds: float) -> None:
    """Another task stands in everybody's way."""
    await asyncio.sleep(0.4)
    time.sleep(seconds)


def said_by(answer: Any) -> str:
    return str(answer.text if isinstance(answer, AIMessage) else answer).split()[0]


@pytest.mark.timeout(180)  # 10 s, where nobody else wants the processor
@pytest.mark.parametrize(("way", "stall"), [("ainvoke", 0.0), ("astream", STALL)])
async def test_three_thousand_at_once_are_served_three_times_over(way: str, stall: float) -> None:
    """The loop stands still in two of the rounds, with nothing known yet and with much; the third is the aftermath."""
    dice = Random(11)
    models = [Provider(name=name, dice=dice) for name in ("first", "second")]
    model = ChatFailover(models)
    for standstill in (stall, stall, 0.0):
        *answers, _ = await asyncio.gather(*(ask(model, way) for _ in range(CROWD)), block(standstill))
        assert {said_by(answer) for answer in answers} <= {"first", "second"}
        assert len(answers) == CROWD
        for line in model.failover.health().targets:
            # a loop that is busy for seconds may make one look slower than the other: it ranks lower, and stays closed
            assert line.state in ("closed", "slow"), line
            assert (line.failures, line.backups) == (0, 0), line
    assert sum(one.calls for one in models) == ROUNDS * CROWD, "nobody was asked twice"


async def test_the_primary_is_dead_and_a_batch_of_a_thousand_is_served_by_the_fallback() -> None:
    dead, well = Provider(name="dead", dead=True), Provider(name="well", dice=Random(11))
    model = ChatFailover([dead, well])
    answers = await model.abatch(["hi"] * BATCH)
    assert [said_by(answer) for answer in answers] == ["well"] * BATCH
    again = await model.abatch(["hi"] * BATCH)
    assert [said_by(answer) for answer in again] == ["well"] * BATCH
    assert dead.calls <= BATCH + 1, "what was under way when it opened, and a probe"
    assert {line.target: line.state for line in model.failover.health().targets}[
        model.failover.targets[1].id
    ] == "closed"
