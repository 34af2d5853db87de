"""``failover classify``: an answer goes in; out comes what it meant, whose fault it was, and how that was found out."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from failover_plugin.autopsy.command import run_command
from failover_plugin.classify import VERDICTS, classify_response
from failover_plugin.classify.verdicts import FAULTS, MEANINGS
from failover_plugin.cli import main

KEY = "sk-" + "x" * 24
BUSY = {"error": {"message": f"Rate limit reached, try again in 7m12s ({KEY})", "code": "rate_limit_exceeded"}}
LATE = {"retry-after": ["20"], "content-type": ["application/json"]}


def interaction(
    status: object, body: object, uri: str = "https://api.groq.com/openai/v1/chat/completions"
) -> dict[str, Any]:
    """What VCR writes."""
    return {
        "request": {"method": "POST", "uri": uri, "body": "{}", "headers": {}},
        "response": {"status": status, "headers": LATE, "body": body},
    }


def cassette(path: Path, *interactions: object) -> str:
    """A cassette with these interactions."""
    file = path / "a_cassette.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "interactions": list(interactions)}), "utf-8")
    return str(file)


def data(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """What ``--json`` prints."""
    assert main(["classify", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_cassette_is_explained_answer_by_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    well = interaction({"code": 200, "message": "OK"}, {"string": '{"choices": [{"message": {"content": "Hello"}}]}'})
    path = cassette(tmp_path, interaction({"code": 429, "message": "x"}, {"string": json.dumps(BUSY)}), well)

    assert main(["classify", path]) == 0

    first, second = capsys.readouterr().out.split("\n\n")
    assert f"{path}, 1 of 2: POST https://api.groq.com/openai/v1/chat/completions -> 429" in first
    assert "class       rate_limit" in first
    assert "scope       rate" in first
    assert "verdict     it rests until the time named" in first
    assert "retry       in 20 s (retry-after)" in first
    assert "decided by  " in first
    assert "provider    groq" in first
    assert "class       none" in second
    assert KEY not in first


def test_parts_of_an_answer_are_explained_and_the_provider_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"error": {"message": "You have no credits", "code": "insufficient_quota"}})
    [found] = data(
        "--status", "429", "--header", "Retry-After: 7", "--body", body, "--provider", "OpenAI", capsys=capsys
    )

    same = classify_response(429, {"retry-after": "7"}, body, provider="openai")
    assert found["error_class"] == same.error_class == "quota_exhausted"
    assert found["scope"] == same.scope
    assert found["fault"] == FAULTS[same.scope]
    assert found["meaning"] == MEANINGS[same.error_class]
    assert found["verdict"]["hold"] == VERDICTS[same.error_class].hold
    assert (found["retry_after"], found["retry_why"]) == (7.0, "retry-after")
    assert found["decided_by"] == same.evidence
    assert found["provider"] == "openai"


def test_the_rules_that_were_looked_at_end_with_the_one_that_decided(capsys: pytest.CaptureFixture[str]) -> None:
    [found] = data("--status", "429", "--body", json.dumps(BUSY), capsys=capsys)
    assert found["decided_by"] in found["steps"][-1]
    assert found["error_class"] in found["steps"][-1]
    assert (found["retry_after"], found["retry_why"]) == (432.0, 'says "try again in 7m12s"')


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (401, "it is blocked for 60 s, doubling to an hour, and comes back with one probe; any other target is asked"),
        (400, "no evidence against anybody's health; one target of another provider or model is asked"),
        (500, "evidence of 1 against its health; it is asked once more where its tier has no other"),
    ],
)
def test_a_verdict_is_a_sentence(code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", "--status", str(code)]) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(("source", "body_file"), [("-", None), (None, "-")])
def test_a_body_comes_from_standard_input(source: str | None, body_file: str | None) -> None:
    out = io.StringIO()
    run_command(out, io.BytesIO(json.dumps(BUSY).encode()), source, status="429", body_file=body_file)
    assert "rate_limit_exceeded" in out.getvalue()


def test_a_body_comes_from_a_file_and_may_be_an_event_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "body.txt"
    file.write_text('event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}\n\n')
    [found] = data("--status", "200", "--body-file", str(file), capsys=capsys)
    assert found["error_class"] == "overloaded"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ({"code": 429, "message": "x"}, {"string": json.dumps(BUSY)}),
        ({"code": 429, "message": "x"}, {"string": json.dumps(BUSY).encode()}),
        ({"code": 429, "message": "x"}, {"string": gzip.compress(json.dumps(BUSY).encode(), mtime=0)}),
        ({"code": "429"}, {"base64_string": base64.b64encode(json.dumps(BUSY).encode()).decode()}),
        (429, json.dumps(BUSY)),
        (429, {"string": BUSY}),
    ],
    ids=["text", "bytes", "gzip", "base64", "plain", "parsed"],
)
def test_cassettes_keep_bodies_in_several_ways(
    status: object, body: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [found] = data(cassette(tmp_path, interaction(status, body)), capsys=capsys)
    assert (found["error_class"], found["code"]) == ("rate_limit", "rate_limit_exceeded")


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"word " * 99, mtime=0)[:20], b"\x1f\x8b rubbish", {"base64_string": "=not base64="}, {}, None],
)
def test_a_body_that_cannot_be_read_leaves_the_status_and_the_headers(
    body: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"string": body} if isinstance(body, bytes) else body
    [found] = data(cassette(tmp_path, interaction(429, held)), capsys=capsys)
    assert (found["error_class"], found["retry_after"]) == ("rate_limit", 20.0)


def test_no_key_is_shown_wherever_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": KEY, "type": f"x {KEY}"}}
    where = f"https://me:{KEY}@generativelanguage.googleapis.com/v1/{KEY}?key={KEY}"
    path = cassette(tmp_path, interaction(401, {"string": json.dumps(body)}, where))
    for form in ([], ["--json"]):
        assert main(["classify", path, *form]) == 0
        shown = capsys.readouterr().out
        assert KEY not in shown
        assert "generativelanguage.googleapis.com" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--status is missing: give it with --header and --body, or give a cassette alone"),
        (["--body", "x"], "--status is missing"),
        (["-"], "--status is missing"),
        (["--status", "42"], "--status = 42: give an HTTP status from 100 to 599"),
        (["--status", "600"], "--status = 600"),
        (["--status", "4 9"], "--status = 4 9"),
        (["--status", "four"], "--status = four"),
        (["--status", "429", "--header", "retry-after 20"], "--header = 'retry-after 20': give it as 'name: value'"),
        (["--status", "429", "--header", ": 20"], "--header = ': 20'"),
        (["--status", "429", "--header", "retry after: 20"], "--header = 'retry after: 20'"),
        (["--status", "429", "--provider", "nobody"], "--provider = 'nobody': is not known. Known: anthropic, azure,"),
        (["--status", "429", "--body", "x", "--body-file", "y"], "give one body"),
        (["--status", "429", "-", "--body", "x"], "give one body"),
        (["--status", "429", "a.yaml"], "a.yaml: give a cassette, or --status with --header and --body, not both"),
        (["--status", "429", "--body-file", "no/such"], "--body-file = no/such: cannot be read (No such file"),
        (["no/such.yaml"], "no/such.yaml: cannot be read (No such file"),
        (["a.yaml", "--body", "x"], "--status is missing"),
    ],
)
def test_wrong_use_is_said_and_nothing_is_printed(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", *arguments]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert said in shown.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "give fields by name"),
        ("a: [", "is not YAML or JSON (line 1, column"),
        ("a: 1", "interactions are missing: give a cassette (VCR's YAML), or --status"),
        ("interactions: []", "interactions are missing"),
        ("interactions: {a: 1}", "interactions are missing"),
        ("interactions: [7]", "1 of 1 = 7: give fields by name"),
        ("interactions: [{}]", "request = None: give fields by name"),
        ("interactions: [{request: {}}]", "response = None: give fields by name"),
        ("interactions: [{request: {}, response: {}}]", "status = None: give an HTTP status from 100 to 599"),
        ("interactions: [{request: {}, response: {status: {code: 42}}}]", "status = 42: give an HTTP status"),
        ("interactions: [{request: {}, response: {status: 429, headers: [1]}}]", "headers = [1]: give fields by name"),
    ],
)
def test_a_file_that_is_no_cassette_is_said(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert main(["classify", str(file)]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert f"{file}" in shown.err
    assert said in shown.err
