"""What a caller and a provider see, fault by fault: one primary, one fallback, all four ways to ask a router."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from failover_plugin import Policy
from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]

FROM_PRIMARY = "Hello from the primary, all of it."
FROM_BACKUP = "Hello from the backup, all of it."


class Within:
    """Fails a test that took longer than it may."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        assert kind is not None or time.monotonic() - self.start < self.seconds


async def test_row_1_short_retry_after_is_waited_for(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.script(faults.rate_limit(retry_after=1))
    with Within(4):
        assert await ask() == FROM_PRIMARY
    first, second = bench.primary.requests
    assert second.at - first.at >= 0.9
    assert not bench.backup.requests


async def test_row_2_long_retry_after_goes_elsewhere_and_is_remembered(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.rate_limit(retry_after=60))
    with Within(2):
        assert await ask() == FROM_BACKUP
    assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1
    assert 55 < bench.health().returns_in <= 67


async def test_row_3_rate_limit_without_a_time(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.rate_limit())
    with Within(5):
        assert await ask() == FROM_BACKUP
    times = [seen.at for seen in bench.primary.requests]
    assert len(times) <= 2
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))


async def test_row_4_a_single_500_is_tried_again(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.script(faults.server_error())
    with Within(2):
        assert await ask() == FROM_PRIMARY
    assert len(bench.primary.requests) == 2
    assert not bench.backup.requests


async def test_row_5_overloaded_for_good(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.overloaded())
    with Within(4):
        assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) <= 2


async def test_row_5_model_and_usage_are_the_fallbacks(bench: Any) -> None:
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.backup, model="openai/gpt-4o-mini", failover={"tier": 1}),
    )
    bench.primary.fail(faults.overloaded())
    answer = await bench.router.acompletion(model="chat", messages=[{"role": "user", "content": "Hi"}])
    assert answer.model == "gpt-4o-mini"
    assert answer.usage.completion_tokens > 0
    assert answer._hidden_params["model_id"] == "backup"


async def test_row_6_a_dead_key_is_not_used_again_by_anybody(bench: Any, ask: Ask) -> None:
    """The credential is a key at its endpoint, for whichever model."""
    bench.route(
        bench.deployment(bench.primary),
        bench.deployment(bench.primary, id="sibling", model="openai/gpt-4o-mini", failover={"tier": 1}),
        bench.deployment(bench.backup, failover={"tier": 2}),
    )
    bench.primary.fail(faults.invalid_api_key())
    with Within(2):
        assert await ask() == FROM_BACKUP
    assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1


async def test_row_7_a_reset_before_the_first_byte(bench: Any, ask: Ask) -> None:
    bench.route()
    bench.primary.script(faults.reset())
    with Within(2):
        assert await ask() in (FROM_PRIMARY, FROM_BACKUP)
    assert len(bench.primary.requests) <= 2


def _refused() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/v1"


def _no_such_name(resolve: Any) -> Any:
    """A name server that answers at once; a real one may take its time to say no."""

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **more)

    return lookup


@pytest.mark.parametrize("url", [_refused(), "http://nowhere.invalid/v1"], ids=["refused", "dns"])
async def test_row_8_nobody_there(bench: Any, ask: Ask, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _no_such_name(socket.getaddrinfo))
    bench.route(bench.deployment(url), bench.deployment(bench.backup, failover={"tier": 1}))
    with Within(4):
        assert await ask() == FROM_BACKUP
    assert bench.health("elsewhere").attempts <= 2


async def test_rows_9_and_10_accepts_and_never_answers(bench: Any, ask: Ask) -> None:
    bench.route(policy=Policy(attempt_timeout=0.6, first_content_timeout=0.6))
    bench.primary.fail(faults.hang())
    with Within(1.6):
        assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1
    assert bench.in_flight == 0


async def test_row_9_silent_behind_the_empty_opening(bench: Any, ask_stream: Ask) -> None:
    bench.route(policy=Policy(attempt_timeout=0.6, first_content_timeout=0.6))
    bench.primary.fail(faults.stall(0))
    with Within(1.6):
        assert await ask_stream() == FROM_BACKUP
    assert len(bench.primary.requests) == 1


async def test_row_12_cut_in_the_middle(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.cut())
    with Within(5), pytest.raises(Exception, match=r"(?i)incomplete|peer closed|payload|connection") as caught:
        await ask_stream()
    assert not bench.backup.requests
    assert bench.health().failures == 1
    assert bench.health("backup").failures == 0
    assert [attempt.target for attempt in caught.value.trail.attempts] == ["primary"]


async def test_row_13_silent_in_the_middle(bench: Any, ask_stream: Ask) -> None:
    bench.route(policy=Policy(idle_timeout=0.5))
    bench.primary.fail(faults.stall())
    with Within(2.5), pytest.raises(Exception, match=r"(?i)silent|timed? ?out"):
        await ask_stream()
    assert bench.health().failures == 1
    assert bench.in_flight == 0


async def test_row_15_without_the_sentinel_it_is_whole(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.no_sentinel())
    with Within(2):
        assert await ask_stream() == FROM_PRIMARY
    assert len(bench.primary.requests) == 1
    assert bench.health().successes == 1


async def test_row_16_a_clean_end_without_finish_reason_is_no_success(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.early_end())
    with Within(5), pytest.raises(Exception, match=r"ended (without|before) a finish.reason"):
        await ask_stream()
    assert len(bench.primary.requests) == 1
    assert (bench.health().successes, bench.health().failures) == (0, 1)


async def test_row_16_before_any_content_it_fails_over(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.early_end(0))
    with Within(5):
        assert await ask_stream() == FROM_BACKUP
    assert len(bench.primary.requests) <= 2


async def test_row_17_an_error_in_the_stream_before_any_content(bench: Any, ask_stream: Ask) -> None:
    bench.route()
    bench.primary.fail(faults.stream_error())
    with Within(3):
        assert await ask_stream() == FROM_BACKUP
    assert len(bench.primary.requests) <= 2
    assert bench.health().failures == len(bench.primary.requests)


async def test_row_18_too_long_for_one_window_fits_a_larger_one(bench: Any, ask: Ask) -> None:
    bench.route(
        bench.deployment(bench.primary, failover={"context_window": 8_000}),
        bench.deployment(bench.backup, failover={"context_window": 128_000, "tier": 1}),
    )
    bench.primary.fail(faults.context_length())
    with Within(2):
        assert await ask() == FROM_BACKUP
    assert len(bench.primary.requests) == 1
    assert str(bench.health().health) == "healthy"


async def test_row_18_too_long_for_everybody(bench: Any, ask: Ask) -> None:
    from litellm.exceptions import ContextWindowExceededError

    bench.route()
    bench.primary.fail(faults.context_length())
    with Within(2), pytest.raises(ContextWindowExceededError):
        await ask()
    assert len(bench.primary.requests) == 1
    assert not bench.backup.requests
    assert str(bench.health().health) == "healthy"


@pytest.mark.parametrize("fault", [faults.content_policy(), faults.invalid_request()], ids=lambda f: f.name)
async def test_rows_19_and_20_what_no_other_target_would_cure(bench: Any, ask: Ask, fault: faults.Fault) -> None:
    from litellm.exceptions import BadRequestError

    bench.route()
    bench.primary.fail(fault)
    with Within(2), pytest.raises(BadRequestError) as caught:
        await ask()
    assert len(bench.primary.requests) == 1
    assert not bench.backup.requests
    assert len(caught.value.trail.attempts) == 1


async def test_row_23_everybody_dead(bench: Any, ask: Ask) -> None:
    from litellm.exceptions import InternalServerError

    bench.route()
    bench.primary.fail(faults.server_error())
    bench.backup.fail(faults.overloaded())
    with Within(5), pytest.raises(InternalServerError) as caught:
        await ask()
    error = caught.value
    assert error.status_code == 500
    assert any("backup" in note and "overloaded" in note for note in error.__notes__)
    assert error.retry_after is not None
    assert {attempt.target for attempt in error.trail.attempts} == {"primary", "backup"}
    assert 1 <= len(bench.primary.requests) <= 2
    assert 1 <= len(bench.backup.requests) <= 2
