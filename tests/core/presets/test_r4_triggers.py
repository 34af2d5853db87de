"""R4, failover by error class with model mapping: a test for each row of its table, then one for each defect mended."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
from core.scripted import ProviderError, broken, chain, invalid, overloaded, rate_limited, target, unauthorized

from failover_plugin import (
    AllTargetsFailed,
    ConfigError,
    ErrorClass,
    Failover,
    Policy,
    Request,
    Target,
    classify,
    current_attempt,
    presets,
)
from failover_plugin.presets import Trigger
from failover_plugin.testing import FakeClock, Script

TIMEOUT, NETWORK = TimeoutError("too slow"), ConnectionRefusedError("nobody home")


class Play:
    """A primary that fails in some way, and fallbacks that answer unless told otherwise."""

    def __init__(
        self, policy: Policy, *errors: BaseException | str, fallbacks: int = 1, **others: list[object]
    ) -> None:
        self.clock = FakeClock()
        names = "abcdefgh"[: 1 + fallbacks]
        primary, *rest = map(target, names)
        self.failover = Failover(presets.fallback_targets(primary, *rest), policy, clock=self.clock, rng=Random(1))
        plan: dict[str, list[object]] = {"a": list(errors)} | {name: ["hi"] for name in names[1:]} | others
        self.script = Script(self.clock, plan)

    def run(self, request: Request | None = None) -> str:
        return self.failover.run(self.script.call, request).target.id

    @property
    def asked(self) -> str:
        return "".join(self.script.asked)


# -- triggers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "error"),
    [
        ("rate_limit", rate_limited()),
        ("rate_limit", ProviderError(429, "pay first", code="insufficient_quota")),
        ("server_error", broken()),
        ("server_error", overloaded()),
        ("timeout", TIMEOUT),
        ("timeout", ProviderError(504, "gateway")),
        ("network_error", NETWORK),
        ("auth_error", unauthorized()),
        ("auth_error", ProviderError(403, "not you")),
    ],
)
def test_row_triggers(trigger: str, error: BaseException) -> None:
    assert Play(presets.triggers(trigger), error).run() == "b"
    for other in Trigger:
        if other not in (trigger, "any_error"):
            with pytest.raises(type(error)) as raised:
                Play(presets.triggers(other), error).run()
            assert raised.value is error


@pytest.mark.parametrize("error", [invalid(), RuntimeError("odd"), unauthorized(), TIMEOUT])
def test_row_triggers_any_error(error: BaseException) -> None:
    assert Play(presets.triggers("any_error"), error).run() == "b"


def test_row_triggers_the_default_of_theirs_is_two_of_ours() -> None:
    theirs, ours = presets.triggers("rate_limit", "server_error"), presets.triggers()
    assert theirs.fallback_on == {
        ErrorClass.RATE_LIMIT,
        ErrorClass.QUOTA_EXHAUSTED,
        ErrorClass.SERVER_ERROR,
        ErrorClass.OVERLOADED,
        ErrorClass.EMPTY_RESPONSE,
        ErrorClass.STREAM_INTERRUPTED,
    }
    assert ours.fallback_on is not None
    assert theirs.fallback_on < ours.fallback_on


def test_row_triggers_whether_an_error_would_fail_over_can_be_asked() -> None:
    policy = presets.triggers("timeout")
    assert policy.fallback_on is not None
    assert classify(TIMEOUT).error_class in policy.fallback_on
    assert classify(broken()).error_class not in policy.fallback_on


# -- providers and models ---------------------------------------------------------------------------------------------


def test_row_fallback_provider_an_unmapped_model_passes_through() -> None:
    called: list[tuple[str, str]] = []

    def call(each: Target) -> str:
        called.append((each.id, current_attempt().model))
        if each.id == "openai":
            raise broken()
        return "hi"

    fo = Failover(*presets.openai_to_anthropic(), clock=FakeClock(), rng=Random(1))
    fo.run(call, Request(model="gpt-6-sol"))
    fo.reset()
    fo.run(call, Request(model="someones-own-model"))
    fo.reset()
    fo.run(call)
    assert called == [
        ("openai", "gpt-6-sol"), ("anthropic", "claude-sonnet-5-5"),
        ("openai", "someones-own-model"), ("anthropic", "someones-own-model"),
        ("openai", "gpt-5.5"), ("anthropic", "claude-sonnet-5"),
    ]  # fmt: skip


@pytest.mark.parametrize(("max_attempts", "asked"), [(1, "ab"), (2, "abc"), (0, "abcde"), (9, "abcde")])
def test_row_max_attempts_are_fallbacks_and_0_is_all(max_attempts: int, asked: str) -> None:
    others: dict[str, list[object]] = {name: [broken()] for name in "bcde"}
    play = Play(presets.triggers(max_attempts=max_attempts), broken(), fallbacks=4, **others)
    with pytest.raises(AllTargetsFailed):
        play.run()
    assert play.asked == asked


def test_row_retry_primary_first() -> None:
    play = Play(presets.triggers(primary_retries=2, max_attempts=1), broken(), fallbacks=3)
    assert play.run() == "b"
    assert play.asked == "aaab"


def test_row_retry_primary_first_is_off_unless_told() -> None:
    play = Play(presets.triggers(), broken())
    play.run()
    assert play.asked == "ab"


def test_row_non_trigger_error_is_raised_at_once() -> None:
    error = unauthorized()
    play = Play(presets.triggers(), error)
    with pytest.raises(ProviderError) as raised:
        play.run()
    assert raised.value is error
    assert play.asked == "a"


def test_row_all_failed_is_the_first_targets_error_with_the_others() -> None:
    first, second = broken("the first"), broken("the second")
    play = Play(presets.triggers(), first, b=[second])
    with pytest.raises(AllTargetsFailed) as raised:
        play.run()
    assert raised.value.first_error() is first
    assert any("the second" in note for note in first.__notes__)


def test_row_streaming_fails_over_while_it_is_opened() -> None:
    play = Play(presets.triggers(), broken())
    chunks = play.failover.stream(play.script.open)
    assert "".join(chunks) == "hi"
    assert [attempt.target for attempt in chunks.trail.attempts] == ["a", "b"]


async def test_row_streaming_async_too() -> None:
    play = Play(presets.triggers(), broken())
    assert [chunk async for chunk in play.failover.astream(play.script.aopen)] == ["", "hi"]


def test_row_capabilities_can_be_asked_of_the_primary() -> None:
    primary = target("a", capabilities=frozenset({"tools", "vision"}))
    fo = Failover(presets.fallback_targets(primary, target("b")), presets.triggers())
    assert "tools" in fo.targets[0].capabilities


def test_row_capabilities_token_counting_and_batch_jobs_go_to_the_primary_or_nobody() -> None:
    play = Play(presets.triggers(), broken())
    with pytest.raises(AllTargetsFailed):
        play.run(presets.PRIMARY_ONLY)
    assert play.asked == "a"


def test_row_presets_simple_failover() -> None:
    targets, policy = presets.simple_failover(target("a"), target("b"))
    assert [(t.id, t.tier) for t in targets] == [("a", 0), ("b", 1)]
    wanted = Trigger.RATE_LIMIT.classes | Trigger.SERVER_ERROR.classes | Trigger.TIMEOUT.classes
    assert policy.fallback_on is not None
    assert policy.fallback_on >= wanted


@pytest.mark.parametrize(
    ("preset", "primary", "fallback"),
    [
        (presets.openai_to_anthropic, ("openai", "gpt-5.5"), ("anthropic", "claude-sonnet-5")),
        (presets.anthropic_to_openai, ("anthropic", "claude-sonnet-5"), ("openai", "gpt-5.5")),
    ],
)
def test_row_presets_between_two_providers(preset: Callable[..., Any], primary: object, fallback: object) -> None:
    targets, _ = preset()
    assert [(t.provider, t.model) for t in targets] == [primary, fallback]
    assert preset("my-own").targets[1].model == "my-own"


def test_the_maps_name_current_models() -> None:
    """By the list that litellm brings; a stand-in that it says is on its way out is a reason to mend the map."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    listed = json.loads((Path(spec.origin).parent / "model_prices_and_context_window_backup.json").read_text("utf-8"))
    for names, provider, other in (
        (presets.OPENAI_TO_ANTHROPIC, "openai", "anthropic"),
        (presets.ANTHROPIC_TO_OPENAI, "anthropic", "openai"),
    ):
        assert {listed[name]["litellm_provider"] for name in names} == {provider}
        assert {listed[name]["litellm_provider"] for name in names.values()} == {other}
        assert not [name for name in names.values() if "deprecation_date" in listed[name]]


# -- defects mended ---------------------------------------------------------------------------------------------------


def test_mended_retries_back_off() -> None:
    play = Play(presets.triggers(primary_retries=2), broken())
    play.run()
    assert len(play.clock.slept) == 2
    assert all(seconds > 0 for seconds in play.clock.slept)


def test_mended_retries_keep_a_retry_after() -> None:
    play = Play(presets.triggers(primary_retries=1), rate_limited(2), "hi")
    assert play.run() == "a"
    (waited,) = play.clock.slept
    assert 2 <= waited <= 2.2


def test_mended_a_retry_after_that_is_too_long_leads_to_the_fallback_at_once() -> None:
    play = Play(presets.triggers(primary_retries=1), rate_limited(60))
    assert play.run() == "b"
    assert play.clock.slept == []


def test_mended_what_is_no_trigger_is_none_at_a_fallback_either() -> None:
    error = unauthorized()
    play = Play(presets.triggers(), broken(), fallbacks=2, b=[error])
    with pytest.raises(ProviderError) as raised:
        play.run()
    assert raised.value is error
    assert play.asked == "ab"


def test_mended_a_stream_that_dies_before_its_first_content_goes_on_elsewhere() -> None:
    def open_(each: Target) -> Iterator[str]:
        yield ""
        if each.id == "a":
            raise broken()
        yield "hi"

    assert "".join(Play(presets.triggers()).failover.stream(open_)) == "hi"


def breaking(each: Target) -> Iterator[str]:
    yield "Hello, "
    if each.id == "a":
        raise broken()
    yield "world"


def test_mended_a_stream_that_dies_later_can_be_resumed() -> None:
    play = Play(presets.triggers(stream_failover="resume"))
    chunks = play.failover.stream(breaking)
    assert "".join(chunks) == "Hello, world"
    assert chunks.target is not None
    assert chunks.target.id == "b"


async def test_mended_a_stream_that_dies_later_can_be_resumed_in_async_code() -> None:
    async def open_(each: Target) -> AsyncIterator[str]:
        for chunk in breaking(each):
            yield chunk

    play = Play(presets.triggers(stream_failover="resume"))
    assert "".join([chunk async for chunk in play.failover.astream(open_)]) == "Hello, world"


@pytest.mark.parametrize("error", [TIMEOUT, NETWORK])
def test_mended_network_errors_and_timeouts_are_triggers_unless_others_are_named(error: BaseException) -> None:
    assert Play(presets.triggers(), error).run() == "b"


def test_mended_a_request_goes_only_to_targets_that_have_what_it_needs() -> None:
    able, unable = frozenset({"tools"}), frozenset({"vision"})
    targets = presets.fallback_targets(
        target("a", capabilities=able), target("b", capabilities=unable), target("c", capabilities=able)
    )
    clock = FakeClock()
    script = Script(clock, {"a": [broken()], "b": ["hi"], "c": ["hi"]})
    result = Failover(targets, presets.triggers(), clock=clock, rng=Random(1)).run(
        script.call, Request(needs=frozenset({"tools"}))
    )
    assert result.target.id == "c"


def test_mended_a_dead_primary_is_remembered() -> None:
    play = Play(presets.triggers(), broken())
    for _ in range(20):
        assert play.run() == "b"
    assert play.asked.count("a") <= 3


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "settings", "complaint"),
    [
        (["ratelimit"], {}, "trigger = 'ratelimit': there is no such one. Known: rate_limit, server_error, timeout"),
        ([], {"max_attempts": -1}, "max_attempts = -1: it should be a whole number, 0 or more"),
        ([], {"primary_retries": 0.5}, "primary_retries = 0.5: it should be a whole number, 0 or more"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(on: list[str], settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        presets.triggers(*on, **settings)


def test_fallbacks_keep_their_order_whatever_tiers_they_had() -> None:
    targets = presets.fallback_targets(*reversed(chain(3)))
    assert [(t.id, t.tier) for t in Failover(targets, presets.triggers()).targets] == [("c", 0), ("b", 1), ("a", 1)]
