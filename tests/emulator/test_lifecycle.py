"""The emulator starts, stops and leaves nothing behind; it sees who has gone."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import threading
import time

import openai
import pytest

from failover_plugin.emulator import Emulator, Site, faults

HI = [{"role": "user", "content": "hi"}]


def post(port: int, path: str, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def wait_until(condition: object) -> None:
    """The server's thread needs a moment to notice that a client has gone."""
    deadline = time.monotonic() + 2
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.005)


def test_stop_ends_a_request_that_hangs_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with Emulator() as emulator:
        site = emulator.site("primary")
        site.fail(faults.hang())
        caller = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=2)
        caller.request("POST", "/primary/v1/chat/completions", json.dumps({"messages": HI}))
        wait_until(lambda: site.open == 1)
        assert (site.open, emulator.connections) == (1, 1)
    assert site.open == 0
    assert threading.active_count() == before
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        caller.getresponse()
    caller.close()
    gc.collect()  # a forgotten socket or task would now warn, and warnings are errors


def test_it_starts_again_after_a_stop() -> None:
    emulator = Emulator()
    for _ in range(2):
        with emulator:
            site = emulator.site("primary")
            assert post(emulator.port, "/primary/v1/chat/completions", {"messages": HI})[0] == 200
            assert len(site.requests) == 1


def test_it_is_started_once_and_asked_only_while_it_runs() -> None:
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not been started"):
        emulator.site("primary")
    with emulator, pytest.raises(RuntimeError, match="running already"):
        emulator.start()
    emulator.stop()


def test_tls_is_spoken_only_if_hosts_are_given(emulator: Emulator) -> None:
    with pytest.raises(RuntimeError, match="hosts"):
        _ = emulator.https_port
    with pytest.raises(RuntimeError, match="hosts"):
        _ = emulator.certificate


async def test_a_caller_that_cancels_leaves_no_connection(emulator: Emulator, site: Site) -> None:
    site.fail(faults.stall())
    async with openai.AsyncOpenAI(base_url=site.openai_url, api_key="test-key", max_retries=0, timeout=5) as client:

        async def read() -> None:
            async for _ in await client.chat.completions.create(model="gpt", messages=HI, stream=True):
                pass

        reading = asyncio.create_task(read())
        while not site.open:
            await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    while site.open or emulator.connections:
        await asyncio.sleep(0.005)


def test_a_connection_is_kept_for_the_next_request(emulator: Emulator, site: Site) -> None:
    with openai.OpenAI(base_url=site.openai_url, api_key="test-key", max_retries=0, timeout=2) as client:
        for _ in range(3):
            client.chat.completions.create(model="gpt", messages=HI)
            assert emulator.connections == 1
    assert [seen.fault for seen in site.requests] == [None] * 3


def test_many_callers_at_once(site: Site) -> None:
    site.latency = 0.2
    with openai.OpenAI(base_url=site.openai_url, api_key="test-key", max_retries=0, timeout=5) as client:
        callers = [
            threading.Thread(target=client.chat.completions.create, kwargs={"model": "gpt", "messages": HI})
            for _ in range(20)
        ]
        for caller in callers:
            caller.start()
        wait_until(lambda: site.open == 20)
        assert site.open == 20
        for caller in callers:
            caller.join()
    assert site.open == 0
    assert len(site.requests) == 20
