"""LiteLLM rebuilds what providers answer: what that costs is counted, and every loss has its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from failover_plugin.emulator import Emulator
from support.callers import LITELLM
from support.comparing import Case, answered, cases, leftovers_collected, raised

NO_CODE = "of an error inside a stream LiteLLM keeps the message, with a 500 of its own, and drops type and code"
NO_ERROR = "LiteLLM takes the flat error for a chunk without content, and the adapter makes a cut stream of that"
NO_DETAILS = "of an error inside a stream LiteLLM keeps the message, and all of Google's 429 say the same"
NO_MARK = "LiteLLM takes Cohere's finish mark ERROR for a stop"
HALF = "LiteLLM keeps what is under `error`, a bare title here, and the reason stands beside it"
REPAIR = "LiteLLM takes this 400 for its own business, and returns None"

LOSSES = {
    ("anthropic", "payload_too_large"): NO_CODE,
    ("cohere", "*"): NO_MARK,
    ("deepseek", "server_error"): NO_CODE,
    ("fireworks", "usage_limit"): HALF,
    ("gemini", "rate_limit"): NO_DETAILS,
    ("mistral", "*"): NO_ERROR,
    ("perplexity", "invalid_message"): REPAIR,
}
"""By provider and error. All but the last are errors inside streams."""

CASES = [case for provider in LITELLM for case in cases(provider)]


@pytest.fixture(scope="module")
def collect() -> Iterator[Callable[[], object]]:
    with leftovers_collected() as collect:
        yield collect


@pytest.fixture(scope="module")
def missed(collect: Callable[[], object]) -> list[Case]:
    """The cases in which LiteLLM's exception means something else than the raw response, if it raises one at all."""
    found: list[Case] = []
    with Emulator() as emulator, httpx.Client() as client:
        for provider, build in LITELLM.items():
            site = emulator.site(provider, provider=provider)
            calls = build(site)
            for case in cases(provider):
                diagnosis = raised(case, site, calls)
                raw = answered(site, provider, client)
                if diagnosis is None or diagnosis.error_class != raw.error_class:
                    found.append(case)
            collect()
    return found


@pytest.mark.timeout(180)
def test_every_loss_is_known_with_its_reason(missed: list[Case]) -> None:
    assert [str(case) for case in missed if not _is_known(case)] == []


@pytest.mark.timeout(180)
def test_at_least_nineteen_of_twenty_mean_the_same_through_litellm(missed: list[Case]) -> None:
    assert len(CASES) > 400
    assert len(missed) / len(CASES) <= 0.05


def _is_known(case: Case) -> bool:
    return (case.provider, case.error) in LOSSES or (case.mode == "in-stream" and (case.provider, "*") in LOSSES)
