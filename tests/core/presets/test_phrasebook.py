"""The table of what to write here for what was written there tells the truth: each right-hand side runs."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from core.scripted import broken, chain
from pydantic import SecretStr

import failover_plugin
from failover_plugin import Failover, Policy, Target, presets
from failover_plugin.presets import Node, Profile
from failover_plugin.presets.phrasebook import PHRASES

ROWS = [(design[:2], there, here) for design, rows in PHRASES.items() for there, here in rows]


def names() -> dict[str, Any]:
    """What the right-hand sides may take for granted."""
    primary, fallback = chain(2)
    profiles = [Profile(name="work", provider="openai", api_key=SecretStr("k" * 30))]
    targets = presets.profile_targets(profiles, model="gpt-5.5")
    ours = {name: getattr(failover_plugin, name) for name in failover_plugin.__all__}
    return ours | {
        "fo": Failover(presets.fallback_targets(primary, fallback), presets.triggers(), rng=Random(1)),
        "permit": Failover(targets, presets.profiles(), rng=Random(1)).acquire(),
        "id": "a", "error": broken(), "SecretStr": SecretStr, "key": "k" * 30, "urls": ["https://api.example/v1"],
        "targets": targets, "profiles": profiles, "primary": primary, "fallback": fallback,
        "nodes": [Node("https://node1.example", "address-1")],
        "call": lambda target: "hi", "open_": lambda target: iter(["hi"]),
    }  # fmt: skip


@pytest.mark.parametrize(("design", "there", "here"), ROWS)
def test_what_is_written_here_runs(
    design: str, there: str, here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("profiles.yaml").write_text("openai: {model: gpt-5.5, profiles: [{name: work, api_key: k}]}")
    known = names()
    fo = known["fo"]
    fo.run(lambda target: exec(here, known))
    assert isinstance(known["fo"], Failover)
    assert fo.health()["b"].attempts == 0, "nor did it fail over"


def test_every_design_has_its_rows() -> None:
    assert [design[:2] for design in PHRASES] == ["R1", "R2", "R3", "R4", "R5"]
    assert all(len(rows) >= 10 for rows in PHRASES.values())


def test_the_table_is_markdown_with_two_columns_throughout() -> None:
    lines = [line for line in presets.table().splitlines() if line.startswith("|")]
    assert len(lines) == len(ROWS) + 2 * len(PHRASES)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}


def test_every_public_preset_is_in_the_table_or_is_what_one_there_is_made_of() -> None:
    told = presets.table()
    made_of = {"table", "Provider", "Profile", "Trigger", "fingerprint", "OPENAI_TO_ANTHROPIC", "ANTHROPIC_TO_OPENAI"}
    assert [name for name in presets.__all__ if name not in made_of and f"presets.{name}" not in told] == []


@pytest.mark.parametrize(
    "policy",
    [
        presets.endpoints(),
        presets.profiles(),
        presets.pool(),
        presets.triggers(model_maps={"b": presets.OPENAI_TO_ANTHROPIC}),
        presets.adaptive(),
    ],
)
def test_a_preset_is_a_policy_that_can_be_written_to_a_file_and_read_again(policy: Policy, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy.to_yaml())
    assert Policy.from_file(path) == policy


def test_a_target_of_every_preset_is_a_plain_target() -> None:
    made: list[Target] = [
        *presets.endpoint_targets(["https://a.example"], provider="p", model="m"),
        *presets.node_targets([Node("https://a.example", "a")], provider="p", model="m"),
        *presets.openai_to_anthropic().targets,
    ]
    assert all(type(each) is Target for each in made)
