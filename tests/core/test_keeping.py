"""Keeping to one target: the strategy ``sticky``, turning by hand, and requests that go nowhere else until told to."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from core.scripted import broken, target, tier

from failover_plugin import AllTargetsFailed, Failover, Policy, Request, Target
from failover_plugin.testing import FakeClock, Script


def keeping(clock: FakeClock, *targets: Target, **policy: Any) -> Failover:
    settings: dict[str, Any] = {"strategy": "sticky", "same_target_retries": 0} | policy
    return Failover(targets or tier(3), Policy(**settings), clock=clock, rng=Random(1))


def asked(fo: Failover, request: Request | None = None) -> str:
    permit = fo.acquire(request)
    assert permit is not None
    permit.success()
    return permit.target.id


def current(fo: Failover) -> str | None:
    now = fo.current()
    return now and now.id


def test_a_new_fleet_keeps_to_the_first() -> None:
    fo = keeping(FakeClock())
    assert current(fo) == "a"
    assert [asked(fo) for _ in range(3)] == ["a", "a", "a"]


def test_the_present_target_fails_then_everybody_keeps_to_the_next_even_when_it_is_back() -> None:
    clock = FakeClock()
    fo = keeping(clock)
    fo.force_open("a", 30)
    assert [asked(fo), asked(fo)] == ["b", "b"]
    clock.advance(31)
    assert asked(fo) == "a", "one request tests it"
    assert [asked(fo), asked(fo)] == ["b", "b"], "but a test is not a move"


def test_a_test_is_not_a_turn_of_the_round_either() -> None:
    clock = FakeClock()
    fo = keeping(clock, strategy="round_robin")
    assert asked(fo) == "a"
    fo.force_open("a", 1)
    clock.advance(2)
    assert asked(fo) == "a", "the test"
    assert [asked(fo) for _ in range(4)] == ["b", "c", "a", "b"]


@pytest.mark.parametrize("strategy", ["sticky", "round_robin"])
def test_rotating_by_hand_goes_on_to_the_next_and_round(strategy: str) -> None:
    fo = keeping(FakeClock(), strategy=strategy)
    turned = [fo.rotate() for _ in range(4)]
    assert [t and t.id for t in turned] == ["b", "c", "a", "b"]
    assert asked(fo) == "b"


def test_rotating_skips_who_cannot_be_asked() -> None:
    fo = keeping(FakeClock())
    fo.disable("b")
    fo.rotate()
    assert current(fo) == "c"


def test_a_target_due_for_a_test_is_not_the_one_that_is_rotated_away_from() -> None:
    clock = FakeClock()
    fo = keeping(clock)
    fo.force_open("a", 30)
    assert asked(fo) == "b"
    clock.advance(31)
    assert current(fo) == "a", "to be tested by the next request"
    fo.rotate()
    assert [asked(fo), asked(fo)] == ["a", "c"]


def test_without_rotation_by_itself_a_failing_target_keeps_its_requests_until_somebody_rotates() -> None:
    clock = FakeClock()
    fo = keeping(clock, auto_rotate=False, patience=0, last_resort="off")
    script = Script(clock, {"a": [broken()], "b": ["hi"], "c": ["hi"]})
    for _ in range(4):
        with pytest.raises(AllTargetsFailed):
            fo.run(script.call)
    assert script.asked == ["a", "a", "a"], "the fourth was refused: it is open"
    assert current(fo) is None
    fo.rotate()
    assert current(fo) == "b"
    clock.advance(60)
    assert fo.run(script.call).target.id == "b", "nor does anybody go back to test it"


def test_without_rotation_by_itself_a_request_still_goes_to_nobody_it_excludes() -> None:
    fo = keeping(FakeClock(), target("a", tags=frozenset({"us"})), target("b"), auto_rotate=False)
    assert fo.acquire(Request(forbid_tags=frozenset({"us"}))) is None
    assert fo.acquire(Request(forbid_tags=frozenset({"eu"}))) is not None


def test_when_nobody_is_well_the_present_target_is_the_last_resort_if_there_is_one() -> None:
    for last_resort, present, order in (("off", None, ()), ("earliest", "b", ("b", "a"))):
        fo = keeping(FakeClock(), last_resort=last_resort, patience=0)
        for target_id, seconds in (("a", 60), ("b", 20), ("c", 40)):
            fo.force_open(target_id, seconds)
        fo.disable("c")
        assert current(fo) == present
        assert fo.explain().order == order
        permit = fo.acquire()
        assert (permit and permit.target.id) == present


def test_the_last_resort_of_a_fleet_that_keeps_to_one_target_is_that_one() -> None:
    fo = keeping(FakeClock(), auto_rotate=False, last_resort="earliest", patience=0)
    fo.force_open("a", 60)
    assert current(fo) == asked(fo) == "a"
    fo.rotate()
    assert current(fo) == "b"


def test_a_reset_goes_back_to_the_first() -> None:
    fo = keeping(FakeClock(), auto_rotate=False)
    fo.rotate()
    assert asked(fo) == "b"
    fo.reset()
    assert asked(fo) == "a"
