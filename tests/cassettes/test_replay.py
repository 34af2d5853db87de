"""Every cassette, replayed through litellm and, where there is one, through LangChain's class.

The network is blocked: whoever asks for anything but the recorded answer fails. The answer arrives as the error it is,
and the library makes one class of it, through whichever client it came.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from failover_plugin import classify
from support.cassettes import FOLDER, replay
from support.chat_models import STREAMS_ALWAYS
from support.clients import CALLABLE, MODES, Client, LangChain, LiteLLM, Sight, look
from support.expected import EXPECTED
from support.losses import LOST, MENDED, SILENT, WRONG
from support.recording import REPLY
from support.scenarios import IN_STREAM, WAITS, errors_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning",  # google-genai, of its own class
    "ignore:coroutine 'MockClientResponse.json' was never awaited:RuntimeWarning",  # and of an answer it gives up on
)

STREAMS = ("stream", "astream")
WORD = re.compile(r"[A-Za-z]{5,}")


def through() -> list[tuple[Any, str]]:
    return [(make, provider) for make in (LiteLLM, LangChain) for provider in sorted(CALLABLE[make.__name__])]


def cases() -> list[tuple[Any, str, str]]:
    """A client, a way of asking, and a cassette.

    An error inside a stream is met only by who asks for one. What is refused before a stream begins is refused alike,
    so that litellm has to show that of one error for each provider; LangChain's classes ask plainly and for a stream.
    """
    return [
        (make, mode, cassette)
        for make, provider in through()
        for cassette in EXPECTED
        if cassette.startswith(f"{provider}/") and (make is LangChain or cassette not in MENDED)
        for mode in modes(make, cassette.partition("/")[2])
    ]


def modes(make: Any, name: str) -> tuple[str, ...]:
    if name.startswith("200_"):
        return STREAMS
    if name == "429_rate_limit":
        return MODES
    return ("plain", "aplain") if make is LiteLLM else ("plain", "astream")


def key(make: Any, mode: str, cassette: str) -> tuple[str, str]:
    return cassette, f"{make.__name__} {mode}"


@pytest.mark.parametrize(("make", "mode", "cassette"), cases())
async def test_an_error_is_what_its_documentation_says(make: Any, mode: str, cassette: str) -> None:
    client: Client = make(cassette.partition("/")[0])
    with replay(cassette) as played:
        seen = await look(client, mode)
    assert [status for _, status in played.answers] == [int(cassette.partition("/")[2][:3])]
    if key(make, mode, cassette) in SILENT:
        assert seen.error is None or "Stream ended before" in str(seen.error)
        return
    assert seen.error is not None
    assert status_of(cassette) in statuses(seen) or words_of(cassette) & words(seen)
    found = classify(seen.error)
    assert (found.error_class in EXPECTED[cassette]) == (key(make, mode, cassette) not in LOST | WRONG)
    assert found.retry_after == WAITS.get(cassette.partition("/")[2], found.retry_after)


def test_litellm_leaves_enough_of_nearly_every_error() -> None:
    asked = [key(*case) for case in cases() if case[0] is LiteLLM]
    lost = [case for case in asked if case in LOST | WRONG | SILENT]
    assert len(lost) <= 0.05 * len(asked)


@pytest.mark.parametrize(("make", "provider"), through())
@pytest.mark.parametrize("mode", MODES)
async def test_a_healthy_answer(make: Any, provider: str, mode: str) -> None:
    stream = mode in STREAMS or (make is LangChain and provider in STREAMS_ALWAYS)
    with replay(f"{provider}/{'200_stream' if stream else '200_plain'}"):
        seen = await look(make(provider), mode)
    assert (seen.text, seen.error) == (REPLY, None)


def status_of(cassette: str) -> int:
    """The status that an error has, or had before its stream began."""
    provider, _, name = cassette.partition("/")
    if not name.startswith("200_"):
        return int(name[:3])
    errors = errors_of(provider)
    return errors[name[4:] if name[4:] in errors else IN_STREAM[provider][0]].status


def words_of(cassette: str) -> set[str]:
    (interaction,) = yaml.safe_load((FOLDER / f"{cassette}.yaml").read_text())["interactions"]
    body = interaction["response"]["body"]["string"]
    return set(WORD.findall(body if isinstance(body, str) else body.decode("latin-1")))


def words(seen: Sight) -> set[str]:
    return {word for error in seen.chain for word in WORD.findall(str(error))} - {"message", "status"}


def statuses(seen: Sight) -> set[int]:
    """What the error, or one of its causes, says that the status was."""
    found = {getattr(error, name, None) for error in seen.chain for name in ("status_code", "code", "http_status")}
    return {int(status) for status in found if str(status).isdigit()} - {HTTPStatus.OK}
