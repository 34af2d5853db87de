"""The real flow in virtual time: stories of single faults, told by what was called when."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pytest
from simulation.staged import calls, scenario

from failover_plugin import Policy
from failover_plugin.simulation.history import History
from failover_plugin.simulation.metrics import measure
from failover_plugin.simulation.ours import ours
from failover_plugin.simulation.run import play


def run(*faults: dict[str, Any], policy: Policy | None = None, **fields: Any) -> History:
    """Two minutes of ours."""
    load = {"T": 120.0, **fields.pop("load", {})}
    return play(scenario(faults=faults, load=load, **fields), ours(policy), 3)


def test_the_primary_dies_is_left_after_a_few_failures_probed_and_returned_to() -> None:
    history = run({"kind": "error", "t0": 30, "t1": 60, "match": {"name": "p1"}}, fleet="solo")
    assert all(s.in_time for s in history.served)
    opened = [o for o in history.openings or () if o.target == "p1"]
    assert 30 < opened[0].at < 32
    assert opened[0].lasts < opened[1].lasts < opened[-1].lasts <= 15.0  # doubling, up to the cap and its jitter
    probes = [t.started for t in calls(history) if opened[0].at < t.started < 60]
    assert 1 <= len(probes) <= 2 * len(opened)
    assert fmean(t.target == "p1" for t in history.tried if t.started > 100) > 0.9


def test_a_silent_primary_costs_its_callers_a_backup_and_no_timeout() -> None:
    history = run({"kind": "hang", "t0": 60, "match": {"name": "p1"}}, fleet="solo")
    assert all(s.in_time for s in history.served)
    assert max(s.first - s.arrived for s in history.served) < 6.0
    abandoned = [t for t in calls(history) if t.sick and t.left]
    assert abandoned
    assert all(t.first == float("inf") for t in abandoned)


def test_a_stream_that_breaks_goes_on_where_it_broke() -> None:
    policy = Policy(stream_failover="resume", idle_timeout=5)
    fault = {"kind": "mid", "t0": 30, "t1": 60, "match": {"name": "p1"}}
    history = run(fault, policy=policy, capabilities=["prefill"])
    assert all(s.in_time for s in history.served)
    assert {s.attempts for s in history.served} >= {1, 2}
    resumed = [t.ended - t.first for t in history.tried if t.ok and t.ended - t.first < 0.95 * 200 * 0.0155]
    assert len(resumed) >= len([t for t in calls(history) if t.error == "mid"])


def test_a_stream_that_falls_silent_is_noticed_after_the_idle_timeout() -> None:
    policy = Policy(stream_failover="resume", idle_timeout=5)
    fault = {"kind": "stall", "t0": 30, "t1": 60, "match": {"name": "p1"}}
    history = run(fault, policy=policy, capabilities=["prefill"])
    assert all(s.in_time for s in history.served)
    silent = [t for t in calls(history) if t.error == "stall"]
    assert silent
    assert all(5.0 + 0.1 * 3.1 <= t.ended - t.first + 0.02 <= 5.0 + 0.9 * 3.1 + 0.1 for t in silent)


def test_without_resumption_it_is_lost() -> None:
    history = run({"kind": "mid", "t0": 30, "match": {"name": "p1"}}, policy=Policy(strategy="sequential"))
    lost = [s for s in history.served if not s.ok]
    assert lost
    assert all(s.first < s.ended for s in lost)


def test_callers_who_leave_are_evidence_against_nobody_and_leak_nothing() -> None:
    history = run(load={"leaving": {"t0": 20, "t1": 100, "p": 0.8, "within": 1.0}, "workers": 2})
    assert sum(s.left for s in history.served) > 400
    assert history.openings == []
    assert history.leaked == 0


def test_a_request_that_nobody_answers_ends_at_its_deadline_or_before() -> None:
    history = run({"kind": "hang", "t0": 20, "t1": 60}, load={"deadline": 15, "rate": 2})
    assert any(not s.ok for s in history.served)
    assert all(s.ended <= s.deadline + 1e-9 for s in history.served)
    assert history.leaked == 0


def test_when_all_are_down_few_calls_are_made_and_service_is_back_soon() -> None:
    history = run({"kind": "error", "t0": 30, "t1": 60}, load={"workers": 4})
    during = [s for s in history.served if 35 < s.arrived < 60]
    assert len([t for t in history.tried if t.sick and t.started > 35]) <= 4 * len(during)  # each target once
    assert measure(history)["ttr_fleet"] <= 10.0


def test_a_rotated_key_is_used_at_once() -> None:
    fault = {"kind": "auth", "t0": 30, "match": {"key": "k1"}}
    history = run(fault, fleet="keyed", rotations=[{"t": 60, "key": "k1", "to": "k3"}])
    assert {key for _, key in history.blocked} == {"k1"}
    assert not [t for t in history.tried if t.key == "k1" and 35 < t.started < 60]
    assert [t for t in history.tried if t.target in ("a1", "a2") and t.ok and 60 < t.started < 65]


def test_each_worker_learns_for_itself() -> None:
    history = run({"kind": "refuse", "t0": 20, "t1": 80, "match": {"worker": 1}}, load={"workers": 3})
    assert {s.worker for s in history.served if not s.ok} == {1}
    assert {o.worker for o in history.openings or ()} <= {1}


def test_needs_and_sizes_are_told_to_the_flow() -> None:
    """A request that p1 cannot serve never goes there: nothing is refused."""
    targets = [
        {"id": "p1", "provider": "openai", "model": "m", "capabilities": ["vision"], "context_window": 16_000},
        {
            "id": "p2",
            "provider": "openai",
            "model": "n",
            "capabilities": ["tools"],
            "tier": 1,
            "context_window": 64_000,
        },
    ]
    history = run(targets=targets, load={"needs": {"tools": 0.3}, "long": [0.1, 20_000], "prompt": 800})
    assert {t.error for t in history.tried} == {None}
    assert {t.target for t in history.tried} == {"p1", "p2"}


def test_the_policy_of_the_scenario_is_the_policy_unless_one_is_given() -> None:
    few = run({"kind": "error"}, policy=Policy(max_attempts=1), load={"T": 5})
    assert {s.attempts for s in few.served} <= {0, 1}
    same = play(scenario(faults=[{"kind": "error"}], load={"T": 5}, policy={"max_attempts": 1}), ours(), 3)
    assert same.served == few.served


@pytest.mark.parametrize("kind", ["error", "hang", "slow"])
def test_the_same_seed_leads_to_the_same_history(kind: str) -> None:
    fault = {"kind": kind, "x": 10, "t0": 20, "t1": 60, "match": {"name": "p1"}}
    first, second = (run(fault, load={"workers": 2}) for _ in range(2))
    assert first.served == second.served
    assert first.tried == second.tried
    assert first.openings == second.openings
