"""R2, several keys of one provider: a test for each row of its table, then one for each defect mended."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from core.presets.stage import Stage
from core.scripted import ProviderError, broken, invalid, unauthorized
from pydantic import SecretStr

from failover_plugin import AllTargetsFailed, ConfigError, Failover, Health, presets
from failover_plugin.testing import FakeClock, Script

KEY = "sk-proj-" + "".join(f"{n:x}Zq{n}" for n in range(12))
A, B, C = "openai/a", "openai/b", "openai/c"


def profile(name: str, /, **facts: Any) -> presets.Profile:
    return presets.Profile(**({"name": name, "provider": "openai", "api_key": f"{KEY}-{name}"} | facts))


def three(**facts: Any) -> list[presets.Profile]:
    return [profile(name, **facts) for name in "abc"]


def stage(*listed: presets.Profile, fallback_models: tuple[str, ...] = (), seed: int = 1, **settings: Any) -> Stage:
    targets = presets.profile_targets(listed or three(), model="gpt-5.5", fallback_models=fallback_models)
    return Stage(targets, presets.profiles(**settings), seed=seed)


# -- the rows ---------------------------------------------------------------------------------------------------------


def test_row_profile_becomes_a_target() -> None:
    plain = profile("a")
    full = profile("b", base_url="https://eu.example/v1", enabled=False, rate_limit_rpm=60)
    one, other = presets.profile_targets([plain, full], model="gpt-5.5")
    assert (one.id, one.provider, one.model, one.endpoint, one.rpm, one.enabled) == (
        "openai/a", "openai", "gpt-5.5", None, None, True,
    )  # fmt: skip
    assert (other.endpoint, other.rpm, other.enabled) == ("https://eu.example/v1", 60, False)
    assert one.credential != other.credential


def test_row_profile_its_key_is_with_the_caller_by_the_targets_fingerprint() -> None:
    listed = three()
    keys = presets.api_keys(listed)
    used = []
    fo = Failover(presets.profile_targets(listed, model="gpt-5.5"), presets.profiles(), clock=FakeClock())
    fo.run(lambda target: used.append(keys[target.credential or ""].get_secret_value()))
    assert used == [f"{KEY}-a"]


def test_row_health_is_counted_for_each_provider_and_profile() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    here.succeeds()
    line = here.line(A)
    assert (line.consecutive_failures, line.attempts, line.failures, line.state) == (3, 3, 3, "open")
    assert (here.line(B).attempts, here.line(B).failures, here.line(B).state) == (1, 0, "closed")


def test_row_circuit_opens_after_three_failures_in_a_row() -> None:
    here = stage()
    here.fails_at_once(A, 2)
    assert here.line(A).state == "closed"
    here.clock.advance(1e6)
    here.fails(A)
    assert (here.line(A).state, here.line(A).returns_in) == ("open", 60)


def test_row_circuit_a_success_in_between_starts_the_count_anew() -> None:
    here = stage()
    for _ in range(5):
        here.fails_at_once(A, 2)
        here.succeeds(A)
    assert here.line(A).state == "closed"


def test_row_circuit_half_open_after_circuit_break_secs_and_a_success_closes_it() -> None:
    here = stage(circuit_break_secs=20)
    here.fails_at_once(A, 3)
    here.clock.advance(17)
    assert here.finds_nobody(A)
    here.clock.advance(3)
    assert here.line(A).state == "half_open"
    assert here.succeeds() == A
    assert (here.line(A).state, here.line(A).health) == ("closed", Health.HEALTHY)


def test_row_circuit_opens_for_as_long_each_time() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    for _ in range(3):
        here.clock.advance(60)
        here.fails(A)
        assert here.line(A).returns_in == 60


def test_row_statistics_are_a_snapshot_that_can_be_serialised() -> None:
    here = stage()
    here.succeeds()
    here.fails_at_once(A, 2)
    before = here.failover.health()
    here.fails(A)
    told = json.loads(json.dumps(before.as_dict()))["targets"][0]
    names = "target", "attempts", "failures", "consecutive_failures", "state"
    assert [told[name] for name in names] == ["openai/a", 3, 2, 2, "closed"]


def test_row_strategy_sequential_is_the_default_and_takes_the_first_healthy_one() -> None:
    here = stage()
    assert [here.succeeds() for _ in range(3)] == [A, A, A]
    here.fails_at_once(A, 3)
    assert [here.succeeds() for _ in range(3)] == [B, B, B]


def test_row_strategy_round_robin_over_the_healthy_and_enabled() -> None:
    here = stage(*three(), profile("d", enabled=False), strategy="round_robin")
    assert [here.succeeds() for _ in range(4)] == [A, B, C, A]
    here.fails_at_once(B, 3)
    assert [here.succeeds() for _ in range(4)] == [C, A, C, A]


def test_row_strategy_random_over_the_healthy_and_enabled() -> None:
    here = stage(*three(), profile("d", enabled=False), strategy="random")
    here.fails_at_once(B, 3)
    drawn = Counter(here.succeeds() for _ in range(200))
    assert set(drawn) == {A, C}
    assert min(drawn.values()) > 70


def test_row_config_of_a_provider_with_its_defaults() -> None:
    assert presets.profiles() == presets.profiles(strategy="sequential", circuit_break_secs=60, max_retries=3)


def test_row_config_max_retries_are_attempts_beyond_the_first() -> None:
    names = "abcdefgh"
    here = stage(*(profile(name) for name in names), max_retries=2)
    script = Script(here.clock, {f"openai/{name}": [broken()] for name in names})
    with pytest.raises(AllTargetsFailed):
        here.failover.run(script.call)
    assert script.asked == [A, B, C]


def test_row_config_fallback_models_are_asked_when_no_profile_is_left() -> None:
    here = stage(profile("a"), profile("b"), fallback_models=("gpt-5.4", "gpt-5.4-mini"))
    here.fails_at_once(A, 3)
    here.fails_at_once(B, 3)
    permit = here.takes()
    assert (permit.target.model, permit.target.credential) == ("gpt-5.4", here.failover.targets[0].credential)


def test_row_config_is_read_from_a_file_with_these_defaults(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(
        f"""
openai:
  model: gpt-5.5
  profiles:
    - {{name: work, api_key: {KEY}-1}}
    - {{name: spare, api_key: {KEY}-2, base_url: https://eu.example/v1, enabled: false, rate_limit_rpm: 60}}
anthropic:
  model: claude-sonnet-5
  profiles: [{{name: main, provider: anthropic, api_key: {KEY}-3}}]
  strategy: round_robin
  fallback_models: [claude-haiku-5-5, openai/gpt-5.5, elsewhere/model]
  circuit_break_secs: 20
  max_retries: 1
"""
    )
    read = presets.read_profiles(path)
    openai, anthropic = read["openai"], read["anthropic"]
    assert openai.policy == presets.profiles()
    assert [(t.id, t.rpm, t.enabled) for t in openai.targets] == [
        ("openai/work", None, True),
        ("openai/spare", 60, False),
    ]
    assert anthropic.policy == presets.profiles(strategy="round_robin", circuit_break_secs=20, max_retries=1)
    assert [(t.id, t.model, t.tier) for t in anthropic.targets] == [
        ("anthropic/main", "claude-sonnet-5", 0),
        ("anthropic/main/claude-haiku-5-5", "claude-haiku-5-5", 1),
        ("openai/work/gpt-5.5", "gpt-5.5", 2),
        ("openai/spare/gpt-5.5", "gpt-5.5", 2),
        ("anthropic/main/elsewhere/model", "elsewhere/model", 3),
    ]
    assert {t.credential for t in anthropic.targets} == set(anthropic.keys)
    assert Failover(anthropic.targets, anthropic.policy).current() == anthropic.targets[0]


# -- operations -------------------------------------------------------------------------------------------------------


def test_row_operation_register_a_provider_later() -> None:
    here = stage(profile("a"))
    here.fails_at_once(A, 3)
    more = presets.profile_targets([profile("b")], model="gpt-5.5")
    here.failover.replace_targets([*here.failover.targets, *more])
    assert here.succeeds() == B
    assert here.line(A).state == "open", "those who stay keep their health"


def test_row_operation_select_a_profile_none_if_no_healthy_one() -> None:
    here = stage(profile("a"), profile("b", enabled=False))
    assert here.takes().target.id == A
    here.fails_at_once(A, 3)
    assert here.failover.acquire() is None


def test_row_operation_record_success_or_failure() -> None:
    here = stage()
    here.takes().success()
    here.takes().failure(broken())
    assert (here.line(A).successes, here.line(A).failures) == (1, 1)


def test_row_operation_fallback_models_of_a_provider() -> None:
    fo = stage(profile("a"), fallback_models=("gpt-5.4", "gpt-5.4-mini")).failover
    assert [target.model for target in fo.targets if target.tier] == ["gpt-5.4", "gpt-5.4-mini"]


def test_row_operation_health_report_of_all_profiles() -> None:
    here = stage()
    here.fails_at_once(B, 3)
    assert [(line.target, line.health) for line in here.failover.health().targets] == [
        (A, Health.HEALTHY),
        (B, Health.UNHEALTHY),
        (C, Health.HEALTHY),
    ]


def test_row_operation_has_failover_with_a_second_profile_or_a_fallback_model() -> None:
    alone, two, fallback = stage(profile("a")), stage(*three()[:2]), stage(profile("a"), fallback_models=("gpt-5.4",))
    assert [len(here.failover.targets) > 1 for here in (alone, two, fallback)] == [False, True, True]


# -- defects mended ---------------------------------------------------------------------------------------------------


def test_mended_rate_limit_rpm_is_kept() -> None:
    here = stage(profile("a", rate_limit_rpm=60), profile("b"))
    taken = [here.succeeds() for _ in range(10)]
    assert taken == [A] * 6 + [B] * 4, "a burst of a tenth of it, then one a second"
    here.clock.advance(1)
    assert [here.succeeds(), here.succeeds()] == [A, B]


def test_mended_time_is_monotonic_and_the_opening_ends_to_the_second_it_says() -> None:
    here = stage(circuit_break_secs=0.5)
    here.fails_at_once(A, 3)
    here.clock.advance(0.4)
    assert here.line(A).returns_in == pytest.approx(0.1)


def test_mended_a_late_failure_does_not_move_the_opening() -> None:
    here = stage()
    late = [here.takes(A) for _ in range(5)]
    here.fails_at_once(A, 3)
    here.clock.advance(50)
    for permit in late:
        permit.failure(broken())
    assert here.line(A).returns_in == pytest.approx(10)


def test_mended_a_late_success_does_not_close() -> None:
    here = stage()
    late = here.takes(A)
    here.fails_at_once(A, 3)
    late.success()
    assert here.line(A).state == "open"


def test_mended_half_open_lets_one_request_in() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    here.clock.advance(60)
    assert [here.takes().target.id for _ in range(4)] == [A, B, B, B]


def test_mended_random_is_decided_by_the_seed() -> None:
    def drawn(seed: int) -> list[str]:
        here = stage(strategy="random", seed=seed)
        return [here.succeeds() for _ in range(50)]

    assert drawn(7) == drawn(7) != drawn(8)


def test_mended_a_callers_own_mistake_counts_against_no_profile() -> None:
    here = stage()
    here.fails_at_once(A, 5, invalid())
    assert here.line(A).health is Health.HEALTHY
    assert here.line(A).consecutive_failures == 0


def test_mended_a_dead_key_is_out_at_once_with_all_its_models() -> None:
    here = stage(profile("a"), profile("b"), fallback_models=("gpt-5.4",))
    here.fails(A, error=unauthorized())
    assert [here.line(i).state for i in (A, f"{A}/gpt-5.4", B)] == ["open", "open", "closed"]


def test_mended_sequential_does_not_pick_the_failed_profile_again_within_a_request() -> None:
    here = stage()
    script = Script(here.clock, {A: [broken()], B: [broken()], C: ["hi"]})
    assert here.failover.run(script.call).target.id == C
    assert script.asked == [A, B, C]


def test_mended_a_key_is_never_shown(tmp_path: Path) -> None:
    listed = three()
    fo = Failover(presets.profile_targets(listed, model="gpt-5.5"), presets.profiles(), clock=FakeClock())

    def call(target: object) -> None:
        raise ProviderError(401, f"Incorrect API key provided: {KEY}-a.")

    with pytest.raises(AllTargetsFailed) as raised:
        fo.run(call)
    path = tmp_path / "profiles.yaml"
    path.write_text(f"openai: {{model: m, profiles: [{{name: a, api_key: {KEY}}}]}}")
    looked_at = [
        listed, listed[0].model_dump_json(), presets.api_keys(listed), fo.targets, fo.health(), fo.explain(), fo,
        raised.value, raised.value.trail, raised.value.__notes__, presets.read_profiles(path), fo.policy.to_yaml(),
    ]  # fmt: skip
    assert KEY not in "\n".join(f"{thing} {thing!r}" for thing in looked_at)


def test_a_fingerprint_tells_keys_apart_and_nothing_else() -> None:
    one = presets.fingerprint("openai", SecretStr(KEY))
    assert one == presets.fingerprint("openai", SecretStr(KEY))
    assert (
        len({one, presets.fingerprint("openai", SecretStr(KEY + "x")), presets.fingerprint("x", SecretStr(KEY))}) == 3
    )
    assert len(one) == 16


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"api_key": ""}, r"Profile.api_key = '\[redacted\]': "),
        ({"name": ""}, "Profile.name = ''"),
        ({"rate_limit_rpm": -1}, "Profile.rate_limit_rpm = -1: it should be greater than or equal to 0"),
        ({"apikey": KEY}, r"Profile.apikey = '\[redacted\]': there is no such field. Did you mean 'api_key'"),
    ],
)
def test_a_wrong_profile_is_refused_and_its_key_not_shown(facts: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        profile("a", **facts)
    assert KEY not in str(raised.value)


def test_a_base_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"openai/a.base_url = 'eu.example': is not a URL"):
        presets.profile_targets([profile("a", base_url="eu.example")], model="m")


def test_no_profiles_and_a_name_given_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"profiles = \[\]: there is nobody to ask"):
        presets.profile_targets([], model="m")
    with pytest.raises(ConfigError, match="profiles: 'openai/a' is given twice"):
        presets.profile_targets([profile("a"), profile("a")], model="m")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("openai: {profiles: []}", "openai.model is missing"),
        ("openai: {model: m}", "there is nobody to ask"),
        ("openai: {model: m, profiles: [{name: a}]}", r"openai.profiles\[0\].api_key is missing"),
        ("openai: {model: m, profiles: [a]}", r"openai.profiles.0 = 'a': it should be a valid dictionary"),
        (
            "openai: {model: m, strategies: x}",
            "openai.strategies = 'x': there is no such field. Did you mean 'strategy'",
        ),
        ("openai: {model: m, strategy: best}", "openai.strategy = 'best': it should be 'sequential', 'round_robin'"),
        (
            "openai: {model: m, profiles: [{name: a, api_key: k}], circuit_break_secs: .nan}",
            "openai: circuit_break_secs = nan: it should be a number of seconds greater than 0",
        ),
        (
            "openai: {model: m, profiles: [{name: a, api_key: k}], max_retries: -1}",
            "openai: max_retries = -1: it should be a whole number, 0 or more",
        ),
        ("openai: 3", "openai = 3: give fields by name"),
        ("[]", r"= \[\]: give fields by name"),
    ],
)
def test_a_wrong_file_is_refused_with_its_path_and_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as raised:
        presets.read_profiles(path)
    assert str(raised.value).startswith(f"{path}: ")
