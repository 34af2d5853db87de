"""``stream_failover="resume"``: a broken stream goes on elsewhere, whole and exactly once, or ends in its own error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from core.played import END, MARKS, classes
from core.scripted import Story, World, broken, chain, invalid, target, unauthorized

from failover_plugin import Failover, Policy, current_attempt
from failover_plugin.errors import StreamInterrupted
from failover_plugin.model import Target

GONE = ConnectionResetError("gone")


def world(count: int = 2, **policy: Any) -> World:
    return World(chain(count), Policy(**({"strategy": "sequential", "stream_failover": "resume"} | policy)))


def cut_off(fleet: World) -> Story:
    """A stream that has died after its first content."""
    story = fleet.request(streaming=True).asks("a")
    story.speaks()
    return story.fails(GONE, after=1.0)


def trail(story: Story) -> list[str]:
    return classes(story.flow.trail)


# -- what the flow decides --------------------------------------------------------------------------------------------


def test_a_broken_stream_is_gone_on_with_elsewhere() -> None:
    story = cut_off(world())
    start = story.starts()
    assert (start.target.id, start.resumed) == ("b", True)
    story.speaks()
    story.succeeds()
    assert trail(story) == ["a stream_interrupted", "b"]


def test_a_first_attempt_resumes_nothing() -> None:
    story = world().request(streaming=True)
    assert not story.starts().resumed
    assert not story.fails(TimeoutError()).starts().resumed


@pytest.mark.parametrize("refusal", [invalid(), unauthorized(), TimeoutError("too slow")])
def test_where_it_cannot_go_on_it_ends_in_the_error_that_broke_it(refusal: Exception) -> None:
    story = cut_off(world())
    ended = story.asks("b").fails(refusal).gives_up()
    assert isinstance(ended, StreamInterrupted)
    assert ended.__cause__ is GONE
    assert ended.trail == story.flow.trail


def test_with_nobody_left_it_ends_in_the_error_that_broke_it() -> None:
    ended = cut_off(world(1)).gives_up()
    assert isinstance(ended, StreamInterrupted)
    assert ended.__cause__ is GONE


def test_it_may_break_again_and_still_ends_in_the_first_error() -> None:
    story = cut_off(world(3)).asks("b")
    story.speaks()
    assert story.fails(broken()).starts().resumed
    ended = story.fails(invalid()).gives_up()
    assert ended.__cause__ is GONE


def test_what_was_delivered_but_cannot_be_read_is_not_gone_on_with() -> None:
    fleet = world()
    story = fleet.request(streaming=True).asks("a")
    story.speaks()
    story.flow.resumable = False
    assert isinstance(story.fails(GONE).gives_up(), StreamInterrupted)


def test_a_deadline_ends_a_resumed_stream_too() -> None:
    fleet = world(deadline=5.0)
    story = fleet.request(streaming=True).asks("a")
    story.speaks()
    error = story.fails(GONE, after=5.0).gives_up()
    assert isinstance(error, Exception)
    assert trail(story) == ["a stream_interrupted"]


# -- through the drivers ----------------------------------------------------------------------------------------------

Plan = Mapping[str, Sequence[object]]


class Play:
    """Streams by plan; a target that takes a prefix says only what its plan has beyond it."""

    def __init__(self, how: str, targets: Sequence[Target], plan: Plan, **marks: Any) -> None:
        self.plan = plan
        self.prefixes: list[str | None] = []
        self.marks = MARKS | marks
        policy = Policy(
            strategy="sequential",
            stream_failover="resume",
            same_target_retries=0,
            sync_deadlines="thread" if how == "thread" else "client",
        )
        self.failover = Failover(targets, policy, rng=Random(1))
        self.how = how
        self.heard: list[Any] = []
        self.record: Any = None

    def open(self, asked: Target) -> Iterator[Any]:
        prefix = current_attempt().prefix
        self.prefixes.append(prefix)
        skipped = prefix or "" if "prefill" in asked.capabilities else ""
        for chunk in self.plan[asked.id]:
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, str) and skipped.startswith(chunk) and chunk:
                skipped = skipped.removeprefix(chunk)
                continue
            yield chunk

    async def aopen(self, asked: Target) -> AsyncIterator[Any]:
        for chunk in self.open(asked):
            yield chunk

    async def listen(self) -> str:
        if self.how == "astream":
            self.record = self.failover.astream(self.aopen, **self.marks)
            async for chunk in self.record:
                self.heard.append(chunk)
        else:
            self.record = self.failover.stream(self.open, **self.marks)
            for chunk in self.record:
                self.heard.append(chunk)
        return "".join(chunk for chunk in self.heard if isinstance(chunk, str) and chunk != END)


ALL = pytest.mark.parametrize("how", ["stream", "astream", "thread"])
PREFILL = [target("a"), target("b", 1, capabilities=frozenset({"prefill"}))]
TALE = "once upon a time"


@ALL
async def test_a_target_that_takes_a_prefix_goes_on_from_it(how: str) -> None:
    play = Play(how, PREFILL, {"a": ["", "once ", "upon ", GONE], "b": ["once ", "upon ", "a time", END]})
    assert await play.listen() == TALE
    assert play.prefixes == [None, "once upon "]
    assert classes(play.record.trail) == ["a stream_interrupted", "b"]
    assert play.failover.health().in_flight == 0


@ALL
async def test_a_restart_that_says_the_same_is_heard_from_where_the_first_broke_off(how: str) -> None:
    play = Play(how, chain(2), {"a": ["once ", "upon ", GONE], "b": ["", "on", "ce up", "on a ", "time", END]})
    assert await play.listen() == TALE
    assert play.heard == ["once ", "upon ", "a ", "time", END]


@ALL
@pytest.mark.parametrize(
    "other", [["once there was", END], ["onc", "f upon a time", END], ["once ", END], ["once "]], ids=str
)
async def test_a_restart_that_says_something_else_ends_in_the_error_that_broke_the_first(
    how: str, other: list[str]
) -> None:
    play = Play(how, chain(2), {"a": ["once ", "upon ", GONE], "b": other})
    with pytest.raises(StreamInterrupted) as ended:
        await play.listen()
    assert ended.value.__cause__ is GONE
    assert play.heard == ["once ", "upon "]
    assert play.failover.health()["b"].health == "healthy"
    assert play.failover.health().in_flight == 0


@ALL
async def test_a_restart_that_dies_too_leaves_it_to_the_next(how: str) -> None:
    plan = {"a": ["once ", "upon ", GONE], "b": ["once ", GONE], "c": ["once upon a time", END]}
    play = Play(how, [target(i, n, provider="p") for n, i in enumerate("abc")], plan)
    assert await play.listen() == TALE
    assert classes(play.record.trail)[-1] == "c"


@ALL
async def test_a_target_that_refuses_the_prefix_leaves_the_first_error(how: str) -> None:
    play = Play(how, PREFILL, {"a": ["once ", GONE], "b": [invalid()]})
    with pytest.raises(StreamInterrupted) as ended:
        await play.listen()
    assert ended.value.__cause__ is GONE


@ALL
async def test_chunks_that_nobody_can_read_are_not_gone_on_with(how: str) -> None:
    play = Play(how, chain(2), {"a": [{"text": "once "}, GONE], "b": [{"text": "once upon"}, END]}, has_content=bool)
    with pytest.raises(StreamInterrupted):
        await play.listen()
    assert play.heard == [{"text": "once "}]
    assert len(play.prefixes) == 1


@ALL
async def test_chunks_that_can_be_read_and_cut_are(how: str) -> None:
    play = Play(
        how,
        chain(2),
        {"a": [{"text": "once "}, GONE], "b": [{"text": ""}, {"text": "once upon"}, END]},
        has_content=bool,
        is_finished=lambda chunk: chunk == END,
        text=lambda chunk: chunk["text"] if isinstance(chunk, dict) else "",
        cut=lambda chunk, count: {"text": chunk["text"][count:]},
    )
    await play.listen()
    assert play.heard == [{"text": "once "}, {"text": "upon"}, END]


@ALL
async def test_a_shorter_restart_is_no_answer_where_no_mark_is_due_either(how: str) -> None:
    play = Play(how, chain(2), {"a": ["once ", "upon ", GONE], "b": ["once "]}, is_finished=None)
    with pytest.raises(StreamInterrupted) as ended:
        await play.listen()
    assert ended.value.__cause__ is GONE
