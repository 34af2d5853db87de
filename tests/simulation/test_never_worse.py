"""Scenarios in which nothing is wrong with a provider, or not with all: whoever asks is at fault, or in need."""

from __future__ import annotations

from typing import Any

import pytest
from simulation.staged import calls, outcomes, run, scenario

from failover_plugin import ConfigError
from failover_plugin.model import ErrorClass
from failover_plugin.simulation import find_scenario, simulate
from failover_plugin.simulation.fleet import targets_of
from failover_plugin.simulation.history import History
from failover_plugin.simulation.ours import ours
from failover_plugin.simulation.run import play

STALLS = [{"t": 20, "seconds": 12, "worker": 0}, {"t": 35, "seconds": 2, "every": 10}]


def of_ours(**fields: Any) -> History:
    return play(scenario(**{"fleet": "solo", **fields}), ours(), 3)


# -- a process that stands still ------------------------------------------------------------------------------------


def test_who_asks_a_process_that_stands_still_waits_until_it_goes_on() -> None:
    history = run(scenario(load={"stalls": [{"t": 20, "seconds": 5}]}), "p1")
    assert all(s.in_time for s in history.served)
    assert not [t for t in history.tried if 20 < t.started < 25]
    assert len([t for t in history.tried if t.started == 25]) == len(
        [s for s in history.served if 20 <= s.arrived < 25]
    )
    assert not [s for s in history.served if 20 < s.ended < 25]
    assert len([s for s in history.served if s.ended == 25]) > 5, "what came meanwhile is read when it goes on"


def test_only_the_worker_that_is_meant_stands_still() -> None:
    history = run(scenario(load={"workers": 2, "stalls": [{"t": 20, "seconds": 5, "worker": 1}]}), "p1")
    assert {t.worker for t in history.tried if 20 < t.started < 25} == {0}


def test_our_own_standstill_costs_no_second_call_and_opens_nothing() -> None:
    history = of_ours(load={"workers": 2, "stalls": STALLS})
    assert all(s.in_time and s.attempts == 1 for s in history.served)
    assert {t.target for t in history.tried} == {"p1"}
    assert not history.openings
    assert history.leaked == 0


def test_a_hang_is_left_all_the_same() -> None:
    fault = {"kind": "hang", "t0": 15, "match": {"name": "p1"}}
    history = of_ours(load={"workers": 2, "stalls": STALLS}, faults=[fault])
    assert all(s.in_time for s in history.served)
    assert history.openings


# -- a burst, bugs, and what a target lacks -------------------------------------------------------------------------


def test_a_burst_comes_on_top_of_the_load() -> None:
    usual, more = run(scenario(), "p1"), run(scenario(load={"bursts": [{"t": 30, "count": 500}]}), "p1")
    assert len(more.served) == len(usual.served) + 500
    assert len([s for s in more.served if s.arrived == 30]) == 500


def test_a_thousand_at_the_start_of_an_outage_are_all_served() -> None:
    fault = {"kind": "error", "t0": 30, "t1": 50, "match": {"name": "p1"}}
    history = of_ours(load={"bursts": [{"t": 30, "count": 1000}]}, faults=[fault])
    assert all(s.in_time for s in history.served)
    assert max(s.attempts for s in history.served) <= 3


def test_a_bug_of_the_callers_is_raised_at_once_and_never_sent() -> None:
    what = scenario(load={"bugs": 0.1})
    heard, history = outcomes(what, "p1"), run(what, "p1")
    buggy = [o for o in heard if not o.ok]
    assert 0.05 < len(buggy) / len(heard) < 0.15
    assert {(o.error, o.latency) for o in buggy} == {("bug", 0.0)}
    assert {t.error for t in history.tried} == {None}


def test_bugs_of_the_callers_are_evidence_against_nobody() -> None:
    history = of_ours(load={"bugs": 0.5})
    assert not history.openings
    assert {t.target for t in history.tried} == {"p1"}, "nothing is moved to the fallback for them"
    assert len(history.tried) == sum(s.in_time for s in history.served)


def test_what_a_target_lacks_and_nobody_was_told_is_refused_there() -> None:
    what = scenario(lacks={"p1": ["images"]}, load={"needs": {"images": 0.3}})
    refused = [o for o in outcomes(what, "p1", "p2") if not o.ok]
    assert {o.error_class for o in refused} == {ErrorClass.UNSUPPORTED}
    assert {t.error for t in calls(run(what, "p1", "p2"), "p2")} == {None}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lacks": {"p9": ["images"]}}, r"lacks.p9: there is no such target"),
        ({"load": {"stalls": [{"t": 5, "seconds": 1, "worker": 1}]}}, r"stalls.0.worker = 1: there are 1 workers"),
        ({"load": {"stalls": [{"t": 5, "seconds": 3, "every": 2}]}}, r"every = 2 is no more than seconds = 3"),
        ({"load": {"bursts": [{"t": 5, "count": 0}]}}, r"bursts.0.count = 0"),
        ({"load": {"bugs": 2}}, r"load.bugs = 2"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        targets_of(scenario(**fields))


# -- beside the incumbent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stalls", "burst", "bugs", "images", "in_turn"])
def test_no_less_is_served_than_with_fallbacks(name: str) -> None:
    """In the run of the same seed, and of a seed that is not the catalogue's."""
    found = simulate([find_scenario(name).having(seed=77)], seeds=1, policies=["failover", "with_fallbacks"])[0]
    assert found.figures["failover"][0]["ok_lead"] >= 0
    assert found.figures["with_fallbacks"][0]["ok_lead"] == 0
