"""This process's own trouble, and its callers' mistakes, speak against no provider."""

from __future__ import annotations

import errno

import httpx
import openai
import pytest

from failover_plugin.classify import classify

REQUEST = httpx.Request("POST", "http://localhost/v1")


def beneath(error: BaseException) -> BaseException:
    """As the SDK wraps it."""
    try:
        raise openai.APIConnectionError(request=REQUEST) from error
    except openai.APIConnectionError as wrapped:
        return wrapped


TROUBLES = [
    httpx.PoolTimeout("no connection is free"),
    OSError(errno.EMFILE, "Too many open files"),
    MemoryError(),
    RuntimeError("can't start new thread"),
    RuntimeError("Event loop is closed"),
    RuntimeError("Task <x> got Future <y> attached to a different loop"),
]


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_this_process_lacks_is_local(error: BaseException, *, wrapped: bool) -> None:
    assert classify(beneath(error) if wrapped else error, provider="openai").scope == "local"


def test_an_argument_that_a_client_has_not_is_the_callers_mistake() -> None:
    client = openai.OpenAI(api_key="none", base_url="http://localhost:1")
    with pytest.raises(TypeError) as caught:
        client.chat.completions.create(model="m", messages=[], foo=1)  # type: ignore[call-overload]
    assert classify(caught.value, provider="openai").scope == "request"


@pytest.mark.parametrize("error", [TypeError("no"), ValueError("no"), KeyError("x"), NameError("y")], ids=repr)
def test_a_mistake_in_the_callers_own_code_is_nobodys_failure(error: BaseException) -> None:
    assert classify(error).scope == "request"


def test_json_that_does_not_parse_is_still_the_providers() -> None:
    import json

    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("<html>")
    assert classify(caught.value).error_class == "server_error"
