"""Every cassette, replayed through LangChain and LiteLLM, is what the provider's own SDK makes of that answer.

And what the library makes of it: one class for one answer, through whichever client it came.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

from failover_plugin import ErrorClass, classify
from support.cassettes import replay
from support.clients import CLIENTS, KEY, LangChain, LiteLLM, client, look

OPENAI = "api.openai.com"
ANTHROPIC = "api.anthropic.com"

ERRORS = {
    "openai/400_content_policy": ErrorClass.CONTENT_POLICY,
    "openai/400_context_length": ErrorClass.CONTEXT_WINDOW,
    "openai/400_invalid_request": ErrorClass.INVALID_REQUEST,
    "openai/401_invalid_api_key": ErrorClass.AUTH,
    "openai/403_permission_denied": ErrorClass.PERMISSION,
    "openai/404_model_not_found": ErrorClass.NOT_FOUND,
    "openai/429_credit_balance": ErrorClass.QUOTA_EXHAUSTED,
    "openai/429_insufficient_quota": ErrorClass.QUOTA_EXHAUSTED,
    "openai/429_rate_limit": ErrorClass.RATE_LIMIT,
    "openai/429_retry_after": ErrorClass.RATE_LIMIT,
    "openai/429_retry_after_60": ErrorClass.RATE_LIMIT,
    "openai/500_server_error": ErrorClass.SERVER_ERROR,
    "openai/503_overloaded": ErrorClass.OVERLOADED,
    "anthropic/400_content_policy": ErrorClass.CONTENT_POLICY,
    "anthropic/400_context_length": ErrorClass.CONTEXT_WINDOW,
    "anthropic/400_credit_balance": ErrorClass.QUOTA_EXHAUSTED,
    "anthropic/400_invalid_request": ErrorClass.INVALID_REQUEST,
    "anthropic/401_invalid_api_key": ErrorClass.AUTH,
    "anthropic/403_permission_denied": ErrorClass.PERMISSION,
    "anthropic/404_model_not_found": ErrorClass.NOT_FOUND,
    "anthropic/429_insufficient_quota": ErrorClass.QUOTA_EXHAUSTED,
    "anthropic/429_rate_limit": ErrorClass.RATE_LIMIT,
    "anthropic/429_retry_after": ErrorClass.RATE_LIMIT,
    "anthropic/429_retry_after_60": ErrorClass.RATE_LIMIT,
    "anthropic/500_server_error": ErrorClass.SERVER_ERROR,
    "anthropic/529_overloaded": ErrorClass.OVERLOADED,
}
WAITS = {"429_retry_after": 1.0, "429_retry_after_60": 60.0}

adapters = pytest.mark.parametrize("adapter", [LangChain, LiteLLM])


@adapters
@pytest.mark.parametrize("mode", ["plain", "aplain", "stream", "astream"])
@pytest.mark.parametrize("cassette", ERRORS)
async def test_an_error_has_one_class_through_every_adapter(adapter: Any, mode: str, cassette: str) -> None:
    family, _, name = cassette.partition("/")
    with replay(cassette) as played:
        seen = await look(adapter(family), mode)
    assert seen.error is not None
    diagnosis = classify(seen.error)
    assert diagnosis.error_class is ERRORS[cassette]
    assert diagnosis.retry_after == WAITS.get(name)
    assert [status for _, status in played.answers] == [int(name[:3])]


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_an_error_inside_a_stream(name: str, mode: str) -> None:
    with replay(f"{CLIENTS[name]}/200_stream_error"):
        seen = await look(client(name), mode)
    assert seen.error is not None
    assert seen.text == ""
    assert classify(seen.error).error_class is ErrorClass.OVERLOADED


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("mode", ["plain", "aplain", "stream", "astream"])
async def test_a_healthy_answer(name: str, mode: str) -> None:
    with replay(f"{CLIENTS[name]}/{'200_stream' if 'stream' in mode else '200_plain'}"):
        seen = await look(client(name), mode)
    assert (seen.text, seen.error) == ("Hello from the provider", None)


def test_cassettes_make_a_story() -> None:
    options: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": 2}
    primary = ChatOpenAI(model="gpt-5.5", **options)
    fallback = ChatAnthropic(model_name="claude-sonnet-5", **options)
    chat = primary.with_fallbacks([fallback])
    with replay("openai/429_retry_after", "anthropic/200_plain", "openai/503_overloaded", "openai/200_plain") as played:
        assert chat.invoke("hi").text == "Hello from the provider"
        with pytest.raises(Exception, match="overloaded"):
            primary.invoke("hi")
        assert chat.invoke("anything else").text == "Hello from the provider"
    assert played.answers == [(OPENAI, 429), (ANTHROPIC, 200), (OPENAI, 503), (OPENAI, 200)]


def test_a_request_that_no_cassette_answers_fails_the_test() -> None:
    ask = LangChain("openai")
    with pytest.raises(
        AssertionError, match=r"no cassette answers .*POST https://api\.openai\.com/v1/chat/completions"
    ):
        play(("openai/200_plain",), ask.plain, ask.plain)


def test_a_cassette_that_was_not_played_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"nobody asked for .*503 from api\.openai\.com"):
        play(("openai/200_plain", "openai/503_overloaded"), LangChain("openai").plain)


def test_a_stream_is_not_answered_with_a_plain_answer() -> None:
    with pytest.raises(AssertionError, match="no cassette answers"):
        play(("openai/200_plain",), lambda: list(LangChain("openai").stream()))


def test_whoever_goes_to_the_network_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"somebody went to the network: .*look-up of example\.com"):
        play((), lambda: socket.create_connection(("example.com", 80)))


def test_an_error_of_the_test_itself_tells_what_was_played() -> None:
    with pytest.raises(ZeroDivisionError) as raised, replay("openai/200_plain"):
        raise ZeroDivisionError
    assert raised.value.__notes__ == ["answers: [], misses: [], network: []"]


def play(cassettes: tuple[str, ...], *calls: Callable[[], object]) -> None:
    """A test that takes whatever error for an outage."""
    with replay(*cassettes):
        for call in calls:
            with suppress(Exception):
                call()
