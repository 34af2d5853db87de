"""Every documented error of every provider means the same through its LangChain class as it does raw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest

from failover_plugin.classify import classify
from failover_plugin.emulator import Emulator, Site, faults
from support.callers import CHAT_MODELS, Calls, langchain
from support.comparing import Case, assert_same, cases, leftovers_collected, raised

pytest.importorskip("langchain_google_genai", reason="needs the LangChain packages of all providers")

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
"""A few packages leave the connection of a stream that has failed to the garbage collector."""

MUTE = {"fireworks", "mistral", "nvidia", "openrouter"}
"""Packages that pass over an error inside a stream: it ends without a finish mark, or with one that says "error"."""

CASES = [
    pytest.param(case, id=str(case))
    for provider in CHAT_MODELS
    for case in cases(provider)
    if case.mode != "in-stream" or provider not in MUTE
]


@pytest.fixture(scope="module")
def collect() -> Iterator[Callable[[], object]]:
    with leftovers_collected() as collect:
        yield collect


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def sites(emulator: Emulator) -> dict[str, Site]:
    return {provider: emulator.site(provider, provider=provider) for provider in CHAT_MODELS}


@pytest.fixture(scope="module")
def calls(sites: dict[str, Site]) -> Callable[[str], Calls]:
    return cache(lambda provider: CHAT_MODELS[provider](sites[provider]))


@pytest.fixture(scope="module")
def raw() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.mark.parametrize("case", CASES)
def test_what_a_model_raises_says_what_the_response_says(
    sites: dict[str, Site],
    calls: Callable[[str], Calls],
    raw: httpx.Client,
    collect: Callable[[], object],
    case: Case,
) -> None:
    assert_same(case, sites[case.provider], calls(case.provider), raw)
    if case.mode == "in-stream":
        collect()


@pytest.mark.parametrize("error", ["rate_limit", "credit_balance", "content_policy"])
def test_an_answer_that_an_sdk_cannot_read_is_the_providers_failure(
    sites: dict[str, Site], calls: Callable[[str], Calls], collect: Callable[[], object], error: str
) -> None:
    """OpenRouter's SDK wants an error_type in the metadata of an error inside a stream, and drops all but them."""
    found = raised(Case("openrouter", error, "in-stream"), sites["openrouter"], calls("openrouter"))
    assert found is not None
    assert (found.error_class, found.scope) == ("server_error", "target")
    collect()


RESPONSES = {
    "an error event": {"type": "error", "code": "server_is_overloaded", "message": "Busy.", "sequence_number": 1},
    "an error event with an error inside": {"type": "error", "error": {"code": "server_is_overloaded", "message": "B"}},
}


@pytest.mark.parametrize("event", RESPONSES.values(), ids=RESPONSES)
def test_the_stream_of_the_responses_api(emulator: Emulator, event: dict[str, object]) -> None:
    site = emulator.site("responses", provider="openai")
    options = {"api_key": "test-key", "max_retries": 0, "use_responses_api": True}
    model = langchain("langchain_openai", "ChatOpenAI", "base_url=openai_url", **options)(site)
    site.fail(faults.stream_error(1, event))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - a ValueError of LangChain's, or an APIError of the SDK's
        model.stream()
    assert classify(caught.value).error_class == "overloaded"
