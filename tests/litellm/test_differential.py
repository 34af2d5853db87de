"""A healthy router is the same with us and without: whoever may answer still does, and nobody else.

Random routers and requests, every deployment healthy. Each is asked 30 times as LiteLLM makes it and 30 times with
failover installed; who answered is read off the answers, not off any list of candidates. Where the two differ, both are
asked again, 300 times each. A strategy that sticks to one deployment (the cheapest, the fastest) is ours to replace:
there, whoever answers must be somebody whom LiteLLM's shuffle could have chosen.

LiteLLM takes some milliseconds for each call: few are played, unless ``FAILOVER_DIFFERENTIAL=1000`` asks for more. To
play a single one again: ``FAILOVER_DIFFERENTIAL=1000 pytest "tests/litellm/test_differential.py::…[123]"``.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from failover_plugin.emulator import Emulator, Site
from support.random_routers import Case
from support.who_answers import Undo, buildable, difference, plain

CASES = int(os.environ.get("FAILOVER_DIFFERENTIAL", "40"))


def ours(router: Any) -> Undo:
    from failover_litellm import install

    return install(router).uninstall


def one_lost(router: Any) -> None:
    """A router that has forgotten a deployment."""
    from litellm.router_api import ChangeSet

    router.apply(ChangeSet(delete=["d1"]))


@pytest.fixture(scope="module")
def sites(emulator: Emulator) -> Iterator[list[Site]]:
    yield [emulator.site(f"differential-{number}", reply=f"d{number}") for number in range(10)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the event loop of a LiteLLM strategy that is dropped
        gc.collect()


@pytest.mark.usefixtures("bench")  # closes the clients
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a LiteLLM strategy that is dropped
@pytest.mark.parametrize("number", range(CASES))
async def test_whoever_may_answer_still_does_and_nobody_else(number: int, sites: list[Site]) -> None:
    different = await difference(buildable(number).served_by(sites), ours)
    assert not different, different


async def test_a_deployment_that_never_answers_is_noticed() -> None:
    deployments = [
        {
            "model_name": "chat",
            "litellm_params": {"model": "openai/gpt-4o", "api_key": "none", "mock_response": f"d{number}"},
            "model_info": {"id": f"d{number}"},
        }
        for number in range(3)
    ]
    request = {"model": "chat", "messages": [{"role": "user", "content": "Say hello."}]}
    case = Case(seed="fixed", settings={"model_list": deployments}, request=request, at_once=True)
    assert not await difference(case, plain)
    assert "with:  d0 d2 in" in await difference(case, one_lost)
