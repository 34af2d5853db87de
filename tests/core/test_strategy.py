"""Who is asked within a tier."""

from __future__ import annotations

from collections import Counter
from random import Random

from core.scripted import diagnosis, fleet_health, target

from failover_plugin.health import FleetHealth
from failover_plugin.standing import Standing
from failover_plugin.strategy import STRATEGIES, cost, p2c, sequential


def standings(health: FleetHealth, ids: str) -> list[Standing]:
    return [health.standings[i] for i in ids]


def chosen(pool: list[Standing], draws: int = 300, now: float = 0.0) -> Counter[str]:
    rng = Random(3)
    return Counter(p2c(pool, rng, now).id for _ in range(draws))


def test_sequential_takes_the_first_that_can() -> None:
    pool = standings(fleet_health(target("a"), target("b")), "ab")
    assert sequential(pool, Random(0), 0.0).id == "a"
    assert sequential(pool[::-1], Random(0), 0.0).id == "b"


def test_p2c_prefers_the_less_busy() -> None:
    health = fleet_health(target("a"), target("b"))
    health.admit(health.standings["a"], 0.0)
    assert chosen(standings(health, "ab")) == {"b": 300}


def test_p2c_prefers_the_less_failing() -> None:
    health = fleet_health(target("a"), target("b"))
    lease = health.admit(health.standings["a"], 0.0)
    assert lease is not None
    health.failed(lease, diagnosis("server_error"), 0.0)
    assert chosen(standings(health, "ab")) == {"b": 300}


def test_p2c_holds_a_callers_own_mistake_against_nobody() -> None:
    health = fleet_health(target("a"), target("b"))
    lease = health.admit(health.standings["a"], 0.0)
    assert lease is not None
    health.failed(lease, diagnosis("context_window"), 0.0)
    assert chosen(standings(health, "ab")) == {"a": 300}


def test_p2c_weighs_how_busy_a_target_is_by_its_weight() -> None:
    health = fleet_health(target("a", weight=4.0), target("b"))
    for _ in range(2):
        health.admit(health.standings["a"], 0.0)
    assert chosen(standings(health, "ab")) == {"a": 300}
    for _ in range(3):
        health.admit(health.standings["a"], 0.0)
    assert chosen(standings(health, "ab")) == {"b": 300}


def test_p2c_never_asks_the_worst_of_three_and_does_ask_both_others() -> None:
    health = fleet_health(target("a"), target("b"), target("c"))
    health.admit(health.standings["c"], 0.0)
    counts = chosen(standings(health, "abc"))
    assert set(counts) == {"a", "b"}
    assert counts["b"] > 50


def test_p2c_of_one_is_that_one_and_draws_nothing() -> None:
    rng = Random(5)
    assert p2c(standings(fleet_health(target("a")), "a"), rng, 0.0).id == "a"
    assert rng.random() == Random(5).random()


def test_p2c_is_decided_by_the_seed() -> None:
    pool = standings(fleet_health(*map(target, "abcde")), "abcde")
    one, other = Random(11), Random(11)
    assert [p2c(pool, one, 0.0).id for _ in range(50)] == [p2c(pool, other, 0.0).id for _ in range(50)]


def test_a_tie_goes_to_the_one_given_first() -> None:
    assert chosen(standings(fleet_health(target("a"), target("b")), "ab")) == {"a": 300}


def test_old_failures_cost_less_and_less() -> None:
    health = fleet_health(target("a"))
    lease = health.admit(health.standings["a"], 0.0)
    assert lease is not None
    health.failed(lease, diagnosis("timeout"), 0.0)
    (standing,) = standings(health, "a")
    assert cost(standing, 0.0) > cost(standing, 20.0) > cost(standing, 60.0)


def test_every_strategy_that_a_policy_can_name_exists() -> None:
    assert set(STRATEGIES) == {"p2c", "sequential"}
