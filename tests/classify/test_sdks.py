"""What the real clients of OpenAI and Anthropic, and LangChain's models on them, raise when a provider fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import AzureChatOpenAI, ChatOpenAI

from failover_plugin.classify import classify
from failover_plugin.emulator import Emulator, Fault, Site, faults
from failover_plugin.model import Diagnosis

Call = Callable[[], object]

HELLO: Any = [{"role": "user", "content": "Hello"}]
ONCE: Any = {"max_retries": 0, "timeout": 0.3}
VERSION = "2024-10-21"


def calls_of(site: Site) -> dict[str, Call]:
    """One plain and one streaming call for each client."""
    plain_openai = openai.OpenAI(base_url=site.openai_url, api_key="test", **ONCE).chat.completions
    plain_anthropic = anthropic.Anthropic(base_url=site.anthropic_url, api_key="test", **ONCE).messages
    models = {
        "ChatOpenAI": ChatOpenAI(base_url=site.openai_url, api_key="test", model="m", **ONCE),
        "AzureChatOpenAI": AzureChatOpenAI(
            azure_endpoint=site.azure_url, api_key="test", api_version=VERSION, azure_deployment="m", **ONCE
        ),
        "ChatAnthropic": ChatAnthropic(base_url=site.anthropic_url, api_key="test", model="m", **ONCE),
    }
    return {
        "openai": lambda: plain_openai.create(model="m", messages=HELLO),
        "openai, stream": lambda: list(plain_openai.create(model="m", messages=HELLO, stream=True)),
        "anthropic": lambda: plain_anthropic.create(model="m", messages=HELLO, max_tokens=9),
        "anthropic, stream": lambda: list(plain_anthropic.create(model="m", messages=HELLO, max_tokens=9, stream=True)),
        **{name: lambda model=model: model.invoke("Hello") for name, model in models.items()},
        **{f"{name}, stream": lambda model=model: list(model.stream("Hello")) for name, model in models.items()},
    }


PLAIN = ["openai", "anthropic", "ChatOpenAI", "AzureChatOpenAI", "ChatAnthropic"]
STREAM = [f"{name}, stream" for name in PLAIN]

FAULTS = {
    "rate_limit": [faults.rate_limit(), faults.rate_limit(retry_after=2)],
    "quota_exhausted": [faults.insufficient_quota(), faults.credit_balance()],
    "auth": [faults.invalid_api_key()],
    "permission": [faults.permission_denied()],
    "not_found": [faults.model_not_found()],
    "context_window": [faults.context_length()],
    "invalid_request": [faults.invalid_request()],
    "content_policy": [faults.content_policy()],
    "server_error": [faults.server_error(), faults.status(502, "<html><title>Bad Gateway</title></html>")],
    "overloaded": [faults.overloaded(), faults.overloaded(retry_after=2)],
    "payload_too_large": [faults.status(413, "Too large")],
    "network": [faults.reset()],
    "timeout": [faults.hang(), faults.status(504, "")],
}

CASES = [(fault, expected) for expected, group in FAULTS.items() for fault in group]

IN_STREAM = {
    "overloaded or server_error": [faults.stream_error(), faults.stream_error(after=1)],
    "network": [faults.cut()],
    "timeout": [faults.stall()],
    "server_error": [faults.malformed()],
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Emulator() as emulator:
        yield emulator.site("provider")


@pytest.fixture(scope="module")
def calls(site: Site) -> dict[str, Call]:
    return calls_of(site)


def failure(call: Call) -> Diagnosis:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any class: that is what is classified
        call()
    return classify(caught.value)


@pytest.mark.parametrize(("fault", "expected"), CASES, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("name", PLAIN + STREAM)
def test_faults_before_the_answer(site: Site, calls: dict[str, Call], name: str, fault: Fault, expected: str) -> None:
    site.script(fault)
    assert failure(calls[name]).error_class == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(fault, expected) for expected, group in IN_STREAM.items() for fault in group],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("name", STREAM)
def test_faults_inside_the_answer(site: Site, calls: dict[str, Call], name: str, fault: Fault, expected: str) -> None:
    site.script(fault)
    assert failure(calls[name]).error_class in expected


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("seconds", [2.0, None])
def test_retry_after_survives_the_sdk(site: Site, calls: dict[str, Call], name: str, seconds: float | None) -> None:
    site.script(faults.rate_limit(retry_after=seconds))
    assert failure(calls[name]).retry_after == seconds


@pytest.mark.parametrize("name", PLAIN)
def test_nobody_listens(name: str) -> None:
    with Emulator() as gone:
        calls = calls_of(gone.site("gone"))
    assert failure(calls[name]).error_class == "network"


def test_a_client_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert failure(openai.OpenAI).error_class == "auth"
