"""An empty answer is shown to one other target, and is a failure only if that had more to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from core.played import Played, Streams, classes, failover
from core.scripted import broken, chain, invalid

from failover_plugin import EmptyResponse, Failover, Policy, Request, Result, StreamInterrupted, Target, require_sound
from failover_plugin.events import Event, Exhausted, FailedOver
from failover_plugin.policy import BreakerPolicy
from failover_plugin.testing import FakeClock


class Answer:
    """A plain answer, told apart by identity."""

    def __init__(self, text: str) -> None:
        self.text = text


Call = Callable[[Target], Answer]
Ask = Callable[[Failover, Call], Result[Answer]]


@pytest.fixture(params=["run", "arun", "threads"])
def ask(request: pytest.FixtureRequest) -> Ask:
    def ask(fo: Failover, call: Call) -> Result[Answer]:
        async def acall(target: Target) -> Answer:
            return call(target)

        return asyncio.run(fo.arun(acall)) if request.param == "arun" else fo.run(call)

    return ask


@pytest.fixture
def many(request: pytest.FixtureRequest, ask: Ask) -> Callable[..., Failover]:
    threads = "threads" in request.node.callspec.id

    def many(count: int, **policy: Any) -> Failover:
        sync = {"sync_deadlines": "thread"} if threads else {}
        return failover(*chain(count), **sync, **policy)

    return many


class Says:
    """Targets that say these things, judged as an adapter judges them; an exception is raised."""

    def __init__(self, **said: Answer | Exception) -> None:
        self.said = said
        self.asked: list[str] = []

    def __call__(self, target: Target) -> Answer:
        self.asked.append(target.id)
        said = self.said[target.id]
        if isinstance(said, Exception):
            raise said
        require_sound("stop", has_content=bool(said.text), answer=said)
        return said


def blamed(fo: Failover) -> list[str]:
    return [target.target for target in fo.health().targets if target.failures]


NOTHING, NOTHING_EITHER, WORDS = Answer(""), Answer(""), Answer("words")


def test_the_first_says_nothing_and_the_second_has_more_to_say(ask: Ask, many: Callable[..., Failover]) -> None:
    fo, says = many(3), Says(a=NOTHING, b=WORDS)
    result = ask(fo, says)
    assert result.value is WORDS
    assert result.target.id == "b"
    assert says.asked == ["a", "b"]
    assert classes(result.trail) == ["a empty_response", "b"]
    assert blamed(fo) == ["a"]
    assert fo.health().in_flight == 0


@pytest.mark.parametrize("second", [NOTHING_EITHER, broken(), invalid(), TimeoutError("late")])
def test_the_first_says_nothing_and_the_second_no_more_then_the_first_is_handed_out_as_it_is(
    ask: Ask, many: Callable[..., Failover], second: Answer | Exception
) -> None:
    fo, says = many(3), Says(a=NOTHING, b=second, c=WORDS)
    result = ask(fo, says)
    assert result.value is NOTHING
    assert result.target.id == "a"
    assert says.asked == ["a", "b"]
    assert [attempt.target for attempt in result.trail.attempts if attempt.ok] == ["a"]
    assert "a" not in blamed(fo)
    assert fo.health().in_flight == 0


def test_everybody_says_nothing_for_long_and_nobody_is_blamed(ask: Ask, many: Callable[..., Failover]) -> None:
    fo = many(2)
    for _ in range(20):
        assert ask(fo, Says(a=NOTHING, b=NOTHING_EITHER)).value is NOTHING
    assert blamed(fo) == []
    assert {target.state for target in fo.health().targets} == {"closed"}


def test_a_target_that_always_says_nothing_where_another_speaks_is_left_alone(
    ask: Ask, many: Callable[..., Failover]
) -> None:
    fo, says = many(2), Says(a=NOTHING, b=WORDS)
    for _ in range(30):
        assert ask(fo, says).value is WORDS
    assert fo.health()["a"].health == "degraded"
    assert says.asked.count("a") == 2


def test_there_is_nobody_else_and_the_empty_answer_is_handed_out(ask: Ask, many: Callable[..., Failover]) -> None:
    fo = many(1)
    assert ask(fo, Says(a=NOTHING)).value is NOTHING
    assert blamed(fo) == []


def test_nobody_else_is_well_and_the_empty_answer_waits_for_none_of_them(
    ask: Ask, many: Callable[..., Failover]
) -> None:
    fo, says = many(2), Says(a=NOTHING, b=WORDS)
    fo.force_open("b", 1.0)
    assert ask(fo, says).value is NOTHING
    assert says.asked == ["a"]


@pytest.mark.parametrize("policy", [{"max_attempts": 1}, {"give_up_on": {"empty_response"}}])
def test_a_policy_that_allows_no_second_hands_out_the_first(
    ask: Ask, many: Callable[..., Failover], policy: dict[str, Any]
) -> None:
    says = Says(a=NOTHING, b=WORDS)
    assert ask(many(2, **policy), says).value is NOTHING
    assert says.asked == ["a"]


def test_a_dies_b_says_nothing_and_c_dies_then_b_has_answered(ask: Ask, many: Callable[..., Failover]) -> None:
    fo, says = many(4, same_target_retries=0), Says(a=broken(), b=NOTHING, c=broken(), d=WORDS)
    result = ask(fo, says)
    assert result.value is NOTHING
    assert result.target.id == "b"
    assert says.asked == ["a", "b", "c"]
    assert blamed(fo) == ["a", "c"]


def test_a_refuses_the_request_and_b_says_nothing_then_that_is_the_answer(
    ask: Ask, many: Callable[..., Failover]
) -> None:
    assert ask(many(2), Says(a=invalid(), b=NOTHING)).value is NOTHING


def test_an_error_that_brings_no_answer_is_a_failure_and_everybody_is_asked(
    ask: Ask, many: Callable[..., Failover]
) -> None:
    fo = many(3)
    says = Says(a=EmptyResponse("nothing came"), b=EmptyResponse("nothing came"), c=WORDS)
    assert ask(fo, says).value is WORDS
    assert blamed(fo) == ["a", "b"]


def test_the_second_takes_the_rest_of_the_deadline_and_the_first_is_still_there() -> None:
    clock = FakeClock()
    fo = failover(*chain(3), clock=clock)

    def call(target: Target) -> Answer:
        if target.id == "a":
            require_sound("stop", has_content=False, answer=NOTHING)
        clock.advance(10)
        raise TimeoutError("late")

    assert fo.run(call, Request(deadline=10)).value is NOTHING


def test_the_slot_is_free_while_the_second_is_asked() -> None:
    fo = failover()

    def call(target: Target) -> Answer:
        if target.id == "a":
            require_sound("stop", has_content=False, answer=NOTHING)
        assert fo.health()["a"].in_flight == 0
        return WORDS

    assert fo.run(call).value is WORDS


@pytest.mark.parametrize(
    "meanwhile", [lambda fo: fo.reset(), lambda fo: fo.reset("a"), lambda fo: fo.force_open("a", 60)]
)
def test_what_was_begun_before_a_reset_or_an_opening_is_booked_on_nobody(meanwhile: Callable[[Failover], None]) -> None:
    fo = failover()

    def call(target: Target) -> Answer:
        if target.id == "a":
            require_sound("stop", has_content=False, answer=NOTHING)
        meanwhile(fo)
        return WORDS

    assert fo.run(call).value is WORDS
    assert fo.health()["a"].failures == 0


def test_a_probe_that_says_nothing_has_failed_only_if_another_had_more_to_say() -> None:
    clock = FakeClock()
    fo = Failover(chain(2), Policy(breaker=BreakerPolicy(half_open_probes=1)), clock=clock, rng=Random(1))
    for other, state in ((NOTHING_EITHER, "half_open"), (WORDS, "open")):
        fo.half_open("a")
        says = Says(a=NOTHING, b=other)
        assert fo.run(says).value is (WORDS if other is WORDS else NOTHING)
        assert says.asked == ["a", "b"]
        assert fo.health()["a"].state == state
        fo.half_open("a")
        assert fo.run(Says(a=WORDS)).target.id == "a", "its place as a probe is free"


@pytest.mark.parametrize("answered", [True, False])
def test_an_answer_that_was_late_and_says_nothing_has_come(*, answered: bool) -> None:
    """Who leaves before a late answer has come leaves the doubt behind."""
    clock = FakeClock()
    fo = failover(clock=clock)
    for _ in range(20):
        list(fo.stream(Streams(a=["words", END]).open, **JUDGED))
        clock.advance(1)
    for _ in range(2):
        permit = fo.acquire(streaming=True)
        assert permit is not None
        clock.advance(10)
        permit.flow.overdue(permit._start, clock.now)
        if answered:
            permit.failure(EmptyResponse("nothing", answer=NOTHING))
        permit.cancel()
    assert fo.health()["a"].health == ("healthy" if answered else "degraded")


def test_a_host_with_a_loop_of_its_own_is_told_to_hand_it_out() -> None:
    fo = failover(*chain(3))
    first = fo.acquire()
    assert first is not None
    first.failure(EmptyResponse("nothing", answer=NOTHING))
    second = fo.acquire(after=first)
    assert second is not None
    second.failure(broken())
    assert fo.acquire(after=second) is None
    handed_out = second.exhausted()
    assert isinstance(handed_out, EmptyResponse)
    assert handed_out.answer is NOTHING
    assert classes(second.trail) == ["a", "b server_error"]


def test_an_empty_answer_that_is_handed_out_is_no_exhausted_request() -> None:
    told: list[Event] = []
    fo = Failover(chain(2), clock=FakeClock(), rng=Random(1), on_event=told.append)
    fo.run(Says(a=NOTHING, b=NOTHING_EITHER))
    assert [event.from_target.id for event in told if isinstance(event, FailedOver)] == ["a"]
    assert not [event for event in told if isinstance(event, Exhausted)]


async def test_a_backup_says_nothing_and_then_the_first_dies() -> None:
    fo = Failover(chain(3), Policy(latency={"soft_unknown": 0.05, "soft_min": 0.01}), rng=Random(1))

    async def open_(target: Target) -> Any:
        await asyncio.sleep({"a": 0.3, "b": 0.0}[target.id])
        if target.id == "a":
            raise broken()
        yield END

    assert [chunk async for chunk in fo.astream(open_, **JUDGED)] == [END]
    assert blamed(fo) == ["a"]


def test_the_second_was_filtered_and_that_is_no_evidence() -> None:
    fo = failover()
    chunks = list(fo.stream(Streams(a=["", END], b=["", FILTERED]).open, **JUDGED))
    assert chunks == ["", FILTERED]
    assert blamed(fo) == []


# -- streams ----------------------------------------------------------------------------------------------------------

END, FILTERED, FAILED = "<end>", "<filtered>", "<failed>"
_MARK = {END: "stop", FILTERED: "content_filter", FAILED: "error"}


def _content(chunk: str) -> bool:
    return bool(chunk) and not chunk.startswith("<")


def _check(chunk: str, said: bool) -> None:  # noqa: FBT001 - as the core calls it
    require_sound(_MARK[chunk], has_content=said)


JUDGED: dict[str, Any] = {"has_content": _content, "is_finished": _MARK.__contains__, "check": _check}

Hear = Callable[..., Played]


@pytest.fixture(params=["stream", "astream", "threads"])
def hear(request: pytest.FixtureRequest) -> Hear:
    def hear(count: int, **plan: Any) -> Played:
        sync = {"sync_deadlines": "thread"} if request.param == "threads" else {}
        fo = failover(*chain(count), **sync)
        return Played(fo, Streams(**plan), marks=JUDGED, asynchronous=request.param == "astream")

    return hear


def test_a_stream_says_nothing_and_the_second_has_more_to_say(hear: Hear) -> None:
    heard = hear(3, a=["", END, "<usage>"], b=["", "words", END])
    assert (heard.chunks, heard.error) == (["", "words", END], None)
    assert classes(heard.record.trail) == ["a empty_response", "b"]
    assert blamed(heard.fo) == ["a"]
    assert heard.fo.health().in_flight == 0


@pytest.mark.parametrize("second", [["", END], ["", broken()], [TimeoutError("late")], ["", FAILED], [""]])
def test_a_stream_says_nothing_and_the_second_no_more_then_all_of_the_first_is_handed_out(
    hear: Hear, second: list[object]
) -> None:
    heard = hear(3, a=["", END, "<usage>"], b=second, c=["words", END])
    assert (heard.chunks, heard.error) == (["", END, "<usage>"], None)
    assert heard.streams.opened == ["a", "b"]
    assert heard.record.target.id == "a"
    assert "a" not in blamed(heard.fo)
    assert heard.fo.health().in_flight == 0


def test_an_error_behind_the_mark_of_an_empty_stream_changes_nothing(hear: Hear) -> None:
    heard = hear(2, a=["", END, ConnectionResetError("gone")], b=["", END])
    assert (heard.chunks, heard.error) == (["", END], None)
    assert blamed(heard.fo) == []


def test_a_stream_says_nothing_and_the_second_dies_after_its_first_words(hear: Hear) -> None:
    heard = hear(2, a=["", END], b=["words", broken()])
    assert heard.chunks == ["words"]
    assert isinstance(heard.error, StreamInterrupted)
    assert blamed(heard.fo) == ["a", "b"]


def test_what_was_filtered_is_an_answer_and_a_model_that_gives_up_has_failed(hear: Hear) -> None:
    heard = hear(2, a=["", FILTERED], b=["words", END])
    assert heard.streams.opened == ["a"]
    heard = hear(2, a=["", FAILED], b=["words", END])
    assert heard.chunks == ["words", END]
    assert blamed(heard.fo) == ["a"]


def test_a_stream_that_ends_without_its_mark_is_a_failure_and_no_empty_answer(hear: Hear) -> None:
    heard = hear(2, a=[""], b=["", END])
    assert heard.chunks == ["", END]
    assert blamed(heard.fo) == ["a"]


def test_the_caller_leaves_before_an_empty_stream_is_over_and_nobody_is_blamed() -> None:
    fo = failover()

    def open_(_target: Target) -> Iterator[str]:
        yield END
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(fo.stream(open_, **JUDGED))
    assert (fo.health()["a"].successes, blamed(fo), fo.health().in_flight) == (0, [], 0)


async def test_a_late_first_says_nothing_and_its_backup_is_the_one_other_target() -> None:
    fo = Failover(chain(3), Policy(latency={"soft_unknown": 0.05, "soft_min": 0.01}), rng=Random(1))
    asked: list[str] = []

    async def open_(target: Target) -> Any:
        asked.append(target.id)
        await asyncio.sleep({"a": 0.2, "b": 0.3}[target.id])
        yield ""
        yield END

    assert [chunk async for chunk in fo.astream(open_, **JUDGED)] == ["", END]
    assert asked == ["a", "b"]
    assert blamed(fo) == []
