"""What a caller of the proxy and a provider see, fault by fault: one primary, one fallback in the next tier.

Each row is asked plain and streamed (in the middle of an answer only streams can break), by the default policy and with
``stream_failover="resume"``. Both deployments write the same text, so a stream that broke can be gone on with.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from failover_plugin.emulator import Emulator, faults
from support.fault_rows import ASKED, POLICIES, TEXT, Row, group
from support.proxies import Proxy, authorized, config, deployment, stream_read

AT_ONCE = 5
OUTAGE = float(os.environ.get("FAILOVER_OUTAGE", "0"))
QUESTION = {"messages": [{"role": "user", "content": "Hi"}]}


@dataclass(frozen=True)
class Seen:
    """What came of one row, asked in one way."""

    answer: httpx.Response
    took: float


@pytest.fixture(scope="session")
def seen(proxies: Mapping[str, Proxy], stage: Any) -> Mapping[str, Seen]:
    """Every row, asked in every way, by group: several at once, for most of the time is waiting."""

    def ask(policy: str, row: Row, way: str) -> Seen:
        proxy, name = _proxy(proxies, policy), group(policy, row, way)
        primary, backup = stage.site(name, "primary"), stage.site(name, "backup")
        if row.fault is not None:
            primary.script(row.fault) if row.once else primary.fail(row.fault)
            if row.both:
                backup.fail(row.fault)
        body = {**QUESTION, "model": name, "stream": way == "stream"}
        began = time.monotonic()
        answer = proxy.client.post("/v1/chat/completions", json=body)
        return Seen(answer, time.monotonic() - began)

    for policy in POLICIES:
        _proxy(proxies, policy).ready()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda each: ask(*each), ASKED)
        return {group(*each): one for each, one in zip(ASKED, found, strict=True)}


def _proxy(proxies: Mapping[str, Proxy], policy: str) -> Proxy:
    return proxies["main" if policy == "default" else policy]


@pytest.mark.parametrize(("policy", "row", "way"), ASKED, ids=lambda each: getattr(each, "number", each))
def test_a_row(seen: Mapping[str, Seen], stage: Any, policy: str, row: Row, way: str) -> None:
    name = group(policy, row, way)
    answer, primary, backup = seen[name].answer, stage.site(name, "primary"), stage.site(name, "backup")
    assert seen[name].took < row.within
    assert len(primary.requests) <= row.asked
    if isinstance(row.answers, int):
        assert answer.status_code == row.answers
        assert len(backup.requests) <= (2 if row.both else 0)
        return
    assert answer.status_code == 200
    said, error = stream_read(answer.text) if way == "stream" else (_plain(answer.text), None)
    if row.broken and policy == "default" and error is not None:
        assert TEXT.startswith(said)
        assert said != TEXT
        assert not backup.requests
    else:
        assert (said, error) == (TEXT, None)
        assert answer.headers["x-litellm-model-id"].rpartition(".")[2] in row.answers


def test_row_21_who_refuses_the_text_so_far_is_not_what_the_caller_hears_of(
    proxies: Mapping[str, Proxy], stage: Any
) -> None:
    proxy, primary, backup = proxies["resume"].ready(), stage.site("row-21", "primary"), stage.site("row-21", "backup")
    primary.fail(faults.cut())
    backup.fail(faults.prefill_unsupported())
    began = time.monotonic()
    answer = proxy.client.post("/v1/chat/completions", json={**QUESTION, "model": "row-21", "stream": True})
    assert time.monotonic() - began < 8
    assert len(primary.requests) == 1
    assert backup.requests
    said, error = stream_read(answer.text)
    assert TEXT.startswith(said)
    assert error is not None
    assert "prefill" not in str(error)


def test_row_24_a_caller_who_leaves_leaves_nothing_behind(proxy: Proxy, stage: Any) -> None:
    """In the middle of a stream: of a plain request's caller LiteLLM's proxy does not notice that he has gone."""
    primary, backup = stage.site("row-24", "primary"), stage.site("row-24", "backup")
    primary.fail(faults.slow_drip(1.0))
    body = {**QUESTION, "model": "row-24", "stream": True}
    with (
        httpx.Client(base_url=proxy.url, headers=authorized()) as client,
        client.stream("POST", "/v1/chat/completions", json=body, timeout=20) as answer,
    ):
        next(answer.iter_lines())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (primary.open or _in_flight(proxy, "row-24")):
        time.sleep(0.1)
    assert (primary.open, _in_flight(proxy, "row-24")) == (0, 0)
    assert not backup.requests


def _in_flight(proxy: Proxy, group: str) -> int:
    targets = proxy.client.get("/failover/status").json()["targets"]
    return sum(target["in_flight"] for target in targets if target["target"].startswith(f"{group}."))


@pytest.mark.timeout(OUTAGE + 240)
@pytest.mark.skipif(not OUTAGE, reason="only with FAILOVER_OUTAGE=60: the row as it is written takes 80 s")
async def test_row_22_a_dead_minute_in_every_phase(emulator: Emulator, tmp_path: Path) -> None:
    every, phases = OUTAGE / 15, 20
    sites = [[emulator.site(f"row-22-{n}.{role}", reply=TEXT) for role in ("primary", "backup")] for n in range(phases)]
    model_list = [
        deployment(site, f"row-22-{number}", info={"failover": {"tier": tier}})
        for number, pair in enumerate(sites)
        for tier, site in enumerate(pair)
    ]
    proxy = Proxy(tmp_path, config(*model_list))
    try:
        proxy.ready()
        async with httpx.AsyncClient(base_url=proxy.url, headers=authorized(), timeout=60) as client:
            start = asyncio.get_running_loop().time()

            async def ask(number: int, at: float) -> None:
                await asyncio.sleep(start + at - asyncio.get_running_loop().time())
                body = {**QUESTION, "model": f"row-22-{number}"}
                assert (await client.post("/v1/chat/completions", json=body)).status_code == 200

            async def phase(number: int) -> tuple[int, float]:
                """Hits on the dead primary, and the seconds until one that is answered begins, counted from its end."""
                primary, dies = sites[number][0], every * (1 + number / phases)

                async def die() -> None:
                    await asyncio.sleep(start + dies - asyncio.get_running_loop().time())
                    primary.fail(faults.server_error(), seconds=OUTAGE)

                await asyncio.gather(die(), *(ask(number, every * turn) for turn in range(23)))
                seen = primary.requests
                hits = [one.at for one in seen if one.fault is not None]
                back = next(one.at for one in seen if one.fault is None and one.at > hits[-1])
                return len(hits), back - (start + dies + OUTAGE)

            found = await asyncio.gather(*map(phase, range(phases)))
    finally:
        proxy.stop()
    hits, back = zip(*found, strict=True)
    assert statistics.median(hits) <= 8, sorted(hits)
    assert max(hits) <= 10
    assert max(back) <= 16, sorted(back)


def _plain(text: str) -> str:
    return str(json.loads(text)["choices"][0]["message"]["content"])
