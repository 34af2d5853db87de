"""Every documented error of every provider means the same through its SDK as it does raw, plain and inside a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest

from failover_plugin.emulator import Emulator, Site
from support.callers import SDKS, Calls
from support.comparing import Case, assert_same, cases, raised

pytest.importorskip("google.genai", reason="needs the SDKs of all providers")

MUTE = {("mistral", "openai"), ("cohere", "cohere")}
"""SDKs that take a stream error for a chunk: there is no finish mark then, or it says "error"."""

FLAT = ("mistral", "mistralai")
"""Raw, this stream's errors look like chunks; the SDK cannot read them as such, and so finds them."""

LOST = {
    ("fireworks", "openai", "usage_limit"): "of a stream's error openai keeps what is under `error`, a bare title here",
}
"""Stream errors of which an SDK keeps too little, with the reason."""

PAIRS = [(provider, sdk) for provider, sdks in SDKS.items() for sdk in sdks]
CASES = [
    pytest.param(sdk, case, id=f"{sdk}, {case}")
    for provider, sdk in PAIRS
    for case in cases(provider)
    if case.mode != "in-stream" or not ((provider, sdk) in {*MUTE, FLAT} or (provider, sdk, case.error) in LOST)
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def sites(emulator: Emulator) -> dict[str, Site]:
    return {provider: emulator.site(provider, provider=provider) for provider in SDKS}


@pytest.fixture(scope="module")
def calls(sites: dict[str, Site]) -> Callable[[str, str], Calls]:
    return cache(lambda provider, sdk: SDKS[provider][sdk](sites[provider]))


@pytest.fixture(scope="module")
def raw() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.mark.parametrize(("sdk", "case"), CASES)
def test_an_sdks_exception_says_what_the_response_says(
    sites: dict[str, Site], calls: Callable[[str, str], Calls], raw: httpx.Client, sdk: str, case: Case
) -> None:
    assert_same(case, sites[case.provider], calls(case.provider, sdk), raw)


@pytest.mark.parametrize("provider", [provider for provider, _ in PAIRS])
def test_who_answered_is_known_from_the_exception_or_from_who_was_asked(
    sites: dict[str, Site], calls: Callable[[str, str], Calls], provider: str
) -> None:
    sdk = next(iter(SDKS[provider]))
    found = raised(Case(provider, "rate_limit", "plain"), sites[provider], calls(provider, sdk))
    assert found is not None
    assert found.provider == provider


@pytest.mark.parametrize("case", [case for case in cases(FLAT[0]) if case.mode == "in-stream"], ids=str)
def test_a_flat_error_inside_a_stream_means_what_it_means_outside(
    sites: dict[str, Site], calls: Callable[[str, str], Calls], case: Case
) -> None:
    inside = raised(case, sites[case.provider], calls(*FLAT))
    outside = raised(Case(case.provider, case.error, "plain"), sites[case.provider], calls(*FLAT))
    assert inside is not None
    assert outside is not None
    assert inside.error_class == outside.error_class
