"""From what a user wrote to targets and a policy: every mistake is named with its field, its value and the remedy."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import pytest

from failover_plugin import AllTargetsFailed, ConfigError, ErrorClass, Failover, Policy, Request, Target, load_config

GOOD = """
version: 1
targets:
  - {id: openai, provider: openai, model: gpt-5.5, credential: env:OPENAI_API_KEY, tier: 0, rpm: 500, tags: [us]}
  - {id: claude, provider: anthropic, model: claude-sonnet-5, credential: env:ANTHROPIC_API_KEY, tier: 1}
policy: {attempt_timeout: 60, stream_failover: before_first_content, fallback_on: [rate_limit, overloaded, timeout]}
"""


def secret(prefix: str = "sk-") -> str:
    """Looks like a key and is none."""
    return prefix + "".join(f"{n:x}Q" for n in range(16)) * 2


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str, name: str = "failover.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def error_in(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    return str(raised.value)


def test_a_file_becomes_targets_and_a_policy(file: Any) -> None:
    targets, policy = load_config(file(GOOD))
    assert [(t.id, t.tier, t.rpm, t.tags) for t in targets] == [
        ("openai", 0, 500, frozenset({"us"})),
        ("claude", 1, None, frozenset()),
    ]
    assert policy == Policy(attempt_timeout=60, fallback_on=frozenset({"rate_limit", "overloaded", "timeout"}))
    assert Failover(*load_config(file(GOOD))).run(lambda t: t.id).value == "openai"


def test_json_is_read_too(file: Any) -> None:
    path = file('{"targets": [{"id": "a", "provider": "p", "model": "m"}]}', "failover.json")
    targets, policy = load_config(str(path))
    assert targets == (Target("a", provider="p", model="m"),)
    assert policy == Policy()


def one_target(**fields: str) -> str:
    given = {"id": "a", "provider": "p", "model": "m"} | fields
    return "targets: [{" + ", ".join(f"{k}: {v}" for k, v in given.items()) + "}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["give fields by name"]),
        ("- a\n- b", ["give fields by name"]),
        ("policy: {}", ["targets = None", "give a list of targets"]),
        ("targets: []", ["nobody to ask", "at least one"]),
        ("targets: {a: b}", ["give a list of targets"]),
        ("targets: [a]", ["targets[0] = 'a'", "give fields by name"]),
        (one_target() + "\nversion: 2", ["version = 2", "reads version 1"]),
        (one_target() + "\nversion: one", ["version = 'one'"]),
        (one_target() + "\npolicies: {}", ["policies", "no such section", "policy, targets, version"]),
        (one_target() + "\npolicy: [a]", ["policy = ['a']", "give fields by name"]),
        (one_target() + "\npolicy: {max_attempt: 1}", ["Policy.max_attempt = 1", "'max_attempts'"]),
        (one_target() + "\npolicy: {breaker: {treshold: 1}}", ["treshold = 1", "'threshold'"]),
        (one_target() + "\npolicy: {self: 1}", ["self = 1", "no such field"]),
        (one_target(modle="m"), ["targets[0].modle = 'm'", "Did you mean 'model'"]),
        (one_target(tier="-1"), ["targets[0].tier = -1", "greater than or equal to 0"]),
        (one_target(weight=".nan"), ["targets[0].weight = nan"]),
        (one_target(model="4.1"), ["targets[0].model = 4.1", "valid string"]),
        (one_target(id="''"), ["targets[0].id = ''", "at least 1 character"]),
        (one_target(rpm="0"), ["targets[0].rpm = 0", "greater than 0"]),
        ("targets: [{id: a, provider: p}]", ["targets[0].model is missing"]),
        ("targets:\n- {id: a, provider: p, model: m}\n- {id: a, provider: q, model: m}", ["'a' is given twice"]),
        ("targets: [", ["is not YAML or JSON", "line 1"]),
        ("targets: [!!python/object:os.system {}]", ["is not YAML or JSON"]),
        ("model: 2024-99-99", ["failover.yaml"]),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_remedy(file: Any, text: str, said: list[str]) -> None:
    error = error_in(file(text))
    assert error.count("failover.yaml") >= 1
    assert not [words for words in said if words not in error], error


def test_a_missing_file(tmp_path: Path) -> None:
    error = error_in(tmp_path / "nowhere.yaml")
    assert "nowhere.yaml: cannot be read (No such file or directory)" in error


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in error_in(tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "failover.yaml").write_bytes(b"\xff\xfe\x00")
    assert "is not text in UTF-8" in error_in(tmp_path / "failover.yaml")


@pytest.mark.parametrize(
    "template",
    [
        "targets: [{{id: a, provider: p, model: m, credential: {0}}}]",
        "targets: [{{id: a, provider: p, model: m, api_key: {0}}}]",
        "targets: [{{id: a, provider: p, model: m, tier: {0}}}]",
        "targets: [{0}]",
        "targets: {{a: {{api_key: {0}}}}}",
        "targets: {0}",
        "{0}",
        "version: {0}",
        "policy: {{api_key: {0}}}\ntargets: [{{id: a, provider: p, model: m}}]",
        "policy: {0}\ntargets: [{{id: a, provider: p, model: m}}]",
        "targets: [{{id: a, provider: p, model: m, credential: {0}",
        "targets: [{{id: {0}, provider: p, model: m}}, {{id: {0}, provider: p, model: m}}]",
    ],
)
@pytest.mark.parametrize("prefix", ["sk-", "AIza"])
def test_no_mistake_shows_a_key(file: Any, template: str, prefix: str) -> None:
    key = secret(prefix)
    assert key[8:] not in error_in(file(template.format(key)))


@pytest.mark.parametrize("field", ["api_key", "password", "client_secret"])
def test_a_field_for_secrets_is_never_echoed_whatever_it_holds(file: Any, field: str) -> None:
    assert "opensesame" not in error_in(file(one_target(**{field: "opensesame"})))
    assert "opensesame" not in error_in(file(one_target() + f"\npolicy: {{{field}: opensesame}}"))


# -- targets and requests as objects ----------------------------------------------------------------------------------


def refused(*targets: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        Failover(targets)
    return str(raised.value)


def test_no_targets() -> None:
    assert refused() == "targets = []: there is nobody to ask. Give at least one Target."


def test_two_targets_with_one_id() -> None:
    twins = [Target("a", provider=p, model="m") for p in "pq"]
    assert refused(*twins) == "targets: id = 'a' is given twice. Give every target an id of its own."


def test_something_else_than_a_target() -> None:
    assert "'gpt-5.5' is not a Target" in refused("gpt-5.5")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tier": -1}, ["Target 'a'.tier = -1", "greater than or equal to 0"]),
        ({"weight": 0.0}, ["weight = 0.0", "greater than 0"]),
        ({"weight": nan}, ["weight = nan", "finite"]),
        ({"cost": -1.0}, ["cost = -1.0"]),
        ({"model": ""}, ["model = ''"]),
        ({"context_window": 0}, ["context_window = 0"]),
        ({"tags": "eu"}, ["tags = 'eu'"]),
        ({"enabled": "perhaps"}, ["enabled = 'perhaps'"]),
    ],
)
def test_a_target_that_cannot_be_meant(fields: dict[str, Any], said: list[str]) -> None:
    error = refused(Target("a", **({"provider": "p", "model": "m"} | fields)))
    assert not [words for words in said if words not in error], error


@pytest.mark.parametrize("prefix", ["sk-", "gsk_", "AIza", ""])
def test_a_credential_that_looks_like_a_key_is_refused_and_not_shown(prefix: str) -> None:
    key = secret(prefix)
    error = refused(Target("a", provider="p", model="m", credential=key))
    assert "Target 'a'.credential looks like a secret" in error
    assert "Give a label" in error
    assert key[6:] not in error


@pytest.mark.parametrize("label", ["env:OPENAI_API_KEY", "key-1", "team blue", "sha256:1f3a9c"])
def test_a_label_is_a_fine_credential(label: str) -> None:
    assert Failover([Target("a", provider="p", model="m", credential=label)]).targets[0].credential == label


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"deadline": -1.0}, "Request.deadline = -1.0"),
        ({"deadline": nan}, "Request.deadline = nan"),
        ({"input_tokens": -5}, "Request.input_tokens = -5"),
        ({"require_tags": "eu"}, "Request.require_tags = 'eu'"),
        ({"model": 5}, "Request.model = 5"),
        ({"needs": frozenset({5})}, "Request.needs"),
    ],
)
def test_a_request_that_cannot_be_meant_asks_nobody(fields: dict[str, Any], said: str) -> None:
    asked: list[Target] = []
    fo = Failover([Target("a", provider="p", model="m")])
    with pytest.raises(ConfigError) as raised:
        fo.run(asked.append, Request(**fields))
    assert said in str(raised.value)
    assert asked == []


def test_tags_may_be_given_as_any_collection() -> None:
    fo = Failover([Target("a", provider="p", model="m", tags=["eu"])])  # type: ignore[arg-type]
    assert fo.targets[0].tags == frozenset({"eu"})
    assert fo.run(lambda t: t.id, Request(require_tags={"eu"})).value == "a"  # type: ignore[arg-type]
    with pytest.raises(AllTargetsFailed):
        fo.run(lambda t: t.id, Request(forbid_tags=["eu"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://user:pass@api.example.com:8443/v1?key=abc#x", "https://api.example.com:8443/v1"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("my-region", "my-region"),
        ("http://[nowhere", "http://[nowhere"),
    ],
)
def test_an_endpoint_is_kept_without_what_may_be_secret(given: str, kept: str) -> None:
    failover = Failover([Target("a", provider="p", model="m", endpoint=given)])

    assert failover.targets[0].endpoint == kept


@pytest.mark.parametrize(
    "endpoint", ["https://api.example/v1", "http://localhost:8000", "a-server", "https://[no.address", None]
)
def test_an_endpoint_without_secrets_is_kept_as_it_is(endpoint: str | None) -> None:
    assert Failover([Target("a", provider="p", model="m", endpoint=endpoint)]).targets[0].endpoint == endpoint


def test_a_policy_that_is_none_of_ours() -> None:
    with pytest.raises(ConfigError, match=r"policy = \{'attempt_timeout': 3\}: give a Policy"):
        Failover([Target("a", provider="p", model="m")], {"attempt_timeout": 3})  # type: ignore[arg-type]


def test_one_target_is_still_a_list() -> None:
    with pytest.raises(ConfigError, match="give a list of targets"):
        Failover(Target("a", provider="p", model="m"))  # type: ignore[arg-type]


def test_a_policy_is_written_in_the_same_order_everywhere() -> None:
    written = Policy(fallback_on=frozenset(ErrorClass)).to_yaml()
    listed = [line.removeprefix("- ") for line in written.splitlines() if line.startswith("- ")]
    assert listed == sorted(ErrorClass)


async def _later(event: object) -> None:
    """No plain function: nobody would wait for it."""


@pytest.mark.parametrize("listener", ["log", 3, _later])
def test_a_listener_that_cannot_be_told(listener: Any) -> None:
    with pytest.raises(ConfigError, match=r"on_event = .*: give a plain function of one event"):
        Failover([Target("a", provider="p", model="m")], on_event=listener)
