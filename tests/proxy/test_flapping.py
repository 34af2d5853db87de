"""Fifty clients at once over a backend that comes and goes, while the proxy's models change: by hand, two minutes."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from failover_plugin.emulator import Emulator, faults
from support.proxies import Proxy, authorized, config

SECONDS = float(os.environ.get("FAILOVER_PROXY_FLAPPING", "0"))
CLIENTS = 50
QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}


def memory(proxy: Proxy) -> int:
    """What the proxy's process holds, in kB."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.skipif(not SECONDS, reason="only with FAILOVER_PROXY_FLAPPING, its seconds")
async def test_nothing_is_lost_while_a_backend_flaps_and_models_change(emulator: Emulator, tmp_path: Path) -> None:
    sites = {name: emulator.site(f"flapping.{name}", reply="Hello.") for name in ("steady", "flapping", "guest")}
    model_list = [
        {
            "model_name": "chat",
            "litellm_params": {"model": "openai/gpt-4o", "api_base": site.openai_url, "api_key": f"secret-{name}"},
            "model_info": {"id": name},
        }
        for name, site in sites.items()
        if name != "guest"
    ]
    proxy = Proxy(
        tmp_path,
        config(*model_list, litellm_settings={"callbacks": ["support.proxy_changes.changes"]}),
        CHANGED_MODEL_AT=sites["guest"].openai_url,
        PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    )
    lost: list[str] = []
    served = 0

    async def ask(until: float) -> None:
        """A client with a connection of its own, which is never idle for as long as the server keeps one."""
        nonlocal served
        stream = False
        async with httpx.AsyncClient(base_url=proxy.url, headers=authorized(), timeout=60) as client:
            while time.monotonic() < until:
                answer = await client.post("/v1/chat/completions", json={**QUESTION, "stream": stream})
                stream = not stream
                if answer.status_code == 200 and "error" not in answer.text:
                    served += 1
                else:
                    lost.append(f"{answer.status_code} {answer.text[:200]}")

    async def flap(until: float) -> None:
        kinds = [faults.status(503), faults.rate_limit(retry_after=2), faults.reset(), faults.cut(0)]
        while time.monotonic() < until:
            sites["flapping"].fail(kinds[0])
            kinds.append(kinds.pop(0))
            await asyncio.sleep(4)
            sites["flapping"].heal()
            await asyncio.sleep(4)

    try:
        proxy.ready()
        warm = time.monotonic() + min(20.0, SECONDS / 4)
        await asyncio.gather(flap(warm), *(ask(warm) for _ in range(CLIENTS)))
        before = memory(proxy)
        until = time.monotonic() + SECONDS
        await asyncio.gather(flap(until), *(ask(until) for _ in range(CLIENTS)))
        await asyncio.sleep(1)
        report: Any = proxy.client.get("/failover/status").json()
        logging.getLogger(__name__).info("served %d; memory %d -> %d kB", served, before, memory(proxy))
        assert not lost, lost[:5]
        assert served > CLIENTS
        assert {target["target"]: target["in_flight"] for target in report["targets"]}.keys() >= {"steady", "flapping"}
        assert all(target["in_flight"] == 0 for target in report["targets"])
        assert sites["guest"].requests
        assert "failover_litellm" not in proxy.log
        assert "failover_plugin" not in proxy.log
        assert memory(proxy) < before * 1.1
    finally:
        proxy.stop()
