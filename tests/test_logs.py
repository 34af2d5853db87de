"""A key that one of our loggers shows fails the test in which it does: see ``keys_logged`` in conftest.py."""

from __future__ import annotations

import logging

import pytest


@pytest.mark.parametrize("name", ["failover_plugin.events", "failover_litellm.hooks", "failover_langchain"])
@pytest.mark.parametrize(
    "words",
    [
        "{}: Incorrect API key provided: " + "sk-" + "a1b2c3",
        "{}: secret-primary",
        "{}: Authorization: Bearer a1b2c3",
        "{}: AKIA" + "A1B2C3",
        "{}: test-key",
    ],
)
def test_a_key_is_noticed_wherever_it_stands_in_a_record(name: str, words: str, keys_logged: list[str]) -> None:
    logger = logging.getLogger(name)
    key = words.removeprefix("{}: ")
    logger.debug(words.format("in words"))
    logger.debug("as an argument: %s", key)
    logger.debug("unseen: %.0s", {"key": key})
    try:
        raise ValueError(key)
    except ValueError:
        logger.debug("in a traceback", exc_info=True)
    noticed = [sum(word in line for line in keys_logged) for word in ("in words", "as an", "{'key'", "ValueError: ")]
    keys_logged.clear()
    assert noticed == [1, 1, 1, 1]


def test_what_is_no_key_may_be_logged(keys_logged: list[str]) -> None:
    logger = logging.getLogger("failover_plugin.events")
    for words in ("api key provided: [redacted]", "Bearer [redacted]", "risk-free", "openai:gpt-4o-mini", "auth 401"):
        logger.info("%s", words)
    assert not keys_logged


def test_what_others_log_is_theirs(keys_logged: list[str]) -> None:
    logging.getLogger("LiteLLM").warning("secret-primary")
    assert not keys_logged
