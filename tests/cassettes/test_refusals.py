"""The library of cassettes as a test meets it: stories, and what a replay refuses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

from support.cassettes import replay
from support.clients import KEY, LangChain

OPENAI = "api.openai.com"
ANTHROPIC = "api.anthropic.com"


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
