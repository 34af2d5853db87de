"""What targets share, made when something is first booked."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import target

from failover_plugin.breaker import Era
from failover_plugin.model import Scope, Target
from failover_plugin.policy import BreakerPolicy
from failover_plugin.roster import Roster
from failover_plugin.scopes import Scopes, label
from failover_plugin.standing import scope_keys

FACTS = {"provider": "p", "model": "m"}


def scopes(*targets: Target) -> tuple[Scopes, Roster]:
    made, roster = Scopes(BreakerPolicy()), Roster(targets, {})
    made.adopt(roster.by_id)
    return made, roster


@pytest.mark.parametrize(
    ("facts", "keys"),
    [
        ({}, {"credential": (None, "a"), "rate": (None, "a", "m"), "target": (None, "a")}),
        ({"credential": "k"}, {"credential": ("k",), "rate": ("k", "m"), "target": ("p", "k", "m")}),
        (
            {"endpoint": "u", "account": "x"},
            {"credential": (None, "a"), "rate": (None, "a", "m"), "target": ("u", "m"), "account": ("x",)},
        ),
    ],
)
def test_what_is_not_named_is_shared_with_nobody(facts: dict[str, str], keys: dict[str, tuple[str, ...]]) -> None:
    assert scope_keys(target("a", **FACTS, **facts)) == {Scope(scope): key for scope, key in keys.items()}


def test_a_healthy_fleet_has_no_breakers() -> None:
    made, _ = scopes(target("a"), target("b"))
    assert list(made) == []


def test_a_breaker_is_made_once_for_all_who_share_it() -> None:
    made, roster = scopes(target("a", credential="k"), target("b", credential="k"), target("c", credential="l"))
    a, b, c = roster.standings
    breaker = made.breaker(a, Scope.CREDENTIAL)
    assert made.breaker(b, Scope.CREDENTIAL) is breaker
    assert (a.breakers, b.breakers, c.breakers) == (((Scope.CREDENTIAL, breaker),),) * 2 + ((),)
    assert [(scope, key) for scope, key, _ in made] == [(Scope.CREDENTIAL, ("k",))]


def test_each_scope_has_a_breaker_of_its_own() -> None:
    made, roster = scopes(target("a"))
    found = {made.breaker(roster.standings[0], scope) for scope in (Scope.CREDENTIAL, Scope.RATE, Scope.TARGET)}
    assert len(found) == 3


def test_an_account_that_is_not_named_is_known_by_its_credential() -> None:
    made, roster = scopes(target("a", credential="k"), target("b", credential="k", account="x"))
    a, b = roster.standings
    assert made.breaker(a, Scope.ACCOUNT) is made.breaker(a, Scope.CREDENTIAL)
    assert made.breaker(b, Scope.ACCOUNT) is not made.breaker(b, Scope.CREDENTIAL)


def test_companions_are_all_who_share_a_scope() -> None:
    made, roster = scopes(target("a", credential="k"), target("b", credential="k"), target("c"))
    a, b, c = roster.standings
    assert made.companions(a, Scope.CREDENTIAL) == [a, b]
    assert made.companions(a, Scope.ACCOUNT) == [a, b]
    assert made.companions(a, Scope.TARGET) == [a]
    assert made.companions(c, Scope.CREDENTIAL) == [c]


def test_whoever_was_replaced_is_one_with_its_successor() -> None:
    made, roster = scopes(target("a"))
    later = Roster([target("a"), target("b")], {})
    made.adopt(later.by_id)
    old, new = roster.standings[0], later.standings[0]
    breaker = made.breaker(old, Scope.TARGET)
    assert new.breakers == old.breakers == ((Scope.TARGET, breaker),)
    assert made.companions(old, Scope.TARGET) == [new]
    made.rates(old).cooldown.hold(5.0, 0.0)
    assert new.rates is old.rates is not None


def test_whoever_is_gone_or_has_another_key_is_alone() -> None:
    made, roster = scopes(target("a"), target("b"))
    later = Roster([target("a", credential="k", endpoint="u")], {})
    made.adopt(later.by_id)
    for old in roster.standings:
        made.breaker(old, Scope.CREDENTIAL)
        assert made.companions(old, Scope.CREDENTIAL) == [old]
    assert later.standings[0].breakers == ()


def test_a_label_is_for_people() -> None:
    assert [label(key) for key in (("k", "m"), (None, "a"), ("u",))] == ["k m", "a", "u"]


def test_all_epochs_are_of_one_era() -> None:
    made, roster = scopes(target("a"), target("b"))
    a, b = roster.standings
    made.breaker(a, Scope.TARGET).force_open(1.0, 0.0)
    late = made.breaker(b, Scope.TARGET)
    assert (made.era.now, late.epoch) == (1, 0)
    assert late.failed(0, 9.0, "why", 0.0, Random(1))
    assert isinstance(made.era, Era)


def test_what_is_booked_lazily_serves_whoever_comes_later() -> None:
    stage = Stage(target("a", credential="k"))
    stage.fail("a", "auth")
    stage.health.replace([target("a", credential="k"), target("b", credential="k")], stage.now)
    assert stage.usable() == ""
    assert len(list(stage.health.scopes)) == 1


@pytest.mark.parametrize("place", [{"endpoint": None}, {"endpoint": "https://one.example"}])
def test_two_regions_are_two_servers_with_two_rate_windows_and_one_key(place: dict[str, Any]) -> None:
    shared = {"provider": "p", "model": "m", "credential": "key", **place}
    east, west = (scope_keys(Target(id=region, region=region, **shared)) for region in ("us-east-1", "us-west-2"))
    assert east[Scope.TARGET] != west[Scope.TARGET]
    assert east[Scope.RATE] != west[Scope.RATE]
    assert east[Scope.CREDENTIAL] == west[Scope.CREDENTIAL]
