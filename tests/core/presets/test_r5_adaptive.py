"""R5, a breaker that watches latency: a test for each row of its table, then one for each defect mended."""

from __future__ import annotations

import gc
import tracemalloc
from math import exp, log
from random import Random
from time import perf_counter
from typing import Any

import pytest
from core.presets.stage import Stage
from core.scripted import broken, target, tier

from failover_plugin import ConfigError, Failover, Health, Request, presets


def stage(*, alone: bool = False, **settings: Any) -> Stage:
    return Stage(tier(1 if alone else 2), presets.adaptive(**settings))


def settled(here: Stage, count: int = 60) -> None:
    """Both targets have been answering in half a second, give or take a fifth."""
    rng = Random(3)
    for _ in range(count):
        for each in here.failover.targets:
            here.streams(0.5 * exp(rng.gauss(0, 0.2)), each.id)


def opened(here: Stage) -> None:
    """The first target has failed, and the time of its opening is over."""
    here.failover.force_open("a", 10)
    here.clock.advance(10)


# -- the rows ---------------------------------------------------------------------------------------------------------


def test_row_states_closed_open_failing_fast_and_half_open_with_limited_probes() -> None:
    here = stage(alone=True)
    assert here.line("a").state == "closed"
    here.fails_at_once("a", 3)
    assert here.line("a").state == "open"
    here.clock.advance(5)
    assert here.line("a").state == "half_open"
    taken = [here.takes("a") for _ in range(10)]
    assert here.finds_nobody("a")
    for permit in taken:
        permit.success()
    assert here.line("a").state == "closed"


def test_row_failure_threshold_z_score_of_2_5_counts_an_anomaly() -> None:
    here = stage()
    settled(here)
    line = here.line("a")
    assert line.usual is not None
    assert line.deviation is not None
    before = line.anomalies
    here.streams(line.usual * exp(2.4 * line.deviation), "a")
    assert here.line("a").anomalies == before
    here.streams(line.usual * exp(2.7 * line.deviation), "a")
    assert here.line("a").anomalies == before + 1


def test_row_failure_threshold_z_score_anomalies_in_a_row_open() -> None:
    here = stage(anomaly_weight=1.0)
    settled(here)
    slow = 0
    while here.line("a").state == "closed" and slow < 10:
        here.streams(5.0, "a")
        slow += 1
    assert 3 <= slow <= 5
    assert here.line("a").reason == "target: latency anomaly"
    assert here.line("a").failures == 0


@pytest.mark.parametrize(("probes", "rate", "closes", "opens"), [(10, 0.8, 8, 3), (5, 0.8, 4, 2), (1, 1.0, 1, 1)])
def test_row_half_open_requests_and_success_rate_threshold(probes: int, rate: float, closes: int, opens: int) -> None:
    settings = {"half_open_requests": probes, "success_rate_threshold": rate}
    here = stage(alone=True, **settings)
    opened(here)
    for _ in range(closes - 1):
        here.succeeds("a")
    assert here.line("a").state == "half_open"
    here.succeeds("a")
    assert here.line("a").state == "closed"

    here = stage(alone=True, **settings)
    opened(here)
    for _ in range(opens - 1):
        here.fails("a")
    assert here.line("a").state == "half_open"
    here.fails("a")
    assert here.line("a").state == "open"


def test_row_half_open_requests_have_proven_it_so_that_one_more_failure_opens_nothing() -> None:
    here = stage(alone=True)
    opened(here)
    for _ in range(8):
        here.succeeds("a")
    here.fails("a")
    assert here.line("a").state == "closed"


def test_row_defaults() -> None:
    assert presets.adaptive() == presets.adaptive(
        failure_threshold_z_score=2.5, half_open_requests=10, success_rate_threshold=0.8
    )


def test_row_history_is_bounded() -> None:
    here = stage()

    def live(rounds: int) -> None:
        for number in range(rounds):
            here.streams(0.4 + number % 7 / 50, "a")
            here.fails("b") if not number % 50 else here.succeeds("b")
        gc.collect()  # errors and their tracebacks lead to each other

    live(1500)
    tracemalloc.start()
    live(100)
    before, _ = tracemalloc.get_traced_memory()
    live(1500)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000, "thousands of observations more, and nothing is kept of each"


def test_row_metrics_mean_deviation_error_rate_and_percentiles() -> None:
    here = stage()
    rng = Random(3)
    for number in range(320):
        here.streams(0.5 * exp(rng.gauss(0, 0.2)), "a") if number % 16 else here.fails("a")
    line = here.line("a")
    assert line.usual == pytest.approx(0.5, rel=0.1)
    assert line.deviation == pytest.approx(0.2, rel=0.25)
    assert line.p50 == pytest.approx(0.5, rel=0.1)
    assert line.p95 == pytest.approx(0.5 * exp(1.645 * 0.2), rel=0.15)
    assert line.p99 == pytest.approx(0.5 * exp(2.326 * 0.2), rel=0.2)
    assert line.failures / line.attempts == 20 / 320


def test_row_metrics_recent_latencies_and_errors() -> None:
    here = stage()
    here.streams(0.25, "a")
    here.fails("a")
    (good,), (bad,) = (trail.attempts for trail in here.failover.recent_trails)
    assert (good.first_content, good.ok) == (0.25, True)
    assert not bad.ok


def test_row_operation_check_request() -> None:
    here = stage(alone=True)
    here.takes().success()
    here.failover.force_open("a", 60)
    assert here.finds_nobody()
    assert here.failover.explain().skips[0].reason == "target open: by hand"


def test_row_operation_record_result_takes_the_latency_by_itself() -> None:
    here = stage()
    here.streams(0.25, "a")
    here.fails("a")
    assert (here.line("a").successes, here.line("a").failures) == (1, 1)
    assert here.line("a").p50 == pytest.approx(0.25, rel=0.06)


def test_row_operation_force_open_force_half_open_and_reset() -> None:
    here = stage(alone=True)
    fo = here.failover
    fo.force_open("a", 3600)
    states = [here.line("a").state]
    fo.half_open("a")
    states.append(here.line("a").state)
    here.succeeds("a")
    fo.force_open("a", 3600)
    fo.reset("a")
    states.append(here.line("a").state)
    assert states == ["open", "half_open", "closed"]
    assert here.line("a").health is Health.HEALTHY


def test_row_clones_share_one_state() -> None:
    here = stage(alone=True)
    shared = [here.failover, here.failover]
    shared[0].force_open("a", 60)
    assert shared[1].health()["a"].state == "open"


def test_row_cost_is_under_a_millisecond_for_a_request() -> None:
    fo = Failover(tier(3), presets.adaptive())
    spent = []
    for _ in range(300):
        began = perf_counter()
        permit = fo.acquire(streaming=True)
        assert permit is not None
        permit.first_content()
        permit.success()
        spent.append(perf_counter() - began)
    assert sorted(spent)[150] < 0.001


# -- defects mended ---------------------------------------------------------------------------------------------------


def test_mended_one_single_failure_opens_nothing() -> None:
    here = stage()
    settled(here)
    here.fails("a")
    assert here.line("a").state == "closed"


def test_mended_one_slow_answer_opens_nothing() -> None:
    here = stage()
    settled(here)
    here.streams(60, "a")
    assert (here.line("a").state, here.line("a").anomalies) == ("closed", 1)


def test_mended_a_fault_free_run_opens_nothing() -> None:
    here = stage()
    settled(here, 3000)
    assert {line.state for line in here.failover.health().targets} == {"closed"}


def test_mended_open_becomes_half_open_by_itself() -> None:
    here = stage()
    here.fails_at_once("a", 3)
    due = here.line("a").returns_in
    assert due is not None
    assert due <= 2.4
    here.clock.advance(due)
    assert here.line("a").state == "half_open"
    assert here.takes().target.id == "a"


def test_mended_outliers_do_not_poison_the_baseline_that_finds_them() -> None:
    here = stage(anomaly_weight=0.0)
    settled(here)
    before = here.line("a")
    for number in range(100):
        here.streams(60 if number % 20 == 10 else 0.5, "a")
    after = here.line("a")
    assert before.usual is not None
    assert after.usual is not None
    assert abs(log(after.usual / before.usual)) < 0.2
    assert after.anomalies - before.anomalies == 5, "each was found, whatever came before"


def test_mended_failed_calls_say_nothing_of_latency() -> None:
    here = stage()
    settled(here)
    before = here.line("a").usual
    for _ in range(30):
        here.fails("a")
        here.failover.reset("a")
    assert here.line("a").usual == before


def test_mended_a_long_prompt_is_no_anomaly() -> None:
    here = stage()
    settled(here)
    before = here.line("a").anomalies
    permit = here.failover.acquire(Request(input_tokens=100_000), among=["a"], streaming=True)
    assert permit is not None
    here.clock.advance(0.5 * 6)
    permit.first_content()
    here.clock.advance(600)
    permit.success()
    assert here.line("a").anomalies == before, "nor is a long answer"


@pytest.mark.parametrize("well", [True, False])
def test_mended_late_outcomes_do_not_count_in_a_later_state(well: bool) -> None:  # noqa: FBT001 - a parameter
    here = stage(alone=True)
    late = [here.takes("a") for _ in range(12)]
    opened(here)
    for permit in late:
        permit.success() if well else permit.failure(broken())
    assert here.line("a").state == "half_open"
    assert len([here.takes("a") for _ in range(10)]) == 10, "all probes are still to be had"


def test_mended_probes_are_limited_when_they_are_let_in() -> None:
    here = stage()
    opened(here)
    assert [here.takes().target.id for _ in range(30)].count("a") == 10


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"failure_threshold_z_score": 0}, "anomaly_score = 0: it should be greater than 0"),
        ({"half_open_requests": 0}, "half_open_requests = 0: it should be a whole number, 1 or more"),
        ({"success_rate_threshold": 1.5}, "success_rate = 1.5: it should be less than or equal to 1"),
        ({"anomaly_weight": -0.1}, "anomaly_weight = -0.1: it should be greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        presets.adaptive(**settings)


def test_a_fleet_of_other_targets_works_as_well() -> None:
    here = Stage([target("a"), target("b", 1)], presets.adaptive())
    assert here.succeeds() == "a"
