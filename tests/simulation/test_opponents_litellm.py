"""The model of LiteLLM's Router: its rules one by one, and side by side with the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from simulation import real_router
from simulation.hand import SOLO, STD, Pending, Stage, asked, broke, failed, fine, target
from simulation.real_router import CASES, FASTER, MINUTE, Case

from failover_plugin.simulation.opponents import OPPONENTS, litellm_router
from failover_plugin.simulation.protocol import Outcome

pytestmark = pytest.mark.timeout(120)  # LiteLLM alone takes its time to be imported

LITELLM = OPPONENTS["litellm"]
PAIR = (target("a"), target("b"), target("f1", 1))


def test_eleven_requests_in_a_minute_make_33_attempts_on_a_dead_primary() -> None:
    stage = Stage(p1=failed())
    made = asked(stage, stage.router(LITELLM, SOLO), 11, every=6.0)
    assert made == [["p1", "p1", "p1", "f1"]] * 11
    assert sum(names.count("p1") for names in made) == 33


def test_a_group_of_one_backs_off_before_each_retry_and_after_the_last() -> None:
    stage = Stage(p1=failed())
    waited = stage.ask(stage.router(LITELLM, SOLO)).waited
    assert [base <= each < base + 0.75 for base, each in zip((0.5, 1.0, 2.0), waited, strict=True)] == [True] * 3


@pytest.mark.parametrize(("retry_after", "base"), [(2.0, 2.0), (60.0, 60.0), (61.0, 0.5), (0.0, 0.5)])
def test_a_group_of_one_waits_as_long_as_it_is_told_up_to_a_minute(retry_after: float, base: float) -> None:
    for seed in range(20):
        stage = Stage(p1=failed("429", retry_after=retry_after))
        assert base <= stage.ask(stage.router(LITELLM, SOLO, seed=seed)).waited[0] < base + 0.75


def test_a_larger_group_retries_at_once_and_may_pick_the_same_again() -> None:
    stage = Stage(a=failed(), b=failed())
    told = [stage.ask(stage.router(LITELLM, PAIR, seed=seed)) for seed in range(20)]
    assert not any(each.waited for each in told)
    assert any(each.asked[0] == each.asked[1] for each in told)


def test_it_shuffles_by_weight() -> None:
    stage = Stage()
    router = stage.router(LITELLM, (target("a", weight=3), target("b")))
    names = [names[0] for names in asked(stage, router, 4000)]
    assert names.count("a") == pytest.approx(3000, rel=0.05)


def test_a_deployment_sits_out_when_more_than_half_of_five_calls_failed() -> None:
    stage = Stage(a=failed(latency=0.0), b=fine(0.0))
    router = stage.router(LITELLM, PAIR)
    assert [name for names in asked(stage, router, 60) for name in names].count("a") == 5
    assert Pending(router).asked == "b"


def test_it_comes_back_after_five_seconds_with_everybody() -> None:
    stage = Stage(a=failed("429", latency=0.0), b=fine(0.0))
    router = stage.router(LITELLM, PAIR)
    asked(stage, router, 20)
    stage.now = 4.9
    assert {Pending(router).asked for _ in range(20)} == {"b"}
    stage.now = 5.0
    assert {Pending(router).asked for _ in range(20)} == {"a", "b"}


def test_past_successes_hide_an_outage() -> None:
    stage = Stage(a=fine(0.01), b=fine(0.01))
    router = stage.router(LITELLM, PAIR)
    successes = [name for names in asked(stage, router, 100) for name in names].count("a")
    stage.let(a=failed(latency=0.0), b=fine(0.0))
    assert [name for names in asked(stage, router, 300) for name in names].count("a") == successes + 1


@pytest.mark.parametrize(("later", "more"), [(59.0, 1), (61.0, 5)])
def test_the_minute_of_a_counter_begins_with_its_first_count(later: float, more: int) -> None:
    stage = Stage()
    router = stage.router(LITELLM, PAIR)
    calls = [call for call in (Pending(router) for _ in range(100)) if call.asked == "a"]
    for call in calls[:4]:
        call.ends(failed())
    stage.now = later
    for call in calls[4 : 3 + more]:
        call.ends(failed())
    assert {Pending(router).asked for _ in range(20)} == {"a", "b"}
    calls[3 + more].ends(failed())
    assert {Pending(router).asked for _ in range(20)} == {"b"}


@pytest.mark.parametrize("seconds", [1.0, 20.0])
def test_a_retry_after_is_how_long_it_sits_out(seconds: float) -> None:
    stage = Stage(a=failed("429", retry_after=seconds, latency=0.0), b=failed("429", retry_after=seconds, latency=0.0))
    router = stage.router(LITELLM, PAIR)
    assert sorted(stage.ask(router).asked) == ["a", "b", "f1"]
    stage.now = seconds - 0.01
    assert Pending(router).asked == "f1"
    stage.now = seconds
    assert Pending(router).asked in ("a", "b")


def test_a_retry_after_of_nothing_is_no_reason_to_sit_out() -> None:
    stage = Stage(a=failed("429", retry_after=0.0), b=failed("429", retry_after=0.0))
    router = stage.router(LITELLM, PAIR)
    assert len(stage.ask(router).asked) == 4
    assert Pending(router).asked in ("a", "b")


def test_cooling_again_keeps_the_shorter_time() -> None:
    stage = Stage()
    router = stage.router(LITELLM, PAIR[:2])
    calls = [Pending(router) for _ in range(8)]
    of_a = [call for call in calls if call.asked == "a"]
    of_a[0].ends(failed("429", retry_after=3.0))
    of_a[1].ends(failed("429", retry_after=40.0))
    stage.now = 3.1
    assert {Pending(router).asked for _ in range(20)} == {"a", "b"}


def test_with_all_of_a_group_out_the_next_group_is_asked_straight_away() -> None:
    stage = Stage(p1=failed("auth"))
    router = stage.router(LITELLM, SOLO)
    assert asked(stage, router, 3, every=1.0) == [["p1", "f1"], ["f1"], ["f1"]]


def test_a_dead_key_is_not_tried_again_where_there_is_no_other() -> None:
    stage = Stage(p1=failed("auth", retry_after=0.0))
    assert asked(stage, stage.router(LITELLM, SOLO), 2) == [["p1", "f1"]] * 2


@pytest.mark.parametrize("kind", ["ctx", "unsupported"])
def test_the_callers_own_errors_are_not_retried_and_cool_nobody(kind: str) -> None:
    stage = Stage(a=failed(kind), b=failed(kind))
    made = asked(stage, stage.router(LITELLM, PAIR), 30)
    assert {tuple(names) for names in made} == {("a", "f1"), ("b", "f1")}


def test_a_dead_group_of_one_sits_out_after_a_thousand_failures_in_a_minute() -> None:
    stage = Stage(p1=failed(latency=0.0))
    router = stage.router(LITELLM, SOLO)
    calls = [Pending(router) for _ in range(1000)]
    for call in calls[:999]:
        call.ends(failed())
    assert Pending(router).asked == "p1"
    assert calls[999].ends(failed()) == "f1"
    assert Pending(router).asked == "f1"


def test_every_later_tier_is_a_fallback_with_its_own_retries() -> None:
    stage = Stage(a=failed(), b=failed(), c=failed())
    told = stage.ask(stage.router(LITELLM, (target("a"), target("b", 1), target("c", 2))))
    assert (told.asked, told.delivered) == (["a"] * 3 + ["b"] * 3 + ["c"] * 3, False)


def test_what_breaks_after_the_first_content_is_the_callers_and_cools_nobody() -> None:
    stage = Stage(a=broke(), b=broke())
    router = stage.router(LITELLM, PAIR)
    told = [stage.ask(router) for _ in range(20)]
    assert not any(each.delivered for each in told)
    assert {names for each in told for names in each.asked} == {"a", "b"}


def test_what_breaks_inside_a_200_before_content_goes_to_the_next_group_without_retries() -> None:
    stage = Stage(a=failed("error_body"), b=failed("error_body"))
    told = stage.ask(stage.router(LITELLM, PAIR))
    assert (told.asked[1:], told.delivered) == (["f1"], True)


# -- and the real one -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    if find_spec("litellm") is None:
        pytest.skip("needs litellm")
    script = [sys.executable, "-W", "ignore", real_router.__file__]
    run = subprocess.run(script, env={**os.environ, **FASTER}, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_model_does_what_the_real_router_does(real: dict[str, Any], case: Case) -> None:
    for seed in range(5):
        assert _on_the_model(case, seed) == real["cases"][str(case)]


def test_the_real_router_makes_33_attempts_on_a_dead_primary_for_eleven_requests(real: dict[str, Any]) -> None:
    assert real["cases"][str(MINUTE)] == {"group": 33, "fallback": 11, "cooling": 0, "answered": [True] * 11}


def test_the_models_constants_are_the_real_ones(real: dict[str, Any]) -> None:
    assert {name: getattr(litellm_router, name) for name in real["constants"]} == real["constants"]


def _on_the_model(case: Case, seed: int) -> dict[str, Any]:
    group = STD[: case.group]
    stage = Stage(f1=fine(0.01), **dict.fromkeys((each.id for each in group), _outcome(case.kind)))
    router = stage.router(LITELLM, (*group, target("f1", 1)), seed=seed)
    told = [stage.ask(router, at=max(stage.now, number * case.every)) for number in range(case.requests)]
    names = [name for each in told for name in each.asked]
    able = {Pending(router).asked for _ in range(50)} - {"f1"}
    return {
        "group": len(names) - names.count("f1"),
        "fallback": names.count("f1"),
        "cooling": len(group) - len(able),
        "answered": [each.delivered for each in told],
    }


def _outcome(kind: str) -> Outcome:
    if kind in ("mid", "stall"):
        return broke(kind, latency=0.01)
    if kind.startswith("429 for"):
        return failed("429", retry_after=float(kind.split()[2]), latency=0.01)
    return failed(kind, latency=0.01)
