"""``failover record``, against an emulated provider at its real address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
import yaml

from failover_plugin.cli import main
from failover_plugin.errors import ConfigError
from failover_plugin.record.cleaning import cleaner, tells
from failover_plugin.record.command import run_command
from failover_plugin.record.providers import PROVIDERS
from failover_plugin.record.provoking import PROVOCATIONS, keywords
from support.expected import EXPECTED

KEY = "very-secret-0123456789"
LIMITS = {f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")}
pytestmark = pytest.mark.timeout(240)
TODAY = date(2026, 11, 20)
VARIABLES = {variable for provider in PROVIDERS.values() for variable in provider.variables.values()}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What came of recording one provider by name and another because it has a key, and what was said of it."""
    folder = tmp_path_factory.mktemp("recorded")
    named = record(folder, "openai", "--model", "gpt-4", OPENAI_API_KEY=KEY)
    keyed = record(folder, ANTHROPIC_API_KEY=KEY, GROQ_API_KEY=KEY, fails=True)
    return folder, named + keyed


def record(folder: Path, *arguments: str, fails: bool = False, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = kept | {"PYTHONPATH": str(Path(__file__).parents[1])} | variables
    command = [sys.executable, "-W", "ignore", "-m", "support.rerecording", *arguments, "--into", str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == int(fails), ran.stderr
    return ran.stdout + ran.stderr


def answers(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.yaml"))}


def test_a_provider_is_recorded_and_nothing_of_its_customer(recorded: tuple[Path, str]) -> None:
    folder, said = recorded
    told = answers(folder / "openai")

    assert sorted(told) == [
        "200_plain",
        "200_stream",
        "400_context_length",
        "400_unsupported",
        "401_invalid_api_key",
        "404_model_not_found",
    ]
    for text in [*told.values(), said]:
        for secret in (KEY, "org-a1b2c3d4e5", "me@example.com", "session=abc"):
            assert secret not in text
    assert all(re.match(r"# Recorded from openai on 20\d\d-\d\d-\d\d\nversion: 1\n", text) for text in told.values())
    assert "Hello" in told["200_plain"]
    assert "data: [DONE]" in told["200_stream"]


def test_a_compressed_answer_is_filed_as_what_it_says(recorded: tuple[Path, str]) -> None:
    folder, _said = recorded
    (interaction,) = yaml.safe_load((folder / "openai" / "400_context_length.yaml").read_text())["interactions"]
    response = interaction["response"]
    assert "longer than the context window" in response["body"]["string"]
    assert set(response["headers"]) == {"content-type", "date", *LIMITS}


def test_without_names_whoever_has_a_key_is_recorded(recorded: tuple[Path, str]) -> None:
    folder, said = recorded
    assert sorted(path.name for path in folder.iterdir()) == ["anthropic", "openai"]
    assert f"anthropic: {folder}/anthropic/200_plain.yaml" in said


def test_an_answer_that_was_not_provoked_is_not_filed(recorded: tuple[Path, str]) -> None:
    _folder, said = recorded
    assert "groq: plain left out: RateLimitError" in said
    assert "groq: unsupported left out: RateLimitError" in said
    assert "groq: context_length left out: there is no key to be wrong, or nobody knows how much is too much" in said
    assert "groq: model_not_found left out: the provider did not mind" in said


def test_a_recording_takes_the_place_of_what_was_only_documented() -> None:
    names = {cassette.partition("/")[2][4:] for cassette in EXPECTED} | {"plain", "stream"}
    assert {provocation.name for provocation in PROVOCATIONS} <= names


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_key_is_named_before_anybody_is_asked(provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", provider]) == 2
    told = capsys.readouterr().err
    assert all(variable in told for variable in PROVIDERS[provider].variables.values())
    assert provider in told


@pytest.mark.parametrize(
    ("names", "model", "told"),
    [
        ([], "", "no provider has its keys in the environment"),
        (["opanai"], "", "Did you mean 'openai'"),
        (["nobody-at-all"], "", "Known providers: openai,"),
    ],
)
def test_wrong_use_says_what_is_right(names: list[str], model: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run_command(StringIO(), names, into="nowhere", model=model, today=TODAY)


@pytest.mark.parametrize(("model", "window"), [("gpt-5.5", None), ("", 1000)])
def test_one_model_is_not_for_several_providers(
    monkeypatch: pytest.MonkeyPatch, model: str, window: int | None
) -> None:
    for variable in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(variable, KEY)
    with pytest.raises(ConfigError, match="they are one provider's"):
        run_command(StringIO(), ["openai", "groq"], into="nowhere", model=model, window=window, today=TODAY)


def test_a_window_of_no_tokens_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError, match="Give a positive number"):
        run_command(StringIO(), ["openai"], into="nowhere", window=0, today=TODAY)


def test_nothing_is_recorded_of_who_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", "http://127.0.0.1:9/v1")
    out = StringIO()
    assert run_command(out, ["vllm"], into=str(tmp_path), today=TODAY) == 1
    assert "vllm: plain left out: " in out.getvalue()
    assert "vllm: invalid_api_key left out: there is no key to be wrong" in out.getvalue()


def test_a_prompt_is_too_long_for_the_model_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    too_long = next(provocation for provocation in PROVOCATIONS if provocation.name == "context_length")
    told = keywords(too_long, PROVIDERS["openai"], "", 1000)
    assert told is not None
    assert len(told["messages"][0]["content"].split()) == 1500
    assert keywords(too_long, PROVIDERS["openai"], "", None) is None


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "a1b2c3d4e5f6a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:123456789012:model",
        "projects/my-own-project/locations",
        "https://my-resource.openai.azure.com/openai",
        "key=a%2Fb%3Dc",
    ],
)
def test_what_names_a_customer_is_taken_out(text: str) -> None:
    cleaned = cleaner(["a/b=c"])(text)
    for secret in ("a1b2c3d4e5f6", "123456789012", "my-own-project", "my-resource", "a%2Fb"):
        assert secret not in cleaned


@pytest.mark.parametrize(
    "header", ["set-cookie", "openai-organization", "x-request-id", "cf-ray", "anthropic-organization-id"]
)
def test_who_asked_is_in_no_header(header: str) -> None:
    assert not tells(header)


@pytest.mark.parametrize(
    "header", ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-amzn-errortype", "ratelimit"]
)
def test_what_the_answer_means_is(header: str) -> None:
    assert tells(header)
