"""Who is asked, how often, and on whom it is booked: counted at the provider, not believed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin import BreakerPolicy, DeadlineExceeded, Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
MESSAGES = [{"role": "user", "content": "Say hello."}]

pytestmark = pytest.mark.usefixtures("short_backoffs")


@pytest.fixture
def trio(bench: Any) -> Any:
    """Three equal deployments in one group."""
    bench.third = bench.site("third")
    bench.route(*map(bench.deployment, (bench.primary, bench.backup, bench.third)))
    return bench


async def test_a_dead_primary_costs_few_attempts(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.overloaded())
    answers = [await ask() for _ in range(15)]
    assert set(answers) == {"Hello from the backup, all of it."}
    assert len(bench.primary.requests) <= 5


async def test_one_caller_of_twenty_probes_when_the_cooldown_ends(bench: Any) -> None:
    bench.route(policy=Policy(breaker=BreakerPolicy(threshold=1, open_base=0.5, jitter=0)))
    bench.primary.latency = bench.backup.latency = 0.2
    bench.primary.fail(faults.overloaded())
    await bench.ask("acompletion")
    before = len(bench.primary.requests)
    await asyncio.sleep(0.6)
    await asyncio.gather(*(bench.ask("acompletion") for _ in range(20)))
    assert len(bench.primary.requests) == before + 1


async def test_none_is_asked_twice_while_another_is_untried(trio: Any, ask: Ask) -> None:
    for site in (trio.primary, trio.backup):
        site.fail(faults.server_error())
    assert await ask() == "Hello from the third, all of it."
    assert len(trio.primary.requests) <= 1
    assert len(trio.backup.requests) <= 1


async def test_outcomes_are_booked_on_the_deployment_that_was_called(trio: Any) -> None:
    trio.primary.fail(faults.invalid_request())
    trio.backup.latency = 0.05
    await asyncio.gather(*(trio.ask(mode) for mode in ("acompletion", "completion") * 20), return_exceptions=True)
    for site in (trio.primary, trio.backup, trio.third):
        line = trio.health(site.name.rpartition("-")[0])
        assert line.attempts == len(site.requests)
        assert line.successes == (0 if site is trio.primary else len(site.requests))
    assert trio.in_flight == 0


async def test_concurrent_failures_are_booked_where_they_happened(trio: Any) -> None:
    trio.primary.fail(faults.overloaded())
    answers = await asyncio.gather(*(trio.ask("acompletion") for _ in range(20)))
    assert "Hello from the primary, all of it." not in answers
    assert trio.health("primary").failures == len(trio.primary.requests)
    assert trio.health("backup").failures == trio.health("third").failures == 0


async def test_the_clients_own_retries_are_off(bench: Any, ask: Ask) -> None:
    bench.route(bench.deployment(bench.primary), policy=Policy(max_attempts=1))
    bench.primary.fail(faults.overloaded())
    with pytest.raises(Exception, match="overloaded"):
        await ask()
    assert len(bench.primary.requests) == 1


async def test_a_router_without_retries_fails_over_all_the_same(bench: Any, ask: Ask) -> None:
    bench.route(num_retries=0)
    bench.primary.fail(faults.invalid_api_key())
    assert await ask() == "Hello from the backup, all of it."


async def test_a_retry_policy_of_the_routers_is_not_asked(bench: Any, ask: Ask) -> None:
    import litellm

    nothing = litellm.types.router.RetryPolicy(InternalServerErrorRetries=0, RateLimitErrorRetries=0)
    bench.route(retry_policy=nothing)
    bench.primary.fail(faults.server_error())
    assert await ask() == "Hello from the backup, all of it."


async def test_order_levels_are_tiers_that_litellm_offers_one_by_one(bench: Any, ask: Ask) -> None:
    bench.route(bench.deployment(bench.primary, order=1), bench.deployment(bench.backup, order=2))
    bench.primary.fail(faults.server_error())
    assert [t.tier for t in bench.strategy.failover.targets] == [0, 1]
    assert {await ask() for _ in range(4)} == {"Hello from the backup, all of it."}
    assert len(bench.primary.requests) <= 4
    assert len(bench.backup.requests) == 4


@pytest.mark.parametrize("mode", ["acompletion", "acompletion-stream"])
async def test_one_that_litellms_tags_rule_out_is_no_reason_to_refuse(bench: Any, mode: str) -> None:
    """Of one level, and well; but this request is never offered it. (LiteLLM reads tags in asynchronous code only.)"""
    bench.route(
        bench.deployment(bench.primary, order=1, tags=["free"]),
        bench.deployment(bench.backup, order=1, tags=["paid"]),
        enable_tag_filtering=True,
    )
    bench.primary.fail(faults.server_error())
    while bench.health().state != "open":
        with pytest.raises(Exception, match=r"(?i)server"):
            await bench.ask(mode, metadata={"tags": ["free"]})
    bench.primary.heal()
    assert await bench.ask(mode, metadata={"tags": ["free"]}) == "Hello from the primary, all of it."
    assert not bench.backup.requests


async def test_a_fallback_group_takes_over(bench: Any, ask: Ask) -> None:
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, "other"),
        fallbacks=[{"chat": ["other"]}],
    )
    bench.primary.fail(faults.server_error())
    assert {await ask() for _ in range(4)} == {"Hello from the backup, all of it."}
    assert len(bench.primary.requests) <= 4


@pytest.mark.parametrize("way", ["order", "fallbacks"])
async def test_the_callers_own_mistake_goes_to_no_other_level_or_group(bench: Any, ask: Ask, way: str) -> None:
    if way == "order":
        bench.route(bench.deployment(bench.primary, order=1), bench.deployment(bench.backup, order=2))
    else:
        other = bench.deployment(bench.backup, "other")
        bench.route(bench.deployment(bench.primary), other, fallbacks=[{"chat": ["other"]}])
    bench.primary.fail(faults.invalid_request())
    with pytest.raises(Exception, match="temperature"):
        await ask()
    assert len(bench.primary.requests) == 1
    assert not bench.backup.requests


async def test_everybody_dead_over_two_groups_names_the_first(bench: Any, ask: Ask) -> None:
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, "other"),
        fallbacks=[{"chat": ["other"]}],
    )
    bench.primary.fail(faults.server_error())
    bench.backup.fail(faults.overloaded())
    with pytest.raises(Exception, match="server had an error") as caught:
        await ask()
    assert any("backup" in note for note in caught.value.__notes__)
    assert Counter(a.target for a in caught.value.trail.attempts) == {
        "primary": len(bench.primary.requests),
        "backup": len(bench.backup.requests),
    }


async def test_a_group_that_rests_is_passed_over_and_its_error_tells_of_who_was_asked(bench: Any, ask: Ask) -> None:
    """LiteLLM raises the error of the first group, whatever its fallbacks raise."""
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, "other"),
        fallbacks=[{"chat": ["other"]}],
    )
    bench.primary.fail(faults.rate_limit(retry_after=60))
    bench.backup.script(None, faults.invalid_api_key())
    assert await ask() == "Hello from the backup, all of it."
    with pytest.raises(Exception, match="primary") as caught:
        await ask()
    assert [a.target for a in caught.value.trail.attempts] == ["backup"]
    assert "Incorrect API key" in str(caught.value.__cause__)
    assert len(bench.primary.requests) == 1


async def test_when_nobody_can_be_asked_the_error_says_why_and_until_when(bench: Any, ask: Ask) -> None:
    from litellm.exceptions import ServiceUnavailableError

    bench.route(bench.deployment(bench.primary))
    bench.primary.fail(faults.rate_limit(retry_after=60))
    with pytest.raises(Exception, match="Rate limit"):
        await ask()
    with pytest.raises(ServiceUnavailableError, match="primary") as caught:
        await ask()
    assert 50 < caught.value.retry_after <= 67
    assert len(bench.primary.requests) == 1


async def test_litellms_sleeps_do_not_add_up(bench: Any, ask_plain: Ask) -> None:
    """One deployment, 429 with Retry-After: LiteLLM alone sleeps before and after its last attempt."""
    bench.route(bench.deployment(bench.primary))
    bench.primary.fail(faults.rate_limit(retry_after=1))
    start = time.monotonic()
    with pytest.raises(Exception, match="Rate limit"):
        await ask_plain()
    assert 1 <= time.monotonic() - start < 2
    assert len(bench.primary.requests) == 2


async def test_a_number_of_retries_given_with_a_call_still_bounds_litellms_loop(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.server_error())
    with pytest.raises(Exception, match="server had an error") as caught:
        await ask(num_retries=0)
    assert len(bench.primary.requests) == 1
    assert len(caught.value.trail.attempts) == 1


async def test_a_timeout_given_with_a_call_wins(bench: Any, ask: Ask) -> None:
    bench.route(bench.deployment(bench.primary))
    bench.primary.fail(faults.hang())
    start = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)time"):
        await ask(timeout=0.5)
    assert time.monotonic() - start < 1.5


async def test_the_deadline_of_a_request_holds_over_all_attempts(bench: Any, ask_plain: Ask) -> None:
    bench.route(policy=Policy(deadline=0.5))
    bench.primary.fail(faults.hang())
    bench.backup.fail(faults.hang())
    start = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        await ask_plain()
    assert time.monotonic() - start < 1
    assert caught.value.trail.attempts[0].target == "primary"


async def test_aliases_and_wildcards_are_litellms_business(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary, "openai/*", model="openai/*"),
        bench.deployment(bench.backup, "openai/*", model="openai/*", failover={"tier": 1}),
        model_group_alias={"mine": "openai/gpt-4o"},
    )
    bench.primary.fail(faults.invalid_api_key())
    for group in ("openai/gpt-4o", "openai/gpt-4o-mini", "mine"):
        assert await bench.ask("acompletion", group) == "Hello from the backup, all of it."
    assert len(bench.primary.requests) == 1
    assert len(bench.strategy.failover.targets) == 2


@pytest.mark.filterwarnings("default")
async def test_an_answer_out_of_litellms_cache_is_no_evidence(bench: Any, ask: Ask) -> None:
    import litellm

    pytest.importorskip("fastapi", reason="LiteLLM's cache imports its proxy")
    before = litellm.cache
    bench.route(cache_responses=True)
    litellm.cache = litellm.Cache(type="local")
    try:
        for _ in range(3):
            assert await ask() == "Hello from the primary, all of it."
            await asyncio.sleep(0.1)
    finally:
        litellm.cache = before
    assert bench.health().successes == len(bench.primary.requests) < 3
    assert bench.in_flight == 0


async def test_without_stream_failover_a_stream_is_not_opened_elsewhere(bench: Any, ask_stream: Ask) -> None:
    bench.route(policy=Policy(stream_failover="off"))
    bench.primary.fail(faults.stream_error())
    with pytest.raises(Exception, match="overloaded"):
        await ask_stream()
    assert not bench.backup.requests
    assert bench.health().failures == 1


async def test_a_mocked_stream_needs_no_finish_mark(bench: Any, ask: Ask) -> None:
    bench.route()
    assert await ask(mock_response="Made up.") == "Made up."
    assert not bench.primary.requests
    assert bench.in_flight == 0


@pytest.mark.parametrize("mode", ["completion", "acompletion"])
async def test_one_deployments_error_is_not_booked_on_the_next(bench: Any, mode: str) -> None:
    """LiteLLM asks the next one while it handles the error of the last, which so becomes the next one's context."""
    bench.route()
    bench.primary.fail(faults.invalid_api_key())
    bench.backup.fail(faults.status(200, "<html>Welcome to this hotel's network!</html>"))
    with pytest.raises(Exception, match="API key"):
        await bench.ask(mode)
    assert "auth" in bench.health().last_error
    assert "server_error" in bench.health("backup").last_error
