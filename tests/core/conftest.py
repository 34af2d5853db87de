"""What the core's tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core.played import Played, Streams

from failover_plugin import Failover


@pytest.fixture(params=["stream", "astream"])
def play(request: pytest.FixtureRequest) -> Callable[..., Played]:
    def play(fo: Failover, streams: Streams, *, marks: bool = True) -> Played:
        return Played(fo, streams, marks=marks, asynchronous=request.param == "astream")

    return play
