"""Rate limits that a response's headers call used up: the deployment is left alone before it has to refuse."""

from __future__ import annotations

from types import SimpleNamespace

from failover_litellm.request import RouterRequest, chosen
from failover_plugin import Failover, Request, Target
from failover_plugin.testing import FakeClock

USED_UP = {
    "llm_provider-x-ratelimit-remaining-requests": "0",
    "llm_provider-x-ratelimit-reset-requests": "30s",
    "llm_provider-x-ratelimit-remaining-tokens": "1000",
}


def answer(headers: dict[str, str], **hidden: object) -> SimpleNamespace:
    """An answer as LiteLLM hands it on."""
    return SimpleNamespace(_hidden_params={"additional_headers": headers, **hidden}, usage=None)


def fleet() -> tuple[FakeClock, Failover]:
    clock = FakeClock()
    targets = [Target("a", provider="openai", model="m"), Target("b", provider="openai", model="n", tier=1)]
    return clock, Failover(targets, clock=clock)


def asked(failover: Failover) -> str:
    permit = failover.acquire(Request())
    assert permit is not None
    permit.cancel()
    return permit.target.id


def test_a_limit_that_is_used_up_sends_the_next_request_elsewhere_until_it_refills() -> None:
    clock, failover = fleet()
    request = RouterRequest(failover, lambda permit: None)
    chosen(request.choosing(Request(), ["a"], streaming=False), failover.acquire)

    request.answered(answer(USED_UP))

    assert asked(failover) == "b"
    assert failover.health()["a"].returns_in == 30
    clock.advance(30)
    assert asked(failover) == "a"


def test_an_answer_out_of_the_cache_says_nothing_of_limits() -> None:
    _, failover = fleet()
    request = RouterRequest(failover, lambda permit: None)
    chosen(request.choosing(Request(), ["a"], streaming=False), failover.acquire)

    request.answered(answer(USED_UP, cache_hit=True))

    assert asked(failover) == "a"


def test_an_answer_without_headers_is_an_answer() -> None:
    _, failover = fleet()
    request = RouterRequest(failover, lambda permit: None)
    chosen(request.choosing(Request(), ["a"], streaming=False), failover.acquire)

    request.answered(SimpleNamespace())

    assert failover.health()["a"].successes == 1
