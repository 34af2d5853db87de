"""What is to be told once the lock is released."""

from __future__ import annotations

import pytest
from core.fleets import Stage
from core.occurrences import CLOSED, OPENED
from core.scripted import target

from failover_plugin.events import Event, Listeners
from failover_plugin.news import News


def test_nobody_listens_nobody_need_build_an_event() -> None:
    assert not News(Listeners()).wanted
    assert News(Listeners(print)).wanted


def test_events_are_told_in_order_and_once() -> None:
    heard: list[Event] = []
    news = News(Listeners(heard.append))
    assert not news
    news.add(OPENED)
    news.add(CLOSED)
    assert news
    assert heard == []
    news.tell()
    news.tell()
    assert not news
    assert heard == [OPENED, CLOSED]


def test_those_who_wait_are_woken_first_come_first_and_once() -> None:
    news, woken = News(Listeners()), list[int]()
    for number in range(4):
        news.waiting[lambda number=number: woken.append(number)] = None
    news.room(2)
    assert woken == []
    news.tell()
    assert woken == [0, 1]
    news.room(99)
    news.room(99)
    news.tell()
    assert woken == [0, 1, 2, 3]


def test_a_requests_own_news_does_not_wait_its_turn() -> None:
    heard: list[Event] = []
    news = News(Listeners(heard.append))
    news.add(OPENED)
    news.tell_now(CLOSED)
    assert heard == [CLOSED]


def test_one_who_is_called_wakes_as_well() -> None:
    news, woken = News(Listeners()), list[str]()
    news.call(lambda: woken.append("up"))
    news.tell()
    assert woken == ["up"]


def test_what_a_listener_causes_is_told_too() -> None:
    heard: list[Event] = []

    def again(event: Event) -> None:
        heard.append(event)
        if event is OPENED:
            news.add(CLOSED)

    news = News(Listeners(again))
    news.add(OPENED)
    news.tell()
    assert heard == [OPENED, CLOSED]


def test_in_a_forked_child_there_is_nothing_to_tell() -> None:
    heard: list[object] = []
    news = News(Listeners(heard.append))
    news.add(OPENED)
    news.call(lambda: heard.append("woken"))
    news.waiting[lambda: heard.append("room")] = None
    news.forget()
    news.room(9)
    news.tell()
    assert heard == []


@pytest.mark.parametrize("outcome", ["end", "lose", "leave", "speak"])
def test_nobody_is_told_under_the_lock(outcome: str) -> None:
    stage, free = Stage(target("a", max_parallel=1)), list[bool]()

    def wake() -> None:
        from threading import Thread

        def reach() -> None:
            free.append(stage.health.lock.acquire(timeout=1))
            stage.health.lock.release()

        other = Thread(target=reach)
        other.start()
        other.join()

    for _ in range(3):
        stage.fail("a")
    stage.now += 3
    lease = stage.admit("a")
    stage.health.wait(wake)
    getattr(stage, outcome)(lease)
    assert free in ([True], [])
    assert free or outcome == "lose"
