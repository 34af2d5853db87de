"""Every figure on a history short enough to work out by hand."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from failover_plugin.simulation.figures import METRICS
from failover_plugin.simulation.history import History, Opening, Plight, Served, Tried
from failover_plugin.simulation.metrics import compare, measure, percentile
from failover_plugin.simulation.parts import Goal
from failover_plugin.simulation.verdict import is_met, summary


def served(arrived: float, takes: float = 5.0, first: float = 1.0, *, ok: bool = True, left: bool = False) -> Served:
    """One request, its times counted from its arrival."""
    begins = arrived + first if ok else inf
    return Served(arrived, arrived + 120.0, begins, arrived + takes, ok, left, 1)


def tried(at: float, target: str = "p1", *, ok: bool = True, sick: bool = False, **facts: Any) -> Tried:
    """One call of 4 s, or a failure after 0.5 s."""
    ended = facts.pop("ended", at + (4.0 if ok else 0.5))
    error = None if ok else facts.pop("error", "error")
    return Tried(target, facts.pop("key", "k"), facts.pop("worker", 0), at, ended, ok, sick, error, **facts)


def history(**facts: Any) -> History:
    """100 s, two targets."""
    return History(**{"duration": 100.0, "targets": ("p1", "p2"), **facts})


OUTAGE = (Plight(20.0, 60.0, frozenset({"p1"})),)


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_failed_request_counts_at_its_deadline_not_as_absent() -> None:
    """No survivorship bias: nine quick answers and one that failed at once make a p95 of 120 s, not of 1 s."""
    figures = measure(history(served=[*(served(float(i)) for i in range(9)), served(9.0, takes=0.1, ok=False)]))
    assert figures["ttft_p50"] == 1.0
    assert figures["ttft_p95"] == figures["ttft_p99"] == figures["e2e_p99"] == 120.0
    assert figures["ok"] == figures["slo"] == 90.0


def test_an_answer_after_the_deadline_is_none() -> None:
    late = Served(0.0, 120.0, 1.0, 121.0, ok=True, left=False, attempts=1)
    assert measure(history(served=[late]))["ok"] == 0.0


def test_a_late_first_token_misses_the_slo_and_not_the_answer() -> None:
    figures = measure(history(served=[served(0.0, first=5.0), served(1.0, first=5.1, takes=9.0)]))
    assert (figures["ok"], figures["slo"]) == (100.0, 50.0)


def test_who_left_by_himself_is_nobodys_failure() -> None:
    figures = measure(history(served=[served(0.0), served(1.0, ok=False, left=True)]))
    assert figures["ok"] == 100.0
    assert figures["ttft_p99"] == 1.0


def test_it_is_told_apart_during_and_after_the_fault() -> None:
    requests = [served(10.0), served(30.0, ok=False), served(40.0), served(70.0)]
    figures = measure(history(served=requests, plights=OUTAGE))
    assert (figures["ok"], figures["ok_during"], figures["ok_after"]) == (75.0, 50.0, 100.0)


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(i) for i in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 0.01) == 7.0


def test_waste_and_cost_are_per_request_and_per_delivered_request() -> None:
    calls = [tried(0.0, ok=False), tried(1.0, price=300.0), tried(2.0, price=100.0, left=True, ok=False)]
    figures = measure(history(served=[served(0.0), served(1.0, ok=False)], tried=calls))
    assert figures["waste"] == (3 - 1) / 2
    assert figures["cost"] == 400.0


def test_a_run_without_requests_has_few_figures() -> None:
    assert measure(history()) == {"early_retries": 0.0}


# -- detection --------------------------------------------------------------------------------------------------------


def sick(*moments: float, target: str = "p1") -> list[Tried]:
    return [tried(at, target, ok=False, sick=True) for at in moments]


def test_sick_is_what_was_tried_on_the_sick_for_each_arrival_during_the_fault() -> None:
    requests = [served(float(t)) for t in range(0, 100, 2)]
    figures = measure(history(served=requests, tried=sick(20.0, 21.0, 22.0, 40.0), plights=OUTAGE))
    assert figures["sick"] == 100.0 * 4 / 20


def test_time_to_detect_is_when_ten_seconds_see_few_attempts() -> None:
    """One a second before the fault allows 1.5 in ten seconds: so many follow just after 22, or just after 23."""
    before = [tried(float(t)) for t in range(20)]
    figures = measure(history(tried=[*before, *sick(20.0, 21.0, 22.0, 23.0, 32.0)], plights=OUTAGE))
    assert figures["ttd"] == 2.0
    assert figures["requests_to_detect"] == 2.0
    figures = measure(history(tried=[*before, *sick(20.0, 21.0, 22.0, 23.0, 31.0, 45.0)], plights=OUTAGE))
    assert figures["ttd"] == 3.0


def test_who_never_leaves_never_detects() -> None:
    always = [tried(float(t), sick=t >= 20) for t in range(60)]
    assert measure(history(tried=always, plights=OUTAGE))["ttd"] == inf


def test_asked_before_the_time_it_named() -> None:
    told = tried(30.0, ok=False, error="429", retry_at=50.0)
    calls = [told, tried(30.2), tried(40.0), tried(40.0, worker=1), tried(41.0, "p2"), tried(50.0)]
    assert measure(history(tried=calls))["early_retries"] == 1.0  # 30.2 was under way, the others may


def test_probes_of_a_dead_key_are_counted_by_the_minute() -> None:
    dead = [tried(t, ok=False, sick=True, error="auth", key="k1") for t in (20.0, 80.0, 81.0, 140.0)]
    long = (Plight(20.0, 200.5, frozenset({"p1"})),)
    assert measure(history(duration=300.0, tried=dead, plights=long))["key_probes"] == 3 / 3
    assert "key_probes" not in measure(history(tried=sick(20.0), plights=OUTAGE))


# -- recovery ---------------------------------------------------------------------------------------------------------


def test_time_to_recover_is_to_the_first_success_and_to_the_share() -> None:
    """p1 has half of the traffic before; after 60 it gets one call in ten from 62 on, and half from 70 on."""
    times = [t / 2 for t in range(200)]
    shares = {t: "p1" if (t < 20 or t >= 70) and int(t * 2) % 2 else "p2" for t in times}
    shares[62.0] = "p1"
    figures = measure(history(tried=[tried(t, shares[t]) for t in times], plights=OUTAGE))
    assert figures["ttr_first"] == 6.0
    assert figures["ttr_share"] == 4.0  # [64, 84) has 14 of 40: 70 % of a half


def test_a_target_that_never_comes_back_never_recovers() -> None:
    calls = [*(tried(t / 2, ("p1", "p2")[t % 2]) for t in range(40)), *(tried(t / 2, "p2") for t in range(40, 200))]
    figures = measure(history(tried=calls, plights=OUTAGE))
    assert (figures["ttr_first"], figures["ttr_share"]) == (inf, inf)


def test_a_target_hardly_used_before_says_nothing() -> None:
    assert "ttr_first" not in measure(history(tried=[tried(float(t), "p2") for t in range(100)], plights=OUTAGE))


def test_the_fleet_is_back_when_arrivals_succeed_soon() -> None:
    everything = (Plight(20.0, 60.0, frozenset({"p1", "p2"})),)
    requests = [served(float(t), ok=t < 20 or t >= 65) for t in range(100)]
    assert measure(history(served=requests, plights=everything))["ttr_fleet"] == 4.5
    assert "ttr_fleet" not in measure(history(served=requests, plights=OUTAGE))
    never = [served(float(t), ok=t < 20) for t in range(100)]
    assert measure(history(served=never, plights=everything))["ttr_fleet"] == inf


def test_a_fault_that_stays_has_no_recovery() -> None:
    stays = (Plight(20.0, 100.0, frozenset({"p1", "p2"})),)
    figures = measure(history(served=[served(1.0)], tried=[tried(1.0)], plights=stays))
    assert not [name for name in figures if name.startswith("ttr")]


# -- breakers ---------------------------------------------------------------------------------------------------------


def test_failures_to_open_are_those_it_knew() -> None:
    calls = [*sick(20.0, 20.2, 20.4, 20.6), tried(20.1, sick=True), tried(15.0)]
    openings = [Opening(20.95, "p1", 0, 2.0), Opening(24.0, "p1", 0, 4.0), Opening(30.0, "p1", 0, 16.0)]
    figures = measure(history(tried=calls, openings=openings, plights=OUTAGE))
    assert figures["failures_to_open"] == 3.0
    assert figures["requests_to_open"] == 3.0
    assert figures["backoff_growth"] == 8.0
    assert (figures["opens"], figures["false_opens"], figures["alerts"]) == (3.0, 0.0, 0.0)


def test_an_opening_without_a_cause_is_false() -> None:
    calls = [tried(float(t)) for t in range(100)]
    openings = [Opening(10.0, "p1", 0, 2.0), Opening(30.0, "p2", 0, 2.0), Opening(89.0, "p1", 0, 2.0)]
    figures = measure(history(tried=calls, openings=openings, plights=OUTAGE))
    assert figures["false_opens"] == 10_000 * 2 / 100  # the last is a consequence of the fault that ended at 60
    uplink = (Plight(20.0, 60.0, frozenset({"p1", "p2"}), worker=1),)
    of_workers = [Opening(30.0, "p1", 1, 2.0), Opening(30.0, "p1", 0, 2.0)]
    assert measure(history(tried=calls, openings=of_workers, plights=uplink))["false_opens"] == 100.0


def test_who_tells_nothing_has_no_such_figures() -> None:
    assert not {"opens", "false_opens", "leaked"} & set(measure(history(served=[served(0.0)])))
    assert measure(history(leaked=2))["leaked"] == 2.0


# -- beside the oracle, and over the seeds ----------------------------------------------------------------------------


def test_ratios_are_to_the_oracle_of_the_same_seed() -> None:
    both = compare({"cost": 220.0, "ttft_p99": 3.0, "slo": 90.0}, {"cost": 200.0, "ttft_p99": 2.0, "slo": 99.0})
    assert both["cost_ratio"] == pytest.approx(1.1)
    assert both["ttft_p99_ratio"] == 1.5
    assert both["slo_gap"] == 9.0
    assert "e2e_p99_ratio" not in both


def test_the_worst_is_the_worst_whichever_way_is_better() -> None:
    runs = ({"ok": 99.0, "ttd": 2.0}, {"ok": 100.0, "ttd": inf}, {"ok": 98.0, "ttd": 1.0})
    ok, ttd = summary("ok", runs), summary("ttd", runs)
    assert ok is not None
    assert (ok.median, ok.mean, ok.worst) == (99.0, 99.0, 98.0)
    assert ttd is not None
    assert (ttd.median, ttd.mean, ttd.worst) == (2.0, inf, inf)
    assert summary("waste", runs) is None


def test_a_goal_is_met_or_missed() -> None:
    runs = ({"ok": 99.0}, {"ok": 100.0}, {"ok": 98.0})
    assert is_met(Goal(metric="ok", min=99.0), runs)
    assert not is_met(Goal(metric="ok", min=99.0, over="worst"), runs)
    assert is_met(Goal(metric="ok", max=99.0, over="mean"), runs)
    assert not is_met(Goal(metric="ttd", max=5.0), runs), "a figure that is not there reaches nothing"


def test_every_figure_can_be_shown() -> None:
    run = history(served=[served(30.0)], tried=[tried(30.0)], openings=[], leaked=0, plights=OUTAGE)
    assert set(compare(measure(run), measure(run))) <= set(METRICS)
