"""The cassettes themselves: where they come from, what is in them, and that they can be made again."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from support.cassettes import FOLDER, names
from support.providers import PROVIDERS
from support.recording import PROVENANCE, WAYS, first, recorded
from support.scenarios import SCENARIOS, Scenario

KEY_SHAPED = re.compile(
    r"\b(?:sk|pk|gsk|xai|hf|ghp|rk|pplx|fw|csk|nvapi|tgp)[-_][A-Za-z0-9_-]{6,}|AIza[\w-]{10,}|A[KS]IA\w{10,}"
    r"|github_pat_\w{6,}|ya29\.\S+|Bearer\s+\S+|eyJ[\w-]{10,}|[?&]key=|test-key"
)
SECRET_HEADERS = {
    *("authorization", "x-api-key", "api-key", "cookie", "set-cookie", "openai-organization"),
    *("x-goog-api-key", "x-amz-security-token"),
}
REQUIRED = {
    "rate limit": {"rate_limit"},
    "quota": {"insufficient_quota", "credit_balance", "daily_limit"},
    "auth": {"invalid_api_key", "permission_denied"},
    "out of order": {"overloaded", "server_error", "capacity"},
    "context window": {"context_length"},
}
"""What there is of every provider, and under which names of the catalogue."""

_NOT_SHOWN = "no page, and no report in public, shows the answer"
_NO_ACCOUNTS = "a server of one's own has no accounts"
UNDOCUMENTED: dict[str, dict[str, str]] = {
    "openai_responses": dict.fromkeys(REQUIRED, "the same as of chat completions, which have them"),
    "mistral": {"quota": _NOT_SHOWN},
    "fireworks": {"context window": _NOT_SHOWN},
    "perplexity": {"quota": _NOT_SHOWN, "context window": _NOT_SHOWN},
    "github_models": {"context window": "a prompt that is too long is a 413: payload_too_large"},
    "nvidia": {"quota": _NOT_SHOWN, "context window": _NOT_SHOWN},
    "ollama": {"context window": "it cuts the prompt to size and says nothing"},
    "vllm": {"rate limit": _NO_ACCOUNTS, "quota": _NO_ACCOUNTS},
    "llamacpp": {"rate limit": _NO_ACCOUNTS, "quota": _NO_ACCOUNTS},
}
"""What there is no cassette of, and why."""


def texts() -> list[tuple[str, str]]:
    return [(name, (FOLDER / f"{name}.yaml").read_text()) for name in names()]


def readable(text: str) -> str:
    """A cassette without the notation of its binary bodies, and with what they say."""
    bodies = [interaction["response"]["body"]["string"] for interaction in yaml.safe_load(text)["interactions"]]
    binary = [body.decode("latin-1") for body in bodies if isinstance(body, bytes)]
    return "".join(binary) + re.sub(r"!!binary \|\n(\s+\S+\n)+", "\n", text)


@pytest.mark.timeout(240)
def test_recording_again_through_every_adapter_gives_the_same_bytes(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests)}
    subprocess.run([sys.executable, "-m", "support.recording", str(tmp_path)], env=environment, check=True)
    if os.environ.get("RECORD"):
        shutil.rmtree(FOLDER)
        for scenario in SCENARIOS:
            path = FOLDER / f"{scenario.cassette}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / first(scenario) / f"{scenario.cassette}.yaml", path)
    for way in WAYS:
        files = [f"{scenario.cassette}.yaml" for scenario in recorded(way)]
        assert filecmp.cmpfiles(FOLDER, tmp_path / way, files, shallow=False) == (files, [], []), way


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.cassette)
def test_the_first_lines_say_where_a_cassette_comes_from(scenario: Scenario) -> None:
    text = (FOLDER / f"{scenario.cassette}.yaml").read_text()
    assert text.startswith(PROVENANCE.format(follows=scenario.follows))
    assert text.splitlines()[0] == "# Recorded from the failover-plugin emulator, not from the provider."
    assert re.fullmatch(r"# The body follows https://\S+", text.splitlines()[1])


def test_every_cassette_has_a_scenario() -> None:
    assert names() == sorted(scenario.cassette for scenario in SCENARIOS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_the_errors_that_matter(provider: str) -> None:
    there = defaultdict(set)
    for name in names():
        there[name.partition("/")[0]].add(name.partition("/")[2][4:])
    missing = {what for what, any_of in REQUIRED.items() if not any_of & there[provider]}
    assert missing == set(UNDOCUMENTED.get(provider, {}))


def test_no_cassette_has_anything_like_a_key() -> None:
    for name, text in texts():
        assert not KEY_SHAPED.search(readable(text)), name
        for interaction in yaml.safe_load(text)["interactions"]:
            headers = {*interaction["request"]["headers"], *interaction["response"]["headers"]}
            assert not headers & SECRET_HEADERS, name


def test_what_looks_like_a_key_is_found() -> None:
    for key in ("sk-" + "a1b2c3d4", "sk-ant-" + "a1b2c3d4", "AIza" + "a1b2c3d4e5f6", "Bearer " + "a1b2c3"):
        assert KEY_SHAPED.search(f"key: {key}")


def test_every_cassette_is_one_answer_of_the_provider_it_is_filed_under() -> None:
    for name, text in texts():
        (interaction,) = yaml.safe_load(text)["interactions"]
        provider, _, rest = name.partition("/")
        assert interaction["request"]["uri"].startswith(f"https://{PROVIDERS[provider].host}/")
        assert rest.startswith(str(interaction["response"]["status"]["code"]))
