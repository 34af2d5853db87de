"""What a user may decide: checked once, frozen for good, said back in words."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin import BreakerPolicy, BudgetPolicy, ConfigError, ErrorClass, Policy
from failover_plugin.classify import VERDICTS, Hold, Route
from failover_plugin.policy import LatencyPolicy, LimitsPolicy, VerdictPolicy
from failover_plugin.strategy import STRATEGIES, round_robin

WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"patience": -1}, ["Policy.patience = -1", "should be greater than or equal to 0"]),
    ({"patience": nan}, ["Policy.patience = nan", "should be a finite number"]),
    ({"deadline": 0}, ["Policy.deadline = 0", "should be greater than 0"]),
    ({"deadline": inf}, ["Policy.deadline = inf", "finite"]),
    ({"attempt_timeout": -5}, ["Policy.attempt_timeout = -5", "greater than 0"]),
    ({"attempt_timeout": "soon"}, ["Policy.attempt_timeout = 'soon'", "should be a number"]),
    ({"first_content_timeout": "soon"}, ["Policy.first_content_timeout", "'soon'", "'adaptive'"]),
    ({"max_attempts": 0}, ["Policy.max_attempts = 0", "greater than or equal to 1"]),
    ({"max_attempts": 1.5}, ["Policy.max_attempts = 1.5", "integer"]),
    ({"same_target_retries": -1}, ["Policy.same_target_retries = -1"]),
    (
        {"strategy": "fastest"},
        ["Policy.strategy = 'fastest'", "it should be p2c, sequential", "package.module:function"],
    ),
    ({"strategy": 3}, ["Policy.strategy = 3", "it should be p2c, sequential"]),
    ({"strategy": "no.such:function"}, ["Policy.strategy = 'no.such:function'", "there is no such function"]),
    ({"strategy": "json:function"}, ["Policy.strategy = 'json:function'", "there is no such function"]),
    ({"strategy": ":"}, ["Policy.strategy = ':'", "there is no such function"]),
    ({"stream_failover": "always"}, ["Policy.stream_failover = 'always'", "'off', 'before_first_content' or 'resume'"]),
    ({"fallback_on": ["rate_limits"]}, ["Policy.fallback_on", "'rate_limits'", "'rate_limit'"]),
    ({"give_up_on": "auth"}, ["Policy.give_up_on = 'auth'"]),
    ({"max_attempt": 3}, ["Policy.max_attempt = 3", "no such field", "'max_attempts'"]),
    ({"zzz": 3}, ["Policy.zzz = 3", "Known fields", "patience"]),
    ({"breaker": {"treshold": 3}}, ["BreakerPolicy.treshold = 3", "'threshold'"]),
    ({"breaker": {"threshold": 0.5}}, ["BreakerPolicy.threshold = 0.5", "greater than or equal to 1"]),
    ({"breaker": {"jitter": nan}}, ["BreakerPolicy.jitter = nan"]),
    ({"breaker": {"half_open_probes": 0}}, ["BreakerPolicy.half_open_probes = 0"]),
    ({"breaker": 3}, ["Policy.breaker = 3"]),
    ({"budget": {"capacity": -1}}, ["BudgetPolicy.capacity = -1"]),
    ({"budget": {"backup_share": 1.1}}, ["BudgetPolicy.backup_share = 1.1", "less than or equal to 1"]),
    ({"breaker": {"half_life": nan}}, ["BreakerPolicy.half_life = nan"]),
    ({"breaker": {"success_rate": 0}}, ["BreakerPolicy.success_rate = 0"]),
    ({"breaker": {"open_base": 60}}, ["breaker.open_base = 60.0", "at most breaker.open_cap"]),
    ({"latency": {"slow_factor": 1}}, ["LatencyPolicy.slow_factor = 1"]),
    ({"latency": {"anomaly_weight": 2}}, ["LatencyPolicy.anomaly_weight = 2"]),
    ({"limits": {"open_after": 0}}, ["LimitsPolicy.open_after = 0"]),
    ({"verdicts": {"auth": {"weight": 2}}}, ["VerdictPolicy.weight = 2"]),
    ({"verdicts": {"auths": {}}}, ["Policy.verdicts.auths", "'auth'"]),
    ({"model_maps": {"a": {"b": 3}}}, ["Policy.model_maps.a.b = 3", "valid string"]),
    ({"self": 1}, ["Policy.self = 1", "no such field"]),
    ({"patience": -1, "max_attempts": 0}, ["Policy.patience = -1", "Policy.max_attempts = 0"]),
]


@pytest.mark.parametrize(("fields", "said"), WRONG, ids=[str(fields) for fields, _ in WRONG])
def test_a_wrong_value_is_named_with_its_field_and_the_remedy(fields: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        Policy(**fields)
    assert not [words for words in said if words not in str(raised.value)], str(raised.value)


def test_the_defaults_are_those_of_the_documentation() -> None:
    policy = Policy()
    assert (policy.max_attempts, policy.same_target_retries, policy.patience) == (None, None, 2.5)
    assert (policy.deadline, policy.attempt_timeout, policy.idle_timeout) == (None, 120.0, 30.0)
    assert (policy.first_content_timeout, policy.stream_failover) == ("adaptive", "before_first_content")


def test_every_field_says_what_it_is() -> None:
    for part in (Policy, BreakerPolicy, LatencyPolicy, LimitsPolicy, BudgetPolicy, VerdictPolicy):
        assert not [name for name, field in part.model_fields.items() if not field.description]


def test_a_policy_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Policy().patience = 3.0


def test_a_policy_is_a_value() -> None:
    policy = Policy(patience=1.0, breaker=BreakerPolicy(threshold=3))
    assert pickle.loads(pickle.dumps(policy)) == copy.deepcopy(policy) == policy


def test_a_policy_can_be_a_key() -> None:
    policy = Policy(verdicts={ErrorClass.AUTH: VerdictPolicy(weight=0.5)}, model_maps={"a": {"x": "y"}})
    assert {Policy(): "default", policy: "own"}[copy.deepcopy(policy)] == "own"
    assert hash(Policy()) == hash(copy.deepcopy(Policy()))


def test_policies_that_are_equal_are_the_same_key_whatever_their_order() -> None:
    rows = {ErrorClass.AUTH: VerdictPolicy(weight=0.5), ErrorClass.TIMEOUT: VerdictPolicy(weight=0.1)}
    maps = {"a": {"x": "y", "z": "w"}, "b": {}}
    one = Policy(verdicts=rows, model_maps=maps, patience=0.0)
    other = Policy(
        verdicts=dict(reversed(rows.items())),
        model_maps={"b": {}, "a": dict(reversed(maps["a"].items()))},
        patience=-0.0,
    )
    assert one == other
    assert hash(one) == hash(other)


def test_a_policy_with_a_strategy_that_has_no_name_can_be_a_key() -> None:
    strategy = partial(round_robin)
    assert hash(Policy(strategy=strategy)) == hash(Policy(strategy=strategy))


def test_an_error_pickles_as_an_error() -> None:
    with pytest.raises(ConfigError) as raised:
        Policy(patience=-1)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


AMOUNTS = st.floats(0.001, 1e6)

POLICIES = st.builds(
    Policy,
    strategy=st.sampled_from(sorted(STRATEGIES)),
    fallback_on=st.none() | st.frozensets(st.sampled_from(ErrorClass)),
    give_up_on=st.frozensets(st.sampled_from(ErrorClass)),
    max_attempts=st.integers(1, 99),
    patience=AMOUNTS,
    deadline=st.none() | AMOUNTS,
    first_content_timeout=AMOUNTS | st.just("adaptive"),
    breaker=st.builds(
        BreakerPolicy, threshold=st.floats(1, 50), half_life=AMOUNTS | st.just(inf), parole=st.booleans()
    ),
    latency=st.builds(LatencyPolicy, slow_factor=st.floats(1.1, 9), anomaly_score=st.none() | AMOUNTS),
    limits=st.builds(LimitsPolicy, adaptive=st.booleans()),
    verdicts=st.sampled_from([{}, {ErrorClass.AUTH: VerdictPolicy(weight=0.5, hold=Hold.NONE, route=Route.NONE)}]),
    model_maps=st.sampled_from([{}, {"a": {"gpt: 5": "no"}, "é #1": {}}]),
    backups=st.sampled_from(["auto", "off"]),
    auto_rotate=st.booleans(),
    budget=st.builds(BudgetPolicy, capacity=AMOUNTS),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(POLICIES)
def test_yaml_and_json_bring_back_the_same_policy(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> None:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(policy.to_yaml())
    (folder / "policy.json").write_text(policy.model_dump_json())
    assert Policy.from_file(folder / "policy.yaml") == policy
    assert Policy.from_file(str(folder / "policy.json")) == policy


def test_a_file_is_checked_as_keywords_are(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("max_attempt: 3\n")
    with pytest.raises(ConfigError, match="Did you mean 'max_attempts'"):
        Policy.from_file(tmp_path / "policy.yaml")


def test_as_yaml_it_reads_well() -> None:
    text = Policy(give_up_on=frozenset({ErrorClass.AUTH})).to_yaml()
    assert text.startswith("strategy: p2c\n")
    assert "give_up_on:\n- auth\n" in text
    assert json.loads(Policy().model_dump_json())["breaker"]["threshold"] == 2.5


def test_where_a_request_goes_on_is_what_the_table_says_unless_the_policy_does() -> None:
    assert Policy().route(ErrorClass.SERVER_ERROR) is Route.ANY
    assert Policy().route(ErrorClass.CONTEXT_WINDOW) is Route.CAPABLE
    assert Policy().route(ErrorClass.CONTENT_POLICY) is Route.NONE
    only = Policy(fallback_on=frozenset({ErrorClass.CONTENT_POLICY, ErrorClass.CONTEXT_WINDOW}))
    assert only.route(ErrorClass.CONTENT_POLICY) is Route.ANY
    assert only.route(ErrorClass.CONTEXT_WINDOW) is Route.CAPABLE
    assert only.route(ErrorClass.SERVER_ERROR) is Route.NONE


def test_a_row_of_the_verdict_table_may_differ_in_part() -> None:
    policy = Policy(verdicts={ErrorClass.SERVER_ERROR: VerdictPolicy(weight=0.25), ErrorClass.AUTH: {"hold": "cool"}})
    assert policy.verdict(ErrorClass.SERVER_ERROR) == replace(VERDICTS[ErrorClass.SERVER_ERROR], weight=0.25)
    assert policy.verdict(ErrorClass.AUTH) == replace(VERDICTS[ErrorClass.AUTH], hold=Hold.COOL)
    assert policy.verdict(ErrorClass.TIMEOUT) == VERDICTS[ErrorClass.TIMEOUT]


def test_a_row_may_say_who_is_asked_next() -> None:
    policy = Policy(verdicts={ErrorClass.AUTH: VerdictPolicy(route=Route.NONE)})
    assert policy.route(ErrorClass.AUTH) is Route.NONE
    assert Policy(give_up_on=frozenset({ErrorClass.SERVER_ERROR})).route(ErrorClass.SERVER_ERROR) is Route.NONE


def test_a_strategy_of_ones_own_may_be_named_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("strategy: failover_plugin.strategy:round_robin\n")
    policy = Policy.from_file(tmp_path / "policy.yaml")
    assert policy.strategy is round_robin
    (tmp_path / "again.yaml").write_text(policy.to_yaml())
    assert Policy.from_file(tmp_path / "again.yaml") == policy


@pytest.mark.parametrize("text", ["- 1", "3", "strategy: [", "breaker: {threshold: .nan}", "max_attempts: 1.0e400"])
def test_a_file_that_cannot_be_meant_is_a_config_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ConfigError):
        Policy.from_file(tmp_path / "policy.yaml")
