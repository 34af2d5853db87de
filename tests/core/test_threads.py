"""``sync_deadlines="thread"``: a late call is left alone, a backup runs in a thread, and a late word says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from random import Random
from threading import Event
from typing import Any

import pytest
from core.played import END, MARKS, classes
from core.scripted import broken, chain, unauthorized

from failover_plugin import Failover, Policy, Request, current_attempt
from failover_plugin.errors import AllTargetsFailed, DeadlineExceeded, StreamInterrupted
from failover_plugin.model import Target
from failover_plugin.policy import LatencyPolicy

SHORT = 0.03
SOON = LatencyPolicy(soft_min=0.005, soft_unknown=0.005)
PATIENT = LatencyPolicy(soft_min=9.0, soft_unknown=9.0)


def failover(count: int = 2, **policy: Any) -> Failover:
    given = {"strategy": "sequential", "sync_deadlines": "thread", "same_target_retries": 0, "latency": PATIENT}
    return Failover(chain(count), Policy(**(given | policy)), rng=Random(1))


class Stage:
    """Targets that do as told; whoever hangs is let go at the end, and waited for."""

    def __init__(self, **parts: Callable[[Stage], Any]) -> None:
        self.parts = parts
        self.begun = {name: Event() for name in parts}
        self.ended = {name: Event() for name in parts}
        self.go = Event()
        self.closed: list[str] = []

    def call(self, asked: Target) -> Any:
        self.begun[asked.id].set()
        try:
            return self.parts[asked.id](self)
        finally:
            self.ended[asked.id].set()

    def open(self, asked: Target) -> Iterator[str]:
        self.begun[asked.id].set()
        try:
            yield ""
            for chunk in self.parts[asked.id](self):
                if isinstance(chunk, BaseException):
                    raise chunk
                yield chunk
        finally:
            self.closed.append(asked.id)
            self.ended[asked.id].set()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        for name, begun in self.begun.items():
            if begun.is_set():
                assert self.ended[name].wait(10), f"{name} never ended"


def hangs(stage: Stage) -> str:
    stage.go.wait(10)
    return "too late"


def hangs_and_fails(stage: Stage) -> str:
    stage.go.wait(10)
    raise unauthorized()


def says(*words: str, once: str = "") -> Callable[[Stage], Any]:
    def part(stage: Stage) -> Any:
        if once:
            what, name = once.split()
            assert (stage.begun if what == "begun" else stage.ended)[name].wait(10)
        return words if len(words) > 1 else words[0]

    return part


def fails(error: Callable[[], BaseException] = unauthorized, *, once: str = "") -> Callable[[Stage], Any]:
    def part(stage: Stage) -> Any:
        says("", once=once)(stage)
        raise error()

    return part


def acquaint(fo: Failover) -> None:
    """So that a plain call can be late."""
    for _ in range(10):
        fo.run(lambda _: "hi")


# -- plain calls ------------------------------------------------------------------------------------------------------

USER: ContextVar[str] = ContextVar("user", default="nobody")


def test_a_call_runs_in_a_thread_of_its_own_with_its_callers_context_and_attempt() -> None:
    def call(asked: Target) -> tuple[str, str, bool]:
        return USER.get(), current_attempt().target.id, threading.current_thread() is threading.main_thread()

    token = USER.set("Ann")
    result = failover().run(call)
    USER.reset(token)
    assert result.value == ("Ann", "a", False)


def test_a_late_call_is_left_alone_and_what_it_says_then_is_not_heard() -> None:
    fo = failover(attempt_timeout=SHORT)
    with Stage(a=hangs, b=says("hi")) as stage:
        result = fo.run(stage.call)
        assert (result.value, classes(result.trail)) == ("hi", ["a timeout", "b"])
        assert "attempt_timeout" in str(result.trail.attempts[0].diagnosis)
        before = fo.health()
        assert before.in_flight == 0
    assert fo.health()["a"].failures == before["a"].failures == 1
    assert fo.health()["a"].successes == 0


def test_what_a_call_raises_that_was_left_alone_is_not_heard_either() -> None:
    fo = failover(attempt_timeout=SHORT)
    with Stage(a=hangs_and_fails, b=says("hi")) as stage:
        assert fo.run(stage.call).value == "hi"
    assert fo.health()["a"].failures == 1
    assert "timeout" in str(fo.health()["a"].last_error)
    assert fo.explain().order == ("a", "b")


def test_the_requests_deadline_is_kept_without_the_clients_help() -> None:
    with Stage(a=hangs) as stage, pytest.raises(DeadlineExceeded):
        failover(1).run(stage.call, Request(deadline=SHORT))


@pytest.mark.parametrize("left", [KeyboardInterrupt, SystemExit])
def test_an_interruption_gets_through_and_is_evidence_for_nothing(left: type[BaseException]) -> None:
    fo = failover()
    with Stage(a=fails(left)) as stage, pytest.raises(left):
        fo.run(stage.call)
    line = fo.health()["a"]
    assert (line.failures, line.in_flight) == (0, 0)


def test_a_late_call_gets_a_backup_in_a_thread() -> None:
    fo = failover(latency=SOON)
    acquaint(fo)
    with Stage(a=hangs, b=says("hi")) as stage:
        result = fo.run(stage.call)
        assert (result.value, classes(result.trail)) == ("hi", ["a timeout", "b"])
        a, b = fo.health()["a"], fo.health()["b"]
        assert (a.failures, b.backups, b.successes, fo.health().in_flight) == (1, 1, 1, 0)
    assert fo.health()["a"].successes == 10


def test_the_late_call_wins_after_all() -> None:
    fo = failover(latency=SOON)
    acquaint(fo)
    with Stage(a=says("hello", once="begun b"), b=hangs) as stage:
        result = fo.run(stage.call)
        assert (result.value, classes(result.trail)) == ("hello", ["b cancelled", "a"])
        assert fo.health().in_flight == 0
    assert (fo.health()["a"].failures, fo.health()["b"].failures, fo.health()["b"].successes) == (0, 0, 0)


def test_the_late_call_fails_while_its_backup_runs_and_the_other_way_round() -> None:
    fo = failover(latency=SOON)
    acquaint(fo)
    with Stage(a=fails(once="begun b"), b=says("hi", once="ended a")) as stage:
        assert classes(fo.run(stage.call).trail) == ["a auth", "b"]
    fo = failover(latency=SOON)
    acquaint(fo)
    with Stage(a=says("hello", once="ended b"), b=fails(broken)) as stage:
        assert classes(fo.run(stage.call).trail) == ["b server_error", "a"]
    assert fo.health().in_flight == 0


def test_both_fail() -> None:
    fo = failover(latency=SOON)
    acquaint(fo)
    with Stage(a=fails(once="begun b"), b=fails(broken, once="ended a")) as stage, pytest.raises(AllTargetsFailed):
        fo.run(stage.call)
    assert fo.health().in_flight == 0


def test_a_call_moves_when_somebody_else_finds_its_target_dead() -> None:
    fo = failover(breaker={"threshold": 1})

    def dead(asked: Target) -> str:
        if asked.id == "a":
            raise broken()
        return "hi"

    with Stage(a=hangs, b=says("hi")) as stage:

        def find_out() -> None:
            stage.begun["a"].wait(10)
            fo.run(dead)

        finder = threading.Thread(target=find_out)
        finder.start()
        result = fo.run(stage.call)
        assert (result.value, classes(result.trail)) == ("hi", ["a cancelled", "b"])
        finder.join(10)
    assert fo.health().in_flight == 0


# -- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_arrives_whole_and_in_order() -> None:
    fo = failover()
    words = [f"{n} " for n in range(30)]
    with Stage(a=says(*words, END, "usage")) as stage:
        chunks = fo.stream(stage.open, **MARKS)
        assert list(chunks) == ["", *words, END, "usage"]
    assert classes(chunks.trail) == ["a"]
    assert stage.closed == ["a"]
    assert fo.health().in_flight == 0


def test_a_stream_without_content_in_time_is_opened_elsewhere_and_closed_when_it_can_be() -> None:
    fo = failover(first_content_timeout=0.3)  # b has to keep it too, on a busy machine

    def late(stage: Stage) -> Iterator[str]:
        stage.go.wait(10)
        yield "too late"
        yield END

    with Stage(a=late, b=says("hi", END)) as stage:
        chunks = fo.stream(stage.open, **MARKS)
        assert list(chunks) == ["", "hi", END]
        assert classes(chunks.trail) == ["a timeout", "b"]
        assert stage.closed == ["b"]
    assert sorted(stage.closed) == ["a", "b"]
    assert (fo.health()["a"].successes, fo.health()["a"].failures) == (0, 1)


def test_a_stream_that_falls_silent_is_interrupted() -> None:
    def silent(stage: Stage) -> Iterator[str]:
        yield "once"
        stage.go.wait(10)

    with Stage(a=silent) as stage:
        chunks = failover(idle_timeout=SHORT).stream(stage.open, **MARKS)
        assert [next(chunks), next(chunks)] == ["", "once"]
        with pytest.raises(StreamInterrupted) as ended:
            next(chunks)
    assert "idle_timeout" in str(ended.value.__cause__)


def test_a_slow_listener_is_not_the_targets_silence() -> None:
    heard = []
    with Stage(a=says("once", "upon", "a", "time", END)) as stage:
        for chunk in failover(idle_timeout=SHORT).stream(stage.open, **MARKS):
            threading.Event().wait(SHORT * 1.5)
            heard.append(chunk)
    assert heard == ["", "once", "upon", "a", "time", END]


def test_a_stream_that_stays_open_after_its_finish_mark_is_over_soon_and_not_opened_again() -> None:
    def lingers(stage: Stage) -> Iterator[str]:
        yield "once"
        yield END
        stage.go.wait(10)

    fo = failover()
    with Stage(a=lingers, b=says("again", END)) as stage:
        assert list(fo.stream(stage.open, Request(deadline=0.2), **MARKS)) == ["", "once", END]
        assert not stage.begun["b"].is_set()
    assert fo.health()["a"].successes == 1


def test_a_late_stream_gets_a_backup_in_a_thread() -> None:
    fo = failover(latency=SOON)

    def late(stage: Stage) -> Iterator[str]:
        stage.go.wait(10)
        yield "too late"

    with Stage(a=late, b=says("hi", "there", END)) as stage:
        chunks = fo.stream(stage.open, **MARKS)
        assert list(chunks) == ["", "hi", "there", END]
        assert classes(chunks.trail) == ["a timeout", "b"]
        assert fo.health().in_flight == 0
    assert fo.health()["a"].failures == 1


def test_the_late_stream_wins_after_all_and_the_backup_is_closed() -> None:
    fo = failover(latency=SOON)

    def late(stage: Stage) -> Iterator[str]:
        stage.begun["b"].wait(10)
        yield "hello"
        yield END

    def later(stage: Stage) -> Iterator[str]:
        stage.go.wait(10)
        yield "too late"

    with Stage(a=late, b=later) as stage:
        chunks = fo.stream(stage.open, **MARKS)
        assert list(chunks) == ["", "hello", END]
        assert classes(chunks.trail) == ["b cancelled", "a"]
    assert sorted(stage.closed) == ["a", "b"]


def test_a_stream_that_dies_goes_elsewhere_before_its_content_and_not_after() -> None:
    fo = failover()
    with Stage(a=says(ConnectionResetError("gone"), END), b=says("hi", END)) as stage:  # type: ignore[arg-type]
        assert list(fo.stream(stage.open, **MARKS)) == ["", "hi", END]
    with Stage(a=says("once", ConnectionResetError("gone"))) as stage, pytest.raises(StreamInterrupted):  # type: ignore[arg-type]
        list(fo.stream(stage.open, **MARKS))
    with Stage(a=says("once", "upon")) as stage, pytest.raises(StreamInterrupted):
        list(fo.stream(stage.open, **MARKS))
    assert fo.health().in_flight == 0


def test_what_happens_after_the_finish_mark_does_not_matter() -> None:
    fo = failover()
    with Stage(a=says("once", END, ConnectionResetError("gone"))) as stage:  # type: ignore[arg-type]
        assert list(fo.stream(stage.open, **MARKS)) == ["", "once", END]
    with Stage(a=says(END, ConnectionResetError("gone"))) as stage:  # type: ignore[arg-type]
        assert list(fo.stream(stage.open, **MARKS)) == ["", END]
    assert (fo.health()["a"].successes, fo.health()["a"].failures) == (2, 0)


def test_opening_may_fail_at_once() -> None:
    def open_(asked: Target) -> Iterator[str]:
        if asked.id == "a":
            raise unauthorized()
        return iter(["hi", END])

    chunks = failover().stream(open_, **MARKS)
    assert list(chunks) == ["hi", END]
    assert classes(chunks.trail) == ["a auth", "b"]


def test_an_interruption_in_a_stream_gets_through() -> None:
    fo = failover()
    with Stage(a=says("once", KeyboardInterrupt())) as stage, pytest.raises(KeyboardInterrupt):  # type: ignore[arg-type]
        list(fo.stream(stage.open, **MARKS))
    line = fo.health()["a"]
    assert (line.failures, line.in_flight) == (0, 0)


def test_closing_early_gives_the_permit_back_and_closes_the_source() -> None:
    fo = failover()
    with Stage(a=says(*"many words", END)) as stage:
        with fo.stream(stage.open, **MARKS) as chunks:
            assert [next(chunks), next(chunks)] == ["", "m"]
        line = fo.health()["a"]
        assert (line.in_flight, line.failures, line.successes) == (0, 0, 0)
    assert stage.closed == ["a"]
    assert classes(chunks.trail) == ["a cancelled"]


def test_leaving_while_a_chunk_is_being_made_closes_the_source_when_it_is_there() -> None:
    def slow(stage: Stage) -> Iterator[str]:
        yield "once"
        stage.go.wait(10)
        yield "upon"
        yield "a time"

    fo = failover()
    with Stage(a=slow) as stage:
        with fo.stream(stage.open, **MARKS) as chunks:
            assert [next(chunks), next(chunks)] == ["", "once"]
        assert stage.closed == []
    assert stage.closed == ["a"]
    assert fo.health().in_flight == 0


def test_leaving_after_the_finish_mark_is_leaving_with_the_whole_answer() -> None:
    fo = failover()
    with Stage(a=says("once", END, "usage")) as stage, fo.stream(stage.open, **MARKS) as chunks:
        assert [next(chunks), next(chunks), next(chunks)] == ["", "once", END]
    assert fo.health()["a"].successes == 1


def test_a_generator_knows_the_attempt_it_streams() -> None:
    def open_(asked: Target) -> Iterator[str]:
        yield current_attempt().target.id
        yield current_attempt().target.id

    assert list(failover().stream(open_)) == ["a", "a"]


def test_a_late_word_is_not_heard_while_the_fallback_is_still_at_work() -> None:
    fo = failover(attempt_timeout=SHORT)

    def hears_the_late_one(stage: Stage) -> str:
        stage.go.set()
        assert stage.ended["a"].wait(10)
        return "hi"

    with Stage(a=hangs, b=hears_the_late_one) as stage:
        result = fo.run(stage.call)
    assert (result.value, classes(result.trail)) == ("hi", ["a timeout", "b"])


def test_a_late_stream_without_anybody_to_step_in_is_waited_for() -> None:
    fo = failover(1, latency=SOON)

    def slow(stage: Stage) -> Iterator[str]:
        Event().wait(SHORT)
        yield "hello"
        yield END

    with Stage(a=slow) as stage:
        assert list(fo.stream(stage.open, **MARKS)) == ["", "hello", END]
    assert fo.health()["a"].attempts == 1
