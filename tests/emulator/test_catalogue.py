"""The catalogue cites a page for each error; what a provider is not known to send has a reason here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import groq
import openai
import pytest

from failover_plugin.emulator import Emulator, Site, faults
from failover_plugin.emulator.catalogue import ERRORS_OF, NAMES, Documented, documented
from failover_plugin.emulator.providers import PROVIDERS
from support.speakers import SPEAKERS, Speaker

COMMON = (
    "rate_limit",
    "insufficient_quota",
    "invalid_api_key",
    "permission_denied",
    "model_not_found",
    "context_length",
    "invalid_request",
    "unsupported",
    "content_policy",
    "server_error",
    "overloaded",
)
_OWN_SERVER = "a server of one's own has no accounts"
_UNSEEN = "neither documented nor reported in public"
_IN_A_200 = "what it filters is a success that says so"
LACKS = {
    "azure": {"insufficient_quota": "its bill is the subscription's"},
    "gemini": {"content_policy": _IN_A_200},
    "vertex": {
        "insufficient_quota": "its quotas are per minute, billing is credit_balance",
        "content_policy": _IN_A_200,
    },
    "bedrock": {"content_policy": _IN_A_200},
    "mistral": {"insufficient_quota": _UNSEEN, "content_policy": _UNSEEN},
    "cohere": {"content_policy": "its 498 is no longer documented", "overloaded": "it documents a 500 only"},
    "groq": {"content_policy": _UNSEEN},
    "deepseek": {"permission_denied": _UNSEEN},
    "together": {
        "permission_denied": "its 403 is a prompt too long",
        "unsupported": _UNSEEN,
        "content_policy": _UNSEEN,
    },
    "fireworks": {"context_length": _UNSEEN, "content_policy": _UNSEEN},
    "huggingface": {"unsupported": _UNSEEN, "content_policy": _UNSEEN},
    "perplexity": {
        "insufficient_quota": "an empty account is a 401 like a wrong key",
        "permission_denied": _UNSEEN,
        "context_length": _UNSEEN,
        "unsupported": _UNSEEN,
        "content_policy": _UNSEEN,
        "overloaded": _UNSEEN,
    },
    "cerebras": {"content_policy": _UNSEEN},
    "github_models": {
        "context_length": "it is payload_too_large",
        "invalid_request": _UNSEEN,
        "content_policy": _UNSEEN,
        "overloaded": _UNSEEN,
    },
    "nvidia": {
        "insufficient_quota": _UNSEEN,
        "context_length": "it comes from the model behind the gateway",
        "invalid_request": "it comes from the model behind the gateway",
        "unsupported": "it comes from the model behind the gateway",
        "content_policy": _UNSEEN,
    },
    "ollama": {
        "permission_denied": _UNSEEN,
        "context_length": "it truncates the prompt",
        "content_policy": _OWN_SERVER,
    },
    "vllm": {
        "rate_limit": _OWN_SERVER,
        "insufficient_quota": _OWN_SERVER,
        "permission_denied": _OWN_SERVER,
        "content_policy": _OWN_SERVER,
        "overloaded": "it queues",
    },
    "llamacpp": {
        "rate_limit": _OWN_SERVER,
        "insufficient_quota": _OWN_SERVER,
        "permission_denied": _OWN_SERVER,
        "model_not_found": "it has one model, whatever is asked for",
        "content_policy": _OWN_SERVER,
        "server_error": "its 500s are what it does not support",
    },
    "zhipu": {"permission_denied": "the page gives code 1220 no status"},
}

STATUSES = {
    "rate_limit": {429},
    "insufficient_quota": {402, 403, 412, 429},
    "credit_balance": {400, 402, 403, 429},
    "invalid_api_key": {400, 401, 403},
    "permission_denied": {403},
    "model_not_found": {400, 404},
    "context_length": {400, 403, 422},
    "invalid_request": {400, 422},
    "unsupported": {400, 404, 500},
    "content_policy": {400, 403},
    "payload_too_large": {413},
    "server_error": {500, 502},
    "overloaded": {429, 503, 529},
}

_KEY_SHAPED = re.compile(
    r"(sk|gsk|xai|hf|nvapi|pplx|csk|fw|tgp|ghp|key)[-_](?=\w*\d)\w{8,}|AIza|AKIA|(?i:bearer) \S{8}"
)
_CHAT_SPEAKERS = [name for name in ERRORS_OF if name not in {"anthropic", "vertex", "bedrock", "cohere"}]
_OWN_SDKS = ["gemini", "vertex", "converse", "mistral", "cohere", "groq", "ollama"]

each_entry = pytest.mark.parametrize(
    "entry", [pytest.param(entry, id=f"{who}-{name}") for who, its in ERRORS_OF.items() for name, entry in its.items()]
)
each_provider = pytest.mark.parametrize("provider", ERRORS_OF)


def plain_errors(provider: str) -> Iterator[tuple[str, Documented]]:
    return ((name, entry) for name, entry in ERRORS_OF[provider].items() if not name.startswith("stream_"))


def test_every_provider_that_the_emulator_knows_is_there() -> None:
    assert sorted(ERRORS_OF) == sorted(PROVIDERS)


@each_entry
def test_an_entry_cites_a_public_page(entry: Documented) -> None:
    assert re.fullmatch(r"https://[\w-]+(\.[\w-]+)+/\S*", entry.follows)


@each_entry
def test_an_entry_can_be_sent(entry: Documented) -> None:
    assert 400 <= entry.status < 600
    assert json.loads(json.dumps(entry.body)) == entry.body
    assert all(name == name.lower() and value.isprintable() for name, value in entry.headers.items())


@each_entry
def test_an_entry_shows_no_key(entry: Documented) -> None:
    assert not _KEY_SHAPED.search(json.dumps([entry.body, dict(entry.headers)]))


@each_provider
@pytest.mark.parametrize("name", COMMON)
def test_a_provider_has_a_common_error_or_a_reason_not_to(provider: str, name: str) -> None:
    assert (name in ERRORS_OF[provider]) is not (name in LACKS.get(provider, {}))


@each_provider
def test_shared_names_have_one_meaning(provider: str) -> None:
    for name, entry in plain_errors(provider):
        assert entry.status in STATUSES.get(name, range(400, 600)), name


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_makers_of_the_wire_formats_have_every_general_name(wire: str) -> None:
    assert set(NAMES) <= set(ERRORS_OF[wire])


def test_what_a_provider_has_no_words_for_is_said_as_the_maker_of_its_wire_format_does() -> None:
    assert documented("prefill_unsupported", "groq") is ERRORS_OF["openai"]["prefill_unsupported"]
    assert documented("prefill_unsupported", "", "anthropic") is ERRORS_OF["anthropic"]["prefill_unsupported"]
    with pytest.raises(KeyError):
        documented("flex_capacity", "openai")


def asked(emulator: Emulator, provider: str) -> tuple[Site, openai.OpenAI]:
    site = emulator.site(f"catalogue-{provider}", provider=provider)
    return site, openai.OpenAI(api_key="test-key", base_url=site.openai_url, max_retries=0, timeout=10)


def status_of(error: Any) -> object:
    """Wherever an SDK keeps it: boto3's answer is a dict, Google's status is a ``code``."""
    match getattr(error, "response", None):
        case {"ResponseMetadata": {"HTTPStatusCode": status}}:
            return status
        case _:
            return getattr(error, "status_code", None) or error.code


def listen(client: openai.OpenAI, heard: list[str]) -> None:
    for chunk in client.chat.completions.create(
        model="a-model", messages=[{"role": "user", "content": "hi"}], stream=True
    ):
        heard += [choice.delta.content for choice in chunk.choices if choice.delta.content]


@pytest.mark.parametrize("provider", _CHAT_SPEAKERS)
def test_openai_s_sdk_meets_each_error(emulator: Emulator, provider: str) -> None:
    site, client = asked(emulator, provider)
    with client:
        for name, entry in plain_errors(provider):
            site.script(faults.documented(name))
            with pytest.raises(openai.APIStatusError) as raised:
                client.chat.completions.create(model="a-model", messages=[{"role": "user", "content": "hi"}])
            answer = raised.value.response
            sent = answer.text if isinstance(entry.body, str) else answer.json()
            assert (answer.status_code, sent) in ((entry.status, entry.body), (entry.status, [entry.body])), name
            assert entry.headers.items() <= dict(answer.headers).items(), name


@pytest.mark.parametrize(("provider", "ask"), [SPEAKERS[name] for name in _OWN_SDKS], ids=_OWN_SDKS)
def test_the_provider_s_own_sdk_meets_each_error(emulator: Emulator, provider: str, ask: Speaker) -> None:
    site = emulator.site(f"own-sdk-{provider}", provider=provider)
    for name, entry in plain_errors(provider):
        site.script(faults.documented(name))
        with pytest.raises(Exception, match=r".") as raised:
            list(ask(site, stream=False))
        assert status_of(raised.value) == entry.status, name


def test_groq_s_sdk_knows_a_rate_limit_and_its_end(emulator: Emulator) -> None:
    site = emulator.site("catalogue-sdk", provider="groq")
    site.fail(faults.rate_limit())
    client = groq.Groq(api_key="test-key", base_url=site.url, max_retries=0, timeout=10)
    with client, pytest.raises(groq.RateLimitError) as raised:
        client.chat.completions.create(model="a-model", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.response.headers["retry-after"] == "5"
    assert "4.77s" in raised.value.message


def test_anthropic_s_sdk_meets_each_error(site: Site) -> None:
    with anthropic.Anthropic(api_key="test-key", base_url=site.anthropic_url, max_retries=0, timeout=10) as client:
        for name, entry in plain_errors("anthropic"):
            site.script(faults.documented(name))
            with pytest.raises(anthropic.APIStatusError) as raised:
                client.messages.create(model="a-model", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
            assert (raised.value.status_code, raised.value.body) == (entry.status, entry.body), name


@pytest.mark.parametrize("provider", ["openai", "groq", "openrouter", "huggingface", "ollama", "llamacpp"])
def test_an_error_inside_a_stream_reaches_openai_s_sdk(emulator: Emulator, provider: str) -> None:
    site, client = asked(emulator, provider)
    site.fail(faults.stream_error(after=1, error="stream_error"))
    heard: list[str] = []
    with client, pytest.raises(openai.APIError) as raised:
        listen(client, heard)
    assert heard == ["Hello "]
    assert not isinstance(raised.value, openai.APIStatusError)
    error = ERRORS_OF[provider]["stream_error"].body["error"]
    assert (error if isinstance(error, str) else error["message"]) in str(raised.value.body)
