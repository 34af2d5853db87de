"""The cassettes themselves: where they come from, what is in them, and that they can be made again."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.cassettes import FOLDER, names
from support.recording import HOSTS, PROVENANCE, SCENARIOS, WAYS

KEY_SHAPED = re.compile(
    r"\b(?:sk|pk|gsk|xai|hf|ghp|rk)[-_][A-Za-z0-9_-]{6,}|AIza[\w-]{10,}|AKIA\w{10,}|Bearer\s+\S+|eyJ[\w-]{10,}|test-key"
)
SECRET_HEADERS = {"authorization", "x-api-key", "api-key", "cookie", "set-cookie", "openai-organization"}


def texts() -> list[tuple[str, str]]:
    return [(name, (FOLDER / f"{name}.yaml").read_text()) for name in names()]


def test_recording_again_through_every_adapter_gives_the_same_bytes(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests)}
    subprocess.run([sys.executable, "-m", "support.recording", str(tmp_path)], env=environment, check=True)
    if os.environ.get("RECORD"):
        for family in HOSTS:
            shutil.rmtree(FOLDER / family, ignore_errors=True)
            shutil.copytree(tmp_path / next(iter(WAYS)) / family, FOLDER / family)
    files = [f"{name}.yaml" for name in names()]
    for way in WAYS:
        assert filecmp.cmpfiles(FOLDER, tmp_path / way, files, shallow=False) == (files, [], []), way


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.family}/{scenario.name}")
def test_the_first_lines_say_where_a_cassette_comes_from(scenario: object) -> None:
    text = (FOLDER / scenario.family / f"{scenario.name}.yaml").read_text()
    assert text.startswith(PROVENANCE.format(follows=scenario.follows))
    assert text.splitlines()[0] == "# Recorded from the failover-plugin emulator, not from the provider."
    assert re.fullmatch(r"# The body follows https://\S+", text.splitlines()[1])


def test_every_cassette_has_a_scenario() -> None:
    assert names() == sorted(f"{scenario.family}/{scenario.name}" for scenario in SCENARIOS)


def test_no_cassette_has_anything_like_a_key() -> None:
    for name, text in texts():
        assert not KEY_SHAPED.search(text), name
        for interaction in yaml.safe_load(text)["interactions"]:
            headers = {*interaction["request"]["headers"], *interaction["response"]["headers"]}
            assert not headers & SECRET_HEADERS, name


def test_what_looks_like_a_key_is_found() -> None:
    for key in ("sk-" + "a1b2c3d4", "sk-ant-" + "a1b2c3d4", "AIza" + "a1b2c3d4e5f6", "Bearer " + "a1b2c3"):
        assert KEY_SHAPED.search(f"key: {key}")


def test_every_cassette_is_one_answer_of_the_provider_it_is_filed_under() -> None:
    for name, text in texts():
        (interaction,) = yaml.safe_load(text)["interactions"]
        family, _, rest = name.partition("/")
        assert interaction["request"]["uri"].startswith(f"https://{HOSTS[family]}/v1/")
        assert rest.startswith(str(interaction["response"]["status"]["code"]))
