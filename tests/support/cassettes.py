"""Replaying provider errors: cassettes are small, one answer each, and a test strings them together to a story.

    with replay("openai/429_retry_after", "anthropic/200_plain") as played:
        ...
    assert played.answers == [("api.openai.com", 429), ("api.anthropic.com", 200)]

A request is matched by address and, where the answer depends on it, by whether it asks for a stream. Its body is left
out: an error is the same for every prompt, and bodies differ between LangChain and LiteLLM, so that one library serves
both, and every test may say what it likes. So are the spellings of an address in which they differ. Equal requests are
answered in the order of the cassettes, each once.

A request that no cassette answers fails the test. That has to be said here, because an SDK turns the refusal into a
connection error, which a failover library would go and fail over from. So does a cassette that was not played.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vcr.cassette import Cassette
from vcr.record_mode import RecordMode
from vcr.request import Request
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from failover_plugin.record.cassette import is_aside
from support.addresses import address, asks_for_stream
from support.network import blocked

FOLDER = Path(__file__).parents[2] / "cassettes"


def names() -> list[str]:
    """All cassettes, as ``replay`` wants them."""
    return sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml"))


class Played(Cassette):
    """What the test plays: the answers given, in order, and the requests that found none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.answers: list[tuple[str, int]] = []
        self.misses: list[str] = []

    def can_play_response_for(self, request: Request) -> bool:
        playable = bool(super().can_play_response_for(request))
        if not playable and not is_aside(request):
            self.misses.append(f"{request.method} {request.uri}")
        return playable

    def play_response(self, request: Request) -> dict[str, Any]:
        response = super().play_response(request)
        self.answers.append((request.host, response["status"]["code"]))
        return response

    def unplayed(self) -> list[str]:
        """The answers nobody asked for."""
        waiting = [self.data[index] for index in range(len(self)) if not self.play_counts[index]]
        return [f"{response['status']['code']} from {request.host}" for request, response in waiting]


class _Library:
    """Loads several cassettes as one; nothing is ever saved."""

    def __init__(self, cassettes: tuple[str, ...]) -> None:
        self._cassettes = cassettes

    def load_cassette(self, _path: str, serializer: Any) -> tuple[list[Request], list[dict[str, Any]]]:
        loaded = [deserialize((FOLDER / f"{name}.yaml").read_text(), serializer) for name in self._cassettes]
        return [request for some, _ in loaded for request in some], [answer for _, some in loaded for answer in some]


@contextmanager
def replay(*cassettes: str) -> Iterator[Played]:
    """Answer from these cassettes, in this order, and from nowhere else; every one has to be asked for."""
    playing = Played.use(
        path=" + ".join(cassettes),
        persister=_Library(cassettes),
        serializer=yamlserializer,
        record_mode=RecordMode.NONE,
        match_on=(_at_the_address, _as_asked),
    )
    with blocked() as attempts, playing as played:
        try:
            yield played
        except BaseException as error:
            error.add_note(f"answers: {played.answers}, misses: {played.misses}, network: {attempts}")
            raise
    assert not played.misses, f"no cassette answers {played.misses}"
    assert not attempts, f"somebody went to the network: {attempts}"
    assert not played.unplayed(), f"nobody asked for {played.unplayed()}"


def _at_the_address(asked: Request, recorded: Request) -> bool:
    return address(asked) == address(recorded)


def _as_asked(asked: Request, recorded: Request) -> bool:
    return recorded.body is None or asks_for_stream(asked) == asks_for_stream(recorded)
