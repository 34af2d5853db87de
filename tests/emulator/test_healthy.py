"""A healthy site looks to every real client like its provider."""

from __future__ import annotations

import json

import pytest

from failover_plugin.emulator import Site
from support.clients import CLIENTS, KEY, MODELS, client

pytestmark = pytest.mark.parametrize("name", CLIENTS)


def test_plain(site: Site, name: str) -> None:
    assert client(name, site).plain() == "Hello from primary"


def test_stream(site: Site, name: str) -> None:
    assert [text for text in client(name, site).stream() if text] == ["Hello ", "from ", "primary"]


async def test_async_plain(site: Site, name: str) -> None:
    assert await client(name, site).aplain() == "Hello from primary"


async def test_async_stream(site: Site, name: str) -> None:
    assert [text async for text in client(name, site).astream() if text] == ["Hello ", "from ", "primary"]


def test_a_request_is_recorded_without_the_key(site: Site, name: str) -> None:
    client(name, site).plain()
    (seen,) = site.requests
    assert (seen.model, seen.stream, seen.fault) == (MODELS[CLIENTS[name]], False, None)
    assert seen.path == ("/v1/chat/completions" if CLIENTS[name] == "openai" else "/v1/messages")
    assert seen.body["messages"][-1]["role"] == "user"
    assert KEY not in json.dumps(dict(seen.headers))
    assert "redacted-" in (seen.headers.get("authorization") or seen.headers["x-api-key"])
