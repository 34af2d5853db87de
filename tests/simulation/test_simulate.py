"""``failover simulate``: the table, the same bytes for the same seeds, one's own scenario and policy, and wrong use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from failover_plugin import ConfigError, Policy
from failover_plugin.cli import main
from failover_plugin.simulation import Scenario, find_scenario, simulate
from failover_plugin.simulation.command import _chosen, run_command
from failover_plugin.simulation.runner import POLICIES
from failover_plugin.simulation.table import as_json, stable, text
from failover_plugin.simulation.variants import VARIANTS, run_variants, variants_text

MINE = """
about: my primary dies
fleet: solo
load: {rate: 5, T: 60}
faults: [{kind: error, t0: 20, t1: 30, match: {name: p1}}]
goals: [{metric: ok, min: 99}, {metric: waste, max: 0.0001}]
"""
BARE = "load: {rate: 5, T: 30}\nfaults: [{kind: error, t0: 10, match: {name: openai}}]\n"
CONFIG = """
version: 1
targets:
  - {id: openai, provider: openai, model: gpt-5.5, credential: "env:OPENAI_API_KEY", tier: 0}
  - {id: claude, provider: anthropic, model: claude-sonnet-5, credential: "env:ANTHROPIC_API_KEY", tier: 1}
policy: {max_attempts: 2}
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return path


def small(**fields: Any) -> Scenario:
    load = {"rate": 4, "T": 40, "workers": 2}
    fault = {"kind": "hang", "p": 0.5, "t0": 10, "t1": 25, "match": {"name": "p1"}}
    return Scenario(**{"name": "small", "fleet": "std", "load": load, "faults": [fault], **fields})


# -- what it prints ---------------------------------------------------------------------------------------------------


def test_everybody_has_a_row_and_every_goal_a_mark(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(mine), "--seeds", "2", "--processes", "1"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == "mine: my primary dies"
    assert [line.split()[0] for line in lines[2 : 2 + len(POLICIES)]] == list(POLICIES)
    assert {len(line) for line in lines[1 : 2 + len(POLICIES)]} == {len(lines[1])}
    goals = lines[2 + len(POLICIES)]
    assert "ok% ≥ 99: 100.00 ✓ met" in goals
    assert "waste ≤ 0.0001: " in goals
    assert goals.endswith("✗ missed")
    assert lines[-1] == "Goals met by failover: 1 of 2."
    assert shown.err == "", "progress is for terminals only"


def test_median_and_worst_are_shown_where_they_differ() -> None:
    results = simulate([small()], seeds=3, policies=["failover", "oracle"])
    row = next(line for line in text(results).splitlines() if line.split()[0] == "failover")
    assert "…" in row
    assert text(simulate([small()], seeds=1, policies=["failover"])).count("…") == 0


def test_json_says_the_same(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", str(mine), "--seeds", "2", "--json", "--policies", "failover,oracle"])
    found = json.loads(capsys.readouterr().out)["scenarios"][0]
    assert found["name"] == "mine"
    assert set(found["policies"]) == {"failover", "oracle"}
    assert found["seeds"] == [1000, 1001]
    ok = found["policies"]["failover"]["ok"]
    assert (len(ok["seeds"]), ok["worst"]) == (2, min(ok["seeds"]))
    assert [(goal["metric"], goal["met"]) for goal in found["goals"]] == [("ok", True), ("waste", False)]


def test_what_never_came_is_null() -> None:
    assert stable(float("inf")) is None
    assert stable(-0.0) == 0.0
    assert stable(1 / 3) == 0.333333


# -- determinism ------------------------------------------------------------------------------------------------------


def test_the_same_seeds_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """Whatever the hash seed, one process or two."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    command = [sys.executable, "-m", "failover_plugin.cli", "simulate", str(path), "--seeds", "2", "--json"]
    command = [sys.executable, "-c", "from failover_plugin.cli import main; main()", *command[3:]]
    outputs = {
        subprocess.run(
            [*command, "--processes", processes],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=55,
        ).stdout
        for seed, processes in (("1", "1"), ("2", "2"))
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop())


def test_another_seed_is_another_run() -> None:
    first = as_json(simulate([small()], seeds=1, policies=["failover", "litellm"]))
    assert first == as_json(simulate([small()], seeds=1, policies=["failover", "litellm"]))
    assert first != as_json(simulate([small(seed=1001)], seeds=1, policies=["failover", "litellm"]))


def test_every_policy_is_asked_the_same() -> None:
    found = simulate([find_scenario("uplink").having(load=small().load)], seeds=1)[0]
    assert set(found.figures) == set(POLICIES)


# -- one's own --------------------------------------------------------------------------------------------------------


def test_a_scenario_takes_its_targets_from_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare.yaml").write_text(BARE)
    (tmp_path / "failover.yaml").write_text(CONFIG)
    command = ["simulate", str(tmp_path / "bare.yaml"), "--policies", "failover", "--seeds", "1"]
    assert main(command) == 2
    assert "has no targets: name a fleet" in capsys.readouterr().err
    assert main([*command, "--policy", str(tmp_path / "failover.yaml")]) == 0
    assert "failover" in capsys.readouterr().out


def test_a_policy_of_ones_own_is_what_is_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that gives up at once delivers less than the default."""
    (tmp_path / "policy.yaml").write_text("max_attempts: 1\n")
    (tmp_path / "mine.yaml").write_text(MINE)
    command = ["simulate", str(tmp_path / "mine.yaml"), "--policies", "failover", "--seeds", "1", "--json"]
    figures = []
    for extra in ([], ["--policy", str(tmp_path / "policy.yaml")]):
        assert main([*command, *extra]) == 0
        figures.append(json.loads(capsys.readouterr().out)["scenarios"][0]["policies"]["failover"])
    assert figures[0]["ok"]["median"] > figures[1]["ok"]["median"]
    by_hand = simulate([find_scenario(command[1])], seeds=1, policies=["failover"], policy=Policy(max_attempts=1))
    assert stable(by_hand[0].figures["failover"][0]["ok"]) == figures[1]["ok"]["median"]


# -- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("fleet: std\nfaults: [{kind: error, t0: 60, t1: 10}]", "t1 = 10 is not after t0 = 60"),
        ("fleet: std\nfaults: [{kind: error, t0: -1}]", "faults.0.t0 = -1"),
        ("fleet: std\nfault: []", "scenario.fault = []: there is no such field. Did you mean 'faults'?"),
        ("fleet: std\nfaults: [{kind: error, match: {name: p9}}]", "no target fits. Known: f1, p1, p2, q1"),
        ("targets: []", "nobody to ask"),
        ("fleet: {count: 1000000000}", "count = 1000000000: it should be less than or equal to 100000"),
        ("fleet: std\nload: {rate: .nan}", "load.rate = nan"),
        ("fleet: std\npolicy: {max_atempts: 1}", "Did you mean 'max_attempts'?"),
        ("[1, 2]", "give fields by name"),
        ("fleet: [std", "is not YAML or JSON"),
    ],
)
def test_a_wrong_scenario_is_said_with_file_and_remedy_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    assert main(["simulate", "outage", str(path)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert str(path) in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is none of that name or number"),
        (["outage", "--seeds", "0"], "--seeds = 0: give a number from 1 to 1000"),
        (["outage", "--processes", "0"], "--processes = 0: give a number from 1"),
        (["outage", "--policies", "ours"], "policies: 'ours': there is no such policy. Known: failover, oracle"),
        (["outage", "--policy", "/gone.yaml"], "/gone.yaml: cannot be read"),
    ],
)
def test_wrong_use_is_said_and_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["simulate", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_policy_names_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("a.yaml", "max_attempts: 0"), ("b.yaml", CONFIG.replace("max_attempts", "max_atempts"))):
        (tmp_path / name).write_text(content)
        assert main(["simulate", "outage", "--policy", str(tmp_path / name)]) == 2
        assert str(tmp_path / name) in capsys.readouterr().err


def test_a_wrong_policy_is_found_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'max_attempts'"):
        simulate([small(policy={"max_atempts": 1})])


# -- variants ---------------------------------------------------------------------------------------------------------


def test_variants_are_judged_by_the_gap_to_the_oracle() -> None:
    gaps = run_variants([small()], seeds=1)
    assert list(gaps["small"]) == ["base", *VARIANTS]
    assert all(-100 <= gap <= 100 for gap in gaps["small"].values())
    shown = variants_text({"small": {**gaps["small"], "base": 0.0, "phase": 3.5, "seeds": 2.9}})
    assert "✗ 3.50" in shown
    assert "✗ 2.90" not in shown


class Terminal(StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


def test_variants_are_printed_and_a_terminal_sees_how_far_it_is(mine: Path) -> None:
    for as_it_is, begins in ((False, "SLO points behind the oracle"), (True, "{")):
        out, screen = StringIO(), Terminal()
        run_command(out, screen, [str(mine)], seeds=1, variants=True, json=as_it_is, processes=1)
        assert out.getvalue().startswith(begins)
        assert "\r1 of 16 runs" in screen.getvalue()
        assert screen.getvalue().endswith("\r\033[K")


def test_variants_are_those_of_the_catalogue_unless_named() -> None:
    assert len(_chosen([], held_out=True)) == 20
    assert len(_chosen([], held_out=False)) > 30
    named = _chosen(["F1", "retry_after_absurd", "2"], held_out=True)
    assert [s.name for s in named] == ["retry_after_absurd", "outage"], "each once, by whatever name"
