"""Words that mean what they say mean it through every client, too: the exception says what the raw response says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from classify.test_meaning import MEANING, OF_THE_REQUEST

from failover_plugin.classify import classify, classify_response
from failover_plugin.emulator import Emulator, Site, faults
from support.callers import CHAT_MODELS, SDKS, Builder, Calls
from support.comparing import leftovers_collected

pytest.importorskip("langchain_google_genai", reason="needs the packages of all providers")

KINDS = {name: (status, body) for name, (status, body, _) in MEANING.items() if status >= 400} | OF_THE_REQUEST

CLIENTS: dict[str, tuple[str, Builder]] = {
    "openai": ("openai", SDKS["openai"]["openai"]),
    "anthropic": ("anthropic", SDKS["anthropic"]["anthropic"]),
    "google-genai": ("gemini", SDKS["gemini"]["google-genai"]),
    "boto3": ("bedrock", SDKS["bedrock"]["boto3"]),
    "mistralai": ("mistral", SDKS["mistral"]["mistralai"]),
    "cohere": ("cohere", SDKS["cohere"]["cohere"]),
    "groq": ("groq", SDKS["groq"]["groq"]),
    "ollama": ("ollama", SDKS["ollama"]["ollama"]),
    "huggingface_hub": ("huggingface", SDKS["huggingface"]["huggingface_hub"]),
    **{f"langchain-{provider}": (provider, build) for provider, build in CHAT_MODELS.items()},
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with leftovers_collected(), Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Callable[[str], tuple[Site, Calls]]:
    @cache
    def made(name: str) -> tuple[Site, Calls]:
        provider, build = CLIENTS[name]
        site = emulator.site(name, provider=provider)
        return site, build(site)

    return made


def as_amazon_says_it(body: object) -> object:
    """Its body is a ``message``, and of any other boto3 keeps nothing."""
    match body:
        case {"error": {"message": str(message)}} | {"message": str(message)} | {"error": str(message)}:
            return {"message": message}
        case _:
            return {"message": str(body)}


OF_GATEWAYS = {"somebody behind a gateway", "somebody upstream", "a gateway that quotes a mistake"}
"""No gateway speaks Amazon's wire format."""

CASES = [
    (name, kind)
    for name, (provider, _) in CLIENTS.items()
    for kind in KINDS
    if provider != "bedrock" or kind not in OF_GATEWAYS
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_client_hides_no_meaning(client: Callable[[str], tuple[Site, Calls]], name: str, kind: str) -> None:
    site, calls = client(name)
    provider = CLIENTS[name][0]
    status, body = KINDS[kind]
    if provider == "bedrock":
        body = as_amazon_says_it(body)
    site.fail(faults.status(status, body))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any class: that is what is classified
        calls.plain()
    found = classify(caught.value, provider=provider)
    expected = classify_response(status, {}, body if isinstance(body, str) else json.dumps(body), provider=provider)
    assert (found.error_class, found.scope) == (expected.error_class, expected.scope), caught.value
