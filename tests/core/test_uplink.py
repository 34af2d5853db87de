"""Is it them or is it us?"""

from __future__ import annotations

from core.fleets import Stage
from core.scripted import target, tier

from failover_plugin.uplink import Uplink


def test_one_server_that_cannot_be_reached_is_its_own_trouble() -> None:
    uplink, a = Uplink(), target("a")
    assert not any(uplink.broken(a, now) for now in (0.0, 0.1, 0.2))


def test_two_at_the_same_time_are_ours() -> None:
    uplink = Uplink()
    assert not uplink.broken(target("a"), 0.0)
    assert uplink.broken(target("b"), 1.9)
    assert uplink.broken(target("a"), 1.9)


def test_two_one_after_the_other_are_theirs() -> None:
    uplink = Uplink()
    uplink.broken(target("a"), 0.0)
    assert not uplink.broken(target("b"), 2.0)


def test_something_heard_in_between_says_that_the_way_is_open() -> None:
    uplink = Uplink()
    uplink.broken(target("a"), 0.0)
    uplink.worked(0.5)
    assert not uplink.broken(target("b"), 1.0)
    assert uplink.broken(target("a"), 1.5)


def test_an_answer_to_an_older_call_takes_nothing_back() -> None:
    uplink = Uplink()
    uplink.broken(target("a"), 1.0)
    uplink.worked(1.2)
    uplink.worked(0.5)
    assert not uplink.broken(target("b"), 1.5)


def test_offline_while_older_calls_are_still_answered_condemns_nobody() -> None:
    stage = Stage(*tier(3))
    older = [stage.admit("c") for _ in range(4)]
    stage.now += 0.5
    for lease in older:
        stage.fail("a", "network")
        stage.fail("b", "network")
        stage.speak(lease)
        stage.end(lease)
        stage.now += 0.1
    assert stage.usable() == "abc"
    assert all(line.state == "closed" for line in stage.health.report(stage.now).targets)


def test_two_targets_of_one_server_are_one() -> None:
    uplink = Uplink()
    facts = {"endpoint": "https://one.example"}
    uplink.broken(target("a", **facts), 0.0)
    assert not uplink.broken(target("b", **facts), 0.0)
    assert uplink.broken(target("c", endpoint="https://two.example"), 0.0)


def test_a_process_that_loses_its_network_condemns_nobody_and_comes_back_at_once() -> None:
    stage = Stage(*tier(3))
    for _ in range(5):
        for each in "abc":
            stage.fail(each, "network")
        stage.now += 0.1
    assert stage.usable() == "abc"
    stage.now += 60
    assert stage.asks(3, affinity="s") != "---"
    assert all(line.state == "closed" for line in stage.health.report(stage.now).targets)


def test_a_server_that_dies_alone_is_left_alone() -> None:
    stage = Stage(*tier(3))
    stage.succeed("b")
    stage.trip("a", "network")
    assert stage.usable() == "bc"


def test_a_probe_that_finds_our_own_network_down_makes_room_for_the_next() -> None:
    stage = Stage(*tier(2))
    stage.trip("a")
    stage.now += 3
    probe = stage.admit("a")
    stage.fail("b", "network")
    stage.lose(probe, "network")
    assert stage.line("a").state == "half_open"
    assert stage.usable() == "ab"
