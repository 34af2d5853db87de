"""A key that is dead, or out of money, is left alone for as long as it said, and yet looked at: one request a minute
sees whether it is good again, and goes on elsewhere if it is not.
"""

from __future__ import annotations

from random import Random

import pytest
from core.scripted import ProviderError, World, broken, chain, rate_limited, target, unauthorized

from failover_plugin import Failover, Policy, Target
from failover_plugin.errors import AllTargetsFailed
from failover_plugin.events import KeyBlocked
from failover_plugin.testing import FakeClock

HOUR = 3600.0


def world(*targets: object, **policy: object) -> World:
    return World(targets or chain(2), Policy(**({"strategy": "sequential"} | policy)))  # type: ignore[arg-type]


def empty() -> ProviderError:
    """The month's quota, which will be there again in an hour."""
    return ProviderError(429, "pay first", code="insufficient_quota", retry_after=HOUR)


def shut(fleet: World, error: BaseException) -> World:
    fleet.request().asks("a").fails(error).asks("b").succeeds()
    return fleet


def test_the_quota_is_reset_before_it_said_and_the_primary_is_back_within_a_minute() -> None:
    fleet = shut(world(), empty())
    fleet.clock.advance(59)
    fleet.request().asks("b").succeeds()
    fleet.clock.advance(1)
    fleet.request().asks("a").succeeds()
    assert fleet.line("a").state == "closed"
    fleet.request().asks("a")


def test_as_long_as_it_is_empty_one_request_a_minute_looks_and_is_served_elsewhere() -> None:
    fleet = shut(world(), empty())
    asked = 0
    for _ in range(600):
        fleet.clock.advance(1)
        story = fleet.request()
        if story.starts().target.id == "a":
            story.fails(empty()).asks("b")
            asked += 1
        story.succeeds()
    assert asked == 10
    assert fleet.line("a").state == "open"
    assert fleet.line("a").returns_in == pytest.approx(HOUR - 600), "it is still believed"


def test_while_one_request_looks_the_others_go_elsewhere() -> None:
    fleet = shut(world(), empty())
    fleet.clock.advance(60)
    looking = fleet.request().asks("a")
    for _ in range(5):
        fleet.request().asks("b").succeeds()
    fleet.clock.advance(70)
    fleet.request().asks("b").succeeds()
    looking.fails(empty()).asks("b")


def test_a_look_that_is_slow_to_answer_is_given_a_backup_at_once_for_nothing() -> None:
    fleet = shut(world(), empty())
    fleet.clock.advance(60)
    looking = fleet.request().asks("a")
    backup = looking.backs_up(after=30)
    assert backup is not None
    assert backup.target.id == "b"


def test_one_look_for_all_that_share_a_key() -> None:
    fleet = world(target("a", credential="k"), target("b", 1, credential="k"), target("c", 2))
    fleet.request().asks("a").fails(unauthorized()).asks("c").succeeds()
    fleet.clock.advance(100)
    looking = fleet.request().asks("a")
    fleet.request().asks("c").succeeds()
    looking.fails(unauthorized()).asks("c").succeeds()
    fleet.request().asks("c")


@pytest.mark.parametrize("looks", [broken(), ConnectionRefusedError("nobody home")], ids=["500", "refused"])
def test_a_look_that_fails_otherwise_tells_nothing_of_the_key(looks: BaseException) -> None:
    fleet = shut(world(), empty())
    fleet.clock.advance(60)
    fleet.request().asks("a").fails(looks).asks("b").succeeds()
    assert fleet.line("a").returns_in == pytest.approx(HOUR - 60)
    fleet.clock.advance(59)
    fleet.request().asks("b").succeeds()
    fleet.clock.advance(1)
    fleet.request().asks("a").succeeds()
    fleet.request().asks("a")


def test_a_look_that_the_caller_leaves_tells_nothing() -> None:
    fleet = shut(world(), empty())
    fleet.clock.advance(60)
    fleet.request().asks("a").leaves()
    assert fleet.line("a").returns_in == pytest.approx(HOUR - 60)
    fleet.request().asks("b")


def test_a_rate_limits_retry_after_is_kept_to() -> None:
    fleet = shut(world(), rate_limited(600))
    for _ in range(59):
        fleet.clock.advance(10)
        fleet.request().asks("b").succeeds()


def test_a_missing_model_is_not_looked_at() -> None:
    fleet = shut(world(), ProviderError(404, "no such model", code="model_not_found"))
    for _ in range(40):
        fleet.clock.advance(10)
        fleet.request().asks("b").succeeds()


def test_what_was_opened_by_hand_is_not_looked_at() -> None:
    fleet = shut(world(), empty())
    fleet.failover.force_open("a", 1000)
    fleet.clock.advance(100)
    fleet.request().asks("b")


def test_where_the_end_is_near_nobody_looks_just_before() -> None:
    """The first block of a dead key is over after a minute or so: that is look enough."""
    for seed in range(20):
        fleet = World(chain(2), Policy(strategy="sequential"), seed=seed)
        shut(fleet, unauthorized())
        first: list[float] = []
        while len(first) < 2:
            fleet.clock.advance(1)
            story = fleet.request()
            if story.starts().target.id == "a":
                first.append(fleet.clock.now)
                story.fails(unauthorized()).asks("b")
            story.succeeds()
        assert first[1] - first[0] >= 59


def test_nobody_looks_if_the_policy_says_so() -> None:
    fleet = shut(world(breaker={"block_look": None}), empty())
    fleet.clock.advance(3000)
    fleet.request().asks("b")


def test_with_nobody_else_an_empty_account_is_asked_as_before() -> None:
    fleet = world(*chain(1), patience=0)
    fleet.request().asks("a").fails(empty()).gives_up()
    fleet.clock.advance(0.5)
    assert isinstance(fleet.request().gives_up(), AllTargetsFailed), "its word stands for a second"
    fleet.clock.advance(1)
    fleet.request().asks("a").succeeds()


def test_a_look_that_fails_is_no_news() -> None:
    news: list[object] = []
    clock = FakeClock()
    failover = Failover(chain(2), Policy(strategy="sequential"), clock=clock, rng=Random(0), on_event=news.append)
    asked: list[str] = []

    def call(target: Target) -> str:
        asked.append(target.id)
        if target.id == "a":
            raise empty()
        return "hello"

    for _ in range(4):
        failover.run(call)
        clock.advance(60)
    assert asked == ["a", "b"] * 4
    assert sum(isinstance(one, KeyBlocked) for one in news) == 1
