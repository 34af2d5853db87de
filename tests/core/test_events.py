"""Listeners hear everything and can break nothing."""

from __future__ import annotations

import copy
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from functools import partial
from threading import Barrier, Lock
from typing import get_args

import pytest
from core.occurrences import (
    ALL,
    ANSWERED,
    BACKUP,
    BLOCKED,
    CLOSED,
    EXHAUSTED,
    FAILED,
    FAILED_OVER,
    HALF_OPEN,
    NO_BUDGET,
    OPENED,
    REOPENED,
    STARTED,
)

from failover_plugin.events import LEVELS, Event, Exhausted, Listeners, log_events

LINES = [
    (STARTED, "DEBUG", "request 7: #1 a started"),
    (ANSWERED, "DEBUG", "request 7: #2 b at 0.00 s, 0.50 s: ok"),
    (FAILED, "DEBUG", "request 7: #1 a at 0.00 s, 0.50 s: server_error 500: oh no"),
    (FAILED_OVER, "INFO", "failed over from a to b: server_error 500"),
    (BACKUP, "INFO", "#2 b started as a backup: a is slow"),
    (OPENED, "WARNING", "target openai gpt-5.5 open for 2.0 s: server_error 500 (a, c)"),
    (REOPENED, "WARNING", "target a open again for 4.0 s: timeout (a)"),
    (HALF_OPEN, "INFO", "target openai gpt-5.5 half open (a, c)"),
    (CLOSED, "INFO", "target openai gpt-5.5 closed (a, c)"),
    (BLOCKED, "WARNING", "credential team-1 blocked for 60.0 s: auth 401 (a, c)"),
    (NO_BUDGET, "WARNING", "the failover budget is spent"),
    (
        EXHAUSTED,
        "WARNING",
        "request 7: nobody could answer (a: server_error 500; b: disabled); the first is due back in 1.5 s",
    ),
]


class Diary:
    """A listener that remembers; with a lock, as real ones have, so that it cannot be copied."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.lock = Lock()

    def hear(self, event: Event) -> None:
        with self.lock:
            self.heard.append(event)


class Grumpy:
    """A listener that raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.asked = 0

    def __call__(self, event: Event) -> None:
        self.asked += 1
        raise self.error


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "failover_plugin"]


# -- the events -------------------------------------------------------------------------------------------------------


def test_these_tests_know_every_kind() -> None:
    assert {type(event) for event in ALL} == set(get_args(Event)) == set(LEVELS)
    assert [event for event, _, _ in LINES] == list(ALL)


@pytest.mark.parametrize("event", ALL)
def test_an_event_cannot_be_changed_nor_extended(event: Event) -> None:
    with pytest.raises(FrozenInstanceError):
        event.at = 0.0  # type: ignore[misc]
    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("event", ALL)
def test_an_event_travels(event: Event) -> None:
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) == event


# -- who is told ------------------------------------------------------------------------------------------------------


def test_a_listener_hears_every_event_as_it_is_and_in_order() -> None:
    diary = Diary()
    listeners = Listeners(diary.hear)
    for event in ALL:
        listeners.emit(event)
    assert len(diary.heard) == len(ALL)
    assert all(heard is event for heard, event in zip(diary.heard, ALL, strict=True))


def test_everybody_is_told_in_the_order_in_which_they_came() -> None:
    order: list[str] = []
    listeners = Listeners(lambda _: order.append("first"))
    listeners.subscribe(lambda _: order.append("second"))
    listeners.emit(STARTED)
    assert order == ["first", "second"]


def test_while_nobody_listens_no_event_is_built() -> None:
    built: list[Event] = []

    def build() -> Event:
        built.append(Exhausted(at=0.0, request_id=1, errors=()))
        return built[-1]

    def happen(listeners: Listeners) -> None:
        """As the core does it."""
        if listeners:
            listeners.emit(build())

    listeners, diary = Listeners(), Diary()
    happen(listeners)
    assert built == []
    listeners.subscribe(diary.hear)
    happen(listeners)
    assert diary.heard == built != []


def test_an_event_that_nobody_hears_does_no_harm() -> None:
    Listeners().emit(STARTED)


def test_a_listener_that_brings_another_in_while_it_is_told() -> None:
    diary = Diary()
    listeners = Listeners(lambda event: listeners.subscribe(diary.hear) if event is STARTED else None)
    listeners.emit(STARTED)
    assert diary.heard == []
    listeners.emit(FAILED)
    assert diary.heard == [FAILED]


def test_a_listener_may_cause_an_event_itself() -> None:
    diary = Diary()
    listeners = Listeners(lambda event: listeners.emit(FAILED) if event is STARTED else None, diary.hear)
    listeners.emit(STARTED)
    assert diary.heard == [FAILED, STARTED]


def test_threads_that_tell_and_subscribe_at_once_lose_nothing() -> None:
    first, listeners, ready = Diary(), Listeners(), Barrier(8)
    listeners.subscribe(first.hear)
    late = [Diary() for _ in range(8 * 50)]

    def work(lane: int) -> None:
        ready.wait()
        for diary in late[lane * 50 : lane * 50 + 50]:
            listeners.subscribe(diary.hear)
            listeners.emit(STARTED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(first.heard) == 400
    assert all(diary.heard for diary in late)
    for diary in late:
        diary.heard.clear()
    listeners.emit(FAILED)
    assert all(diary.heard == [FAILED] for diary in late)


# -- one that raises --------------------------------------------------------------------------------------------------


def test_a_listener_that_raises_harms_nobody_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    grumpy, diary = Grumpy(RuntimeError("no disk left")), Diary()
    listeners = Listeners(grumpy, diary.hear)
    for _ in range(3):
        listeners.emit(STARTED)
    assert diary.heard == [STARTED] * 3
    assert grumpy.asked == 3
    assert complaints(caplog) == ["The listener Grumpy raised at AttemptStarted; told once."]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.exc_info is not None
    assert record.exc_info[1] is grumpy.error


def test_it_is_told_of_again_for_another_kind_of_event_and_for_another_listener(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners = Listeners(Grumpy(KeyError("one")), Grumpy(KeyError("two")))
    for event in (STARTED, STARTED, FAILED, ANSWERED):
        listeners.emit(event)
    assert len(complaints(caplog)) == 4
    assert sum("AttemptEnded" in line for line in complaints(caplog)) == 2


def test_many_threads_complain_once(caplog: pytest.LogCaptureFixture) -> None:
    listeners, ready = Listeners(Grumpy(ValueError("x"))), Barrier(8)

    def work(_: int) -> None:
        ready.wait()
        listeners.emit(STARTED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(complaints(caplog)) == 1


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_who_wants_to_leave_may(leaving: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(leaving):
        Listeners(Grumpy(leaving())).emit(STARTED)
    assert complaints(caplog) == []


def test_the_complaint_shows_no_argument_that_a_listener_was_given(caplog: pytest.LogCaptureFixture) -> None:
    def post(event: Event, *, key: str) -> None:
        raise OSError

    Listeners(partial(post, key="sk-very-secret")).emit(STARTED)
    assert "partial" in complaints(caplog)[0]
    assert "secret" not in caplog.text.replace(__file__, "")


# -- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_tells_the_same_listeners_and_goes_its_own_way(how: type[copy.copy]) -> None:
    diary, newcomer = Diary(), Diary()
    original = Listeners(diary.hear)
    twin = how(original)
    twin.subscribe(newcomer.hear)
    original.emit(STARTED)
    twin.emit(FAILED)
    assert diary.heard == [STARTED, FAILED]
    assert newcomer.heard == [FAILED]


def test_a_copy_complains_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    original = Listeners(Grumpy(ValueError("x")))
    original.emit(STARTED)
    copy.deepcopy(original).emit(STARTED)
    assert len(complaints(caplog)) == 2


def test_it_pickles_if_its_listeners_do(caplog: pytest.LogCaptureFixture) -> None:
    thawed = pickle.loads(pickle.dumps(Listeners(log_events)))
    thawed.emit(OPENED)
    assert caplog.messages == [str(OPENED)]
    with pytest.raises(TypeError, match="lock"):
        pickle.dumps(Listeners(Diary().hear))


# -- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("event", "level", "line"), LINES)
def test_each_kind_is_logged_at_its_level(
    event: Event, level: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        Listeners(log_events).emit(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("failover_plugin.events", level, line)


def test_the_log_carries_the_event_itself_for_those_who_write_json(caplog: pytest.LogCaptureFixture) -> None:
    Listeners(log_events).emit(BLOCKED)
    assert caplog.records[0].args == (BLOCKED,)


def test_nobody_knows_when_so_the_log_does_not_say(caplog: pytest.LogCaptureFixture) -> None:
    log_events(Exhausted(at=0.0, request_id=8, errors=("a: disabled",)))
    assert caplog.messages == ["request 8: nobody could answer (a: disabled)"]
