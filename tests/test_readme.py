"""The README tells the truth: its tables are the code's, and its examples run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from failover_plugin import BreakerPolicy, BudgetPolicy, LatencyPolicy, LimitsPolicy, Policy, load_config, presets
from failover_plugin.classify import verdict_table

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text("utf-8")


def section(name: str) -> str:
    return TEXT.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()


def policy_table() -> str:
    rows = ["| field | default | |", "| --- | --- | --- |"]
    parts = {"breaker": BreakerPolicy, "latency": LatencyPolicy, "limits": LimitsPolicy, "budget": BudgetPolicy}
    rows += [row("", name, Policy) for name in Policy.model_fields if name not in parts]
    rows += [row(f"{prefix}.", name, part) for prefix, part in parts.items() for name in part.model_fields]
    return "\n".join(rows)


def row(prefix: str, name: str, part: type[BaseModel]) -> str:
    field = part.model_fields[name]
    assert field.default is not PydanticUndefined or field.default_factory is not None
    default = field.default if isinstance(field.default, str | int | float | None) else "none"
    description = " ".join((field.description or "").split())
    return f"| `{prefix}{name}` | {default} | {description} |"


def test_the_verdict_table_is_the_one_in_the_code() -> None:
    assert section("verdicts") == verdict_table().strip()


def test_the_table_of_presets_is_the_one_in_the_code() -> None:
    assert section("presets") == presets.table().strip()


def test_the_policy_table_is_the_one_in_the_code() -> None:
    assert section("policy") == policy_table()


def test_the_configuration_file_loads(tmp_path: Path) -> None:
    (block,) = (block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.S) if not block.startswith("model_list"))
    path = tmp_path / "failover.yaml"
    path.write_text(block, "utf-8")

    targets, policy = load_config(path)

    assert [t.id for t in targets] == ["openai", "claude"]
    assert policy.attempt_timeout == 60


def test_the_examples_run_as_they_stand_and_print_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    try:
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.S):
            exec(compile(block, str(README), "exec"), names)
    finally:
        names["emulator"].stop()

    promised = re.findall(r"^print\(.*\) +# (Hello .*|fallback .*|True)$", TEXT, re.M)
    printed = capsys.readouterr().out
    assert promised
    assert [line for line in promised if line not in printed] == []
