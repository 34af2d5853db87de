"""The emulator starts, stops and leaves nothing behind; it sees who has gone."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import openai
import pytest

from failover_plugin.emulator import Emulator, Fault, Site, faults

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


def wait_until(condition: Callable[[], bool]) -> None:
    """The server's thread needs a moment to notice that a client has gone."""
    deadline = time.monotonic() + 2
    while not condition() and time.monotonic() < deadline:
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


def test_an_address_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failover_plugin.emulator.server.LOOPBACK", "192.0.2.1")
    emulator = Emulator()
    with pytest.raises(OSError, match="address"):
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


def test_many_callers_at_once_and_all_of_them_leave(emulator: Emulator, site: Site) -> None:
    site.fail(faults.hang())
    callers = [http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=2) for _ in range(50)]
    for caller in callers:
        caller.request("POST", f"/{site.name}/v1/chat/completions", json.dumps({"messages": HI}))
    wait_until(lambda: site.open == 50)
    assert (site.open, emulator.connections, len(site.requests)) == (50, 50, 50)
    for caller in callers:
        caller.close()
    wait_until(lambda: emulator.connections == 0)
    assert (site.open, emulator.connections) == (0, 0)


def test_a_request_in_chunks_is_read_whole(emulator: Emulator, site: Site) -> None:
    body = json.dumps({"model": "gpt", "messages": HI}).encode()
    caller = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=2)
    caller.request("POST", f"/{site.name}/v1/chat/completions", iter([body[:9], body[9:]]), encode_chunked=True)
    assert caller.getresponse().status == 200
    caller.close()
    assert site.requests[0].body["messages"] == HI


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind"),
    [
        ("/v1/nothing", {}, {}, 404, "invalid_request_error"),
        ("/v1/nothing", {}, {"anthropic-version": "2023-06-01"}, 404, "not_found_error"),
        ("/v1/chat/completions", b"no json", {}, 400, "invalid_request_error"),
        ("/v1/messages", b"[]", {}, 400, "invalid_request_error"),
    ],
)
def test_what_no_provider_understands(
    emulator: Emulator, site: Site, path: str, body: object, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = post(emulator.port, f"/{site.name}{path}", body, **headers)
    assert answer[0] == status
    assert json.loads(answer[2])["error"]["type"] == kind
    assert site.requests == ()


def test_a_site_that_does_not_exist(emulator: Emulator) -> None:
    assert post(emulator.port, "/nobody/v1/chat/completions", {})[0] == 404


def test_a_site_is_also_found_by_its_host_name(emulator: Emulator) -> None:
    site = emulator.site("api.openai.com")
    assert post(emulator.port, "/v1/chat/completions", {"messages": HI}, host="api.openai.com:443")[0] == 200
    assert len(site.requests) == 1


def test_tls_under_a_providers_name() -> None:
    with Emulator(hosts=("api.openai.com",)) as emulator:
        emulator.site("api.openai.com", reply="over TLS")
        trust = ssl.create_default_context(cadata=emulator.certificate.decode())
        caller = http.client.HTTPConnection("api.openai.com")
        plain = socket.create_connection(("127.0.0.1", emulator.https_port), timeout=2)
        caller.sock = trust.wrap_socket(plain, server_hostname="api.openai.com")
        caller.request("POST", "/v1/chat/completions", json.dumps({"messages": HI}))
        assert b"over TLS" in caller.getresponse().read()
        caller.close()


def test_tls_without_its_library_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "failover-plugin\[emulator\]"'):
        Emulator(hosts=("api.openai.com",))


def test_plain_http_needs_the_standard_library_only() -> None:
    code = """
import sys
before = set(sys.modules)
import failover_plugin.emulator
new = {name.partition(".")[0] for name in set(sys.modules) - before} - {"failover_plugin"}
print(sorted(name for name in new - sys.stdlib_module_names - set(sys.argv[1:]) if name[0] != "_"))
"""
    core = ["pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "yaml"]
    ran = subprocess.run([sys.executable, "-c", code, *core], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_fault_that_fails_is_logged(emulator: Emulator, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.fail(Fault("broken", lambda _call: 1 / 0))
    with pytest.raises(http.client.RemoteDisconnected):
        post(emulator.port, f"/{site.name}/v1/chat/completions", {"messages": HI})
    wait_until(lambda: "the emulator failed to answer" in caplog.text)
    assert "ZeroDivisionError" in caplog.text
    assert site.open == 0


def test_a_site_may_have_any_name() -> None:
    with Emulator() as emulator:
        site = emulator.site("Anna's provider/2 ü")
        with openai.OpenAI(api_key="test-key", base_url=site.openai_url, max_retries=0) as client:
            answer = client.chat.completions.create(model="m", messages=HI)  # type: ignore[arg-type]
    assert answer.choices[0].message.content == "Hello from Anna's provider/2 ü"
