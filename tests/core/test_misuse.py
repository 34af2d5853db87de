"""Misuse is told, with the remedy, and booked on nobody."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core.scripted import tier

from failover_plugin import ConfigError, Failover, Policy, Request, Target, load_config
from failover_plugin.testing import FakeClock


async def _async(_: Target) -> str:
    return "hi"


def _generator(_: Target) -> Iterator[str]:
    yield "hi"


async def _async_generator(_: Target) -> AsyncIterator[str]:
    yield "hi"


def _plain(_: Target) -> str:
    return "hi"


def _unharmed(failover: Failover) -> None:
    lines = failover.health().targets
    assert [(line.state, line.failures, line.successes, line.in_flight) for line in lines] == [("closed", 0, 0, 0)] * 2


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize(
    ("call", "remedy"),
    [(_async, "await arun(call)"), (_generator, "stream(call)"), (_async_generator, "astream(call)")],
)
def test_run_with_a_call_that_is_not_made_yet(call: Callable[[Target], Any], remedy: str, *, threads: bool) -> None:
    failover = Failover(tier(2), Policy(sync_deadlines="thread") if threads else None)
    for _ in range(10):
        with pytest.raises(ConfigError, match=r"run\(call\): call is an? ") as caught:
            failover.run(call)
        assert remedy in str(caught.value)
    _unharmed(failover)


def test_a_coroutine_from_a_lambda_is_told_and_a_generator_that_is_handed_out_is_an_answer() -> None:
    failover = Failover(tier(2))
    with pytest.raises(ConfigError, match="await arun"):
        failover.run(lambda target: _async(target))
    assert list(failover.run(lambda target: _generator(target)).value) == ["hi"]


@pytest.mark.parametrize(
    ("call", "remedy"), [(_plain, "run(call)"), (_generator, "stream(call)"), (_async_generator, "astream(call)")]
)
async def test_arun_with_a_call_that_cannot_be_awaited(call: Callable[[Target], Any], remedy: str) -> None:
    failover = Failover(tier(2))
    for _ in range(10):
        with pytest.raises(ConfigError, match=r"arun\(call\): call is a") as caught:
            await failover.arun(call)
        assert remedy in str(caught.value)
    _unharmed(failover)


def _raises(*_: object) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("strategy", "what"),
    [
        (lambda candidates, *_: next(iter(candidates)).id, "returned a str"),
        (lambda candidates, *_: list(candidates), "returned a list"),
        (lambda *_: None, "returned a NoneType"),
        (_raises, "raised a ZeroDivisionError"),
    ],
)
def test_a_strategy_that_does_not_choose_leaves_it_to_the_order(
    strategy: Any, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    failover = Failover(tier(2), Policy(strategy=strategy), clock=FakeClock())
    with caplog.at_level(logging.WARNING):
        assert [failover.run(lambda target: target.id).value for _ in range(3)] == ["a", "a", "a"]
        assert failover.explain().order[0] == "a"
    assert [
        what in record.message and "return one of the candidates" in record.message for record in caplog.records
    ] == [True]


def test_a_strategy_that_returns_somebody_who_is_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    def first_seen(candidates: Any, *_: object) -> Any:
        seen.extend(candidates)
        return seen[0]

    failover = Failover(tier(2), Policy(strategy=first_seen), clock=FakeClock())
    assert failover.run(lambda target: target.id).value == "a"
    failover.disable("a")
    assert failover.run(lambda target: target.id).value == "b"
    assert "'a', which is not among the candidates" in caplog.text


TARGETS = "targets: [{id: a, provider: p, model: m}]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TARGETS + "policy: {max_attempts: yes}", "max_attempts = True: it should be a number"),
        (TARGETS + "policy: {max_attempts: '3'}", "max_attempts = '3': it should be a number"),
        (TARGETS + "policy: {deadline: no}", "deadline = False: it should be a number"),
        (TARGETS + "policy: {patience: '5 s'}", "patience = '5 s': it should be a number"),
        (TARGETS + "policy: {deadline: 3, deadline: 5}", "'deadline' is given twice (line 2)"),
        (TARGETS + TARGETS, "'targets' is given twice (line 2)"),
        ("targets: [{id: a, provider: p, model: m, weight: '2'}]", "weight = '2': it should be a number"),
        ("targets: [{id: a, provider: p, model: m, rpm: yes}]", "rpm = True: it should be a number"),
        ("targets: [{id: a, id: b, provider: p, model: m}]", "'id' is given twice (line 1)"),
        ("targets: [{id: a, provider: p, model: no}]", "model = False: it should be a valid string"),
    ],
)
def test_a_file_that_does_not_mean_what_it_says(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "failover.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert told in str(caught.value)


def test_a_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "failover.yaml"
    path.write_text(TARGETS + "policy: {deadline: 1e3, patience: 5e-1, breaker: {half_life: .inf}}")
    policy = load_config(path).policy
    assert (policy.deadline, policy.patience, policy.breaker.half_life) == (1000, 0.5, float("inf"))


def test_anchors_are_no_doubled_keys(tmp_path: Path) -> None:
    path = tmp_path / "failover.yaml"
    path.write_text(
        "targets:\n- &one {id: a, provider: p, model: m, weight: 2}\n- {<<: *one, id: b}\n- {<<: *one, id: c}\n"
    )
    assert [(target.id, target.weight) for target in load_config(path).targets] == [("a", 2), ("b", 2), ("c", 2)]


@pytest.mark.parametrize("deadline", [0, -1.0, float("nan"), float("inf")])
def test_a_deadline_that_is_none(deadline: Any) -> None:
    with pytest.raises(ConfigError, match=r"Request\.deadline = "):
        Failover(tier(2)).run(_plain, Request(deadline=deadline))


def _of_an_inner_one(target: Target) -> str:
    if target.id == "a":
        raise ConfigError("targets = []: there is nobody to ask. Give at least one Target.")
    return "hi"


@pytest.mark.parametrize("threads", [False, True])
def test_a_target_whose_call_cannot_be_set_up_loses_no_request_and_is_not_blamed(*, threads: bool) -> None:
    failover = Failover(tier(2), Policy(strategy="sequential", sync_deadlines="thread" if threads else "client"))
    for _ in range(10):
        assert failover.run(_of_an_inner_one).value == "hi"
    assert [line.state for line in failover.health().targets] == ["closed", "closed"]


async def test_nor_does_one_that_is_awaited() -> None:
    async def call(target: Target) -> str:
        return _of_an_inner_one(target)

    failover = Failover(tier(2), Policy(strategy="sequential"))
    for _ in range(10):
        assert (await failover.arun(call)).value == "hi"
    assert [line.state for line in failover.health().targets] == ["closed", "closed"]
