"""Each kind of fault does what it says, servers are as fast as they are said to be, and full ones slow down."""

from __future__ import annotations

from math import exp
from statistics import fmean, median
from typing import Any

import pytest
from simulation.staged import calls, outcomes, run, scenario

from failover_plugin.model import ErrorClass
from failover_plugin.simulation.fleet import FLEETS
from failover_plugin.simulation.protocol import Outcome
from failover_plugin.simulation.server import PREFILL, Server


def under(kind: str, **fault: Any) -> list[Outcome]:
    """What p1 answers under such a fault, asked by a client that waits 8 s."""
    return outcomes(scenario(faults=[{"kind": kind, **fault}]), "p1", timeout=8.0)


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error_class", "low", "high"),
    [
        ("error", ErrorClass.SERVER_ERROR, 0.1, 0.5),
        ("429", ErrorClass.RATE_LIMIT, 0.05, 0.2),
        ("quota", ErrorClass.QUOTA_EXHAUSTED, 0.05, 0.2),
        ("auth", ErrorClass.AUTH, 0.05, 0.2),
        ("refuse", ErrorClass.NETWORK, 0.002, 0.01),
        ("empty", ErrorClass.STREAM_INTERRUPTED, 0.3, 1.0),
        ("error_body", ErrorClass.SERVER_ERROR, 0.3, 1.0),
        ("hang", ErrorClass.TIMEOUT, 8.0, 8.0),
    ],
)
def test_a_refusal_comes_in_its_time_and_is_judged_as_what_it_is(
    kind: str, error_class: ErrorClass, low: float, high: float
) -> None:
    heard = under(kind)
    assert len(heard) > 400
    assert {(o.ok, o.first, o.error_class) for o in heard} == {(False, False, error_class)}
    assert all(low <= o.latency + 1e-9 and o.latency <= high + 1e-9 for o in heard)


@pytest.mark.parametrize(("kind", "error"), [("mid", "mid"), ("truncated", "truncated"), ("stall", "stall")])
def test_a_stream_breaks_between_a_tenth_and_nine_tenths(kind: str, error: str) -> None:
    heard = under(kind)
    assert {(o.ok, o.first, o.error) for o in heard} == {(False, True, error)}
    assert {o.error_class for o in heard} == {ErrorClass.STREAM_INTERRUPTED}
    whole = 200 * 0.0155
    silence = 8.0 if kind == "stall" else 0.0
    shares = [(o.latency - (o.ttft or 0.0) - silence) / whole for o in heard]
    assert 0.1 <= min(shares) < 0.15
    assert 0.85 < max(shares) <= 0.9


def test_only_so_many_calls_are_struck() -> None:
    heard = under("error", p=0.3)
    assert 0.25 < fmean(not o.ok for o in heard) < 0.35


def test_a_fault_has_a_beginning_and_an_end() -> None:
    history = run(scenario(faults=[{"kind": "error", "t0": 20, "t1": 40}]), "p1")
    assert {t.sick for t in history.tried if t.error} == {True}
    assert {t.ok for t in calls(history) if not 20 <= t.started < 40} == {True}
    assert {t.ok for t in calls(history) if 20 <= t.started < 40} == {False}


def test_a_flapping_fault_comes_and_goes() -> None:
    history = run(scenario(faults=[{"kind": "error", "t0": 10, "on": 5, "off": 5}]), "p1")
    struck = {int(t.started) // 5 for t in history.tried if t.error}
    assert struck == {2, 4, 6, 8, 10}


def test_a_fault_strikes_whom_it_names() -> None:
    fault = {"kind": "error", "match": {"region": "us", "tier": 0}}
    history = run(scenario(faults=[fault]), "p1", "q1", "f1")
    assert {t.target for t in history.tried if t.error} == {"p1", "q1"}
    by_key = run(scenario(fleet="keyed", faults=[{"kind": "auth", "match": {"key": "k1"}}]), "a1", "a2", "b1")
    assert {t.target for t in by_key.tried if t.error == "auth"} == {"a1", "a2"}


def test_a_broken_uplink_is_its_workers_own_and_makes_nobody_sick() -> None:
    fault = {"kind": "refuse", "match": {"worker": 1}}
    history = run(scenario(faults=[fault], load={"workers": 3}), "p1", "p2")
    assert {t.worker for t in history.tried if t.error} == {1}
    assert {t.error for t in history.tried if t.worker == 1} == {"refuse"}
    assert not any(t.sick for t in history.tried)


def test_slow_means_slow_to_begin_and_slow_to_go_on() -> None:
    usual, slow = outcomes(scenario(), "p1"), outcomes(scenario(faults=[{"kind": "slow", "x": 3}]), "p1")
    assert median(o.ttft or 0 for o in slow) == pytest.approx(3 * median(o.ttft or 0 for o in usual), rel=0.1)
    assert slow[0].latency - (slow[0].ttft or 0) == pytest.approx(3 * 200 * 0.0155)


def test_a_ramp_rises_and_is_sick_from_twice_on() -> None:
    history = run(scenario(faults=[{"kind": "slow", "x": 11, "ramp": 50, "t0": 5}]), "p1")
    first_sick = min(t.started for t in history.tried if t.sick)
    assert 10.0 < first_sick < 10.5


def test_a_drip_is_silence_to_who_says_so() -> None:
    fault = {"kind": "drip", "x": 4}
    patient = outcomes(scenario(faults=[fault], load={"out": 5, "T": 10}), "p1", timeout=5.0)
    assert {o.ok for o in patient} == {True}
    assert all(o.latency - (o.ttft or 0) == pytest.approx(20.0) for o in patient)
    impatient = outcomes(scenario(faults=[fault], load={"out": 5, "T": 10}), "p1", timeout=3.0)
    assert {o.error for o in impatient if o.first} == {"stall"}


@pytest.mark.parametrize(
    ("named", "skew", "heard"),
    [
        ([15, 30], None, (15, 30)),
        ("0", None, (0, 0)),
        ("31536000", None, (3600, 3600)),
        (20, -3600, (20, 20)),
        (20, 3600, (20, 20)),
    ],
)
def test_retry_after_comes_as_it_is_written(named: Any, skew: float | None, heard: tuple[float, float]) -> None:
    told = [o.retry_after for o in under("429", retry_after=named, date_skew=skew)]
    assert all(after is not None and heard[0] <= after <= heard[1] for after in told)
    assert under("429", retry_after="soon")[0].retry_after is None
    assert under("429", retry_after="-5")[0].retry_after is None
    assert under("429")[0].retry_after is None


# -- how fast servers are ---------------------------------------------------------------------------------------------


def test_calibration_a_call_takes_5_s_and_noisy3_is_83_percent_of_capacity() -> None:
    mixed = {"prompt": "lognormal(800,1.0)<=12000", "out": "lognormal(200,0.8)<=2500", "T": 600}
    history = run(scenario(load=mixed), "p2")
    service = fmean(t.ended - t.started for t in history.tried)
    assert service == pytest.approx(5.0, abs=0.25)
    assert 20 * service / (4 * 30) == pytest.approx(0.83, abs=0.04)


@pytest.mark.parametrize(("name", "seconds"), [("p1", 0.60), ("p2", 0.63), ("q1", 0.66), ("f1", 0.80)])
def test_an_idle_targets_time_to_first_content(name: str, seconds: float) -> None:
    ttfts = sorted(o.ttft or 0.0 for o in outcomes(scenario(load={"prompt": 1, "T": 300}), name))
    assert median(ttfts) == pytest.approx(seconds, rel=0.05)
    assert ttfts[int(0.84 * len(ttfts))] == pytest.approx(seconds * exp(0.45), rel=0.1)


def test_a_long_prompt_takes_longer_to_read() -> None:
    short, long = (outcomes(scenario(load={"prompt": n}), "f1") for n in (1, int(PREFILL)))
    assert median(o.ttft or 0 for o in long) == pytest.approx(2 * median(o.ttft or 0 for o in short), rel=0.1)


def test_base_errors_are_rare_and_everywhere() -> None:
    history = run(scenario(base_error=0.03, load={"T": 300}), "p1", "f1")
    for name in ("p1", "f1"):
        assert {t.error for t in calls(history, name)} <= {None, "error"}
    assert fmean(t.error == "error" for t in calls(history)) == pytest.approx(0.03, abs=0.012)


def test_a_full_server_slows_by_the_power_of_its_load_and_rejects_at_twice_its_capacity() -> None:
    server = Server(FLEETS["std"][0], ttft=0.6, tpot=0.0155, cap=40)
    for calls_at_once, factor in ((0, 1.0), (40, 1.0), (60, 1.5**1.5), (79, 1.975**1.5)):
        server.in_flight = calls_at_once
        assert server.slowdown(0.0) == pytest.approx(factor)
        assert server.pace(0.0) == pytest.approx(0.0155 * factor)
        assert not server.is_full(0.0)
    server.in_flight = 80
    assert server.is_full(0.0)


def test_who_asks_a_full_server_is_rejected() -> None:
    flooded = outcomes(scenario(cap=20, load={"rate": 20}), "p1")
    assert {o.error_class for o in flooded if not o.ok} == {ErrorClass.OVERLOADED}
    assert fmean(o.ok for o in flooded) < 0.5


def test_lost_capacity_is_back_when_the_fault_is_over() -> None:
    fault = {"kind": "cap", "x": 0.25, "t0": 20, "t1": 40}
    history = run(scenario(cap=60, faults=[fault], load={"rate": 10}), "p1")
    assert {20 <= t.started < 40 for t in history.tried if t.error == "529"} == {True}
    assert not any(t.sick for t in history.tried)


def test_an_abandoned_prefill_keeps_its_slot() -> None:
    """Clients that give up after 0.1 s and ask again keep a server of two busy with nothing."""
    history = run(scenario(cap=2, load={"rate": 10, "T": 20}), "p1", "p1", timeout=0.1)
    assert {t.error for t in history.tried} >= {"timeout", "529"}


# -- what a request may be --------------------------------------------------------------------------------------------


def test_a_prompt_that_does_not_fit_is_refused_without_harm() -> None:
    heard = outcomes(scenario(load={"prompt": 15_900, "T": 10}), "p1", "f1")
    assert {o.error_class for o in heard if not o.ok} == {ErrorClass.CONTEXT_WINDOW}
    assert fmean(o.ok for o in heard) == 0.5


def test_a_model_without_tools_says_so() -> None:
    targets = [{"id": "p1", "provider": "openai", "model": "m", "capabilities": ["vision"]}]
    heard = outcomes(scenario(targets=targets, load={"needs": {"tools": 0.5}}), "p1")
    refused = [o for o in heard if not o.ok]
    assert {o.error_class for o in refused} == {ErrorClass.UNSUPPORTED}
    assert 0.4 < len(refused) / len(heard) < 0.6


def test_a_key_has_so_many_requests_a_minute_wherever_the_minute_begins() -> None:
    history = run(scenario(rpm=100, load={"rate": 5, "T": 300}), "p1")
    rejected = [t for t in history.tried if t.error == "429"]
    assert len(history.tried) - len(rejected) <= 100 * 6
    assert len(rejected) > 500
    assert all(0 < t.retry_at - t.ended <= 60 for t in rejected)
    assert len({round(t.retry_at, 0) % 60 for t in rejected}) <= 2
    assert not 58 < min(t.retry_at for t in rejected) % 60 < 59.9, "this seed's minute begins elsewhere"


def test_targets_of_one_key_share_its_limit() -> None:
    alone = run(scenario(fleet="keyed", rpm=100), "b1")
    both = run(scenario(fleet="keyed", rpm=100), "a1", "a2")
    assert len([t for t in both.tried if t.ok]) <= len([t for t in alone.tried if t.ok]) + 100


def test_tokens_count_as_they_become_known() -> None:
    history = run(scenario(tpm=50_000, load={"rate": 2, "T": 300, "prompt": 1000, "out": 100}), "p1")
    served = [t for t in history.tried if t.ok]
    assert 50_000 * 4 < len(served) * 1100 <= 50_000 * 6.2
    assert {t.error for t in history.tried if not t.ok} == {"429"}


def test_a_declared_limit_is_a_limit() -> None:
    targets = [{"id": "p1", "provider": "openai", "model": "m", "rpm": 30}]
    history = run(scenario(targets=targets), "p1")
    assert len([t for t in history.tried if t.ok]) <= 60


# -- prices and going on ----------------------------------------------------------------------------------------------


def test_an_answer_costs_its_prompt_and_output_a_refusal_nothing() -> None:
    history = run(scenario(faults=[{"kind": "error", "p": 0.5, "match": {"name": "p1"}}]), "p1", "f1")
    assert {t.price for t in calls(history) if t.ok} == {800 / 4 + 200}
    assert {t.price for t in calls(history) if not t.ok} == {0.0}
    assert {t.price for t in calls(history, "f1")} == {1.6 * (800 / 4 + 200)}


def test_a_call_after_delivered_content_delivers_the_rest_only() -> None:
    history = run(scenario(faults=[{"kind": "mid", "match": {"name": "p1"}}]), "p1", "p2")
    assert all(s.ok for s in history.served)
    assert fmean(t.ended - t.first for t in calls(history, "p2")) == pytest.approx(100 * 0.0155, rel=0.1)
    delivered_before = fmean(t.price for t in calls(history)) - 800 / 4
    assert fmean(t.price for t in calls(history, "p2")) == pytest.approx(
        (800 + delivered_before) / 4 + 200 - delivered_before
    )
    assert {s.first for s in history.served} == {t.first for t in calls(history)}
