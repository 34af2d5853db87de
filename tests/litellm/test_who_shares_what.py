"""One server's trouble is not another's: placeholder keys, regions and locations, levels of an order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failover_plugin.emulator import faults

Ask = Callable[..., Awaitable[str]]
MESSAGES = [{"role": "user", "content": "Say hello."}]
ANSWERS = {"Hello from the backup, all of it.", "Hello from the third, all of it."}

pytestmark = pytest.mark.usefixtures("short_backoffs")


@pytest.fixture
def google_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's token service cannot be reached here."""
    from litellm.llms.vertex_ai.vertex_llm_base import VertexBase

    async def later(*_: Any, **__: Any) -> tuple[str, str]:
        return "token", "p"

    monkeypatch.setattr(VertexBase, "_ensure_access_token", lambda *_, **__: ("token", "p"))
    monkeypatch.setattr(VertexBase, "_ensure_access_token_async", later)


@pytest.mark.parametrize("status", [401, 402, 403, 429, 503])
@pytest.mark.parametrize("key", ["none", "EMPTY", "demo"])
async def test_three_servers_with_one_placeholder_key(bench: Any, ask_plain: Ask, status: int, key: str) -> None:
    sites = bench.primary, bench.backup, bench.site("third")
    bench.route(*(bench.deployment(site, api_key=key) for site in sites))
    bench.primary.fail(faults.status(status))
    answers = [await ask_plain() for _ in range(20)]
    assert set(answers) <= ANSWERS
    assert len(bench.primary.requests) <= 5


@pytest.mark.parametrize("fault", [faults.status(503), faults.status(429)], ids=["down", "throttled"])
@pytest.mark.parametrize("in_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("provider", ["bedrock", "vertex"])
async def test_two_regions_one_down(
    bench: Any, google_token: None, fault: faults.Fault, provider: str, *, in_async: bool
) -> None:
    sites = {"primary": bench.primary, "backup": bench.backup}
    bench.route(*(_regional(bench, provider, name, site) for name, site in sites.items()))
    bench.primary.fail(fault)
    for _ in range(20):
        asked = {"model": "chat", "messages": MESSAGES}
        if in_async:
            answer = await bench.router.acompletion(**asked)
        else:
            answer = await asyncio.to_thread(bench.router.completion, **asked)
        assert answer.choices[0].message.content == "Hello from the backup, all of it."
    assert len(bench.primary.requests) <= 5


def _regional(bench: Any, provider: str, name: str, site: Any) -> Any:
    """The same model of one account in two places, which differ in nothing but these."""
    if provider == "bedrock":
        return bench.deployment(
            site,
            model="bedrock/converse/anthropic.claude-sonnet-5",
            api_base=None,
            api_key=None,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
            aws_region_name={"primary": "eu-west-1", "backup": "us-east-1"}[name],
            aws_bedrock_runtime_endpoint=site.url,
        )
    return bench.deployment(
        site,
        model="vertex_ai/gemini-2.5-pro",
        api_base=f"{site.url}/v1/projects/p/locations/{name}/publishers/google/models/gemini-2.5-pro",
        api_key=None,
        vertex_project="p",
        vertex_location={"primary": "europe-west1", "backup": "us-central1"}[name],
    )


async def test_order_levels_one_and_two_dead(bench: Any, ask: Ask) -> None:
    third = bench.site("third")
    sites = bench.primary, bench.backup, third
    bench.route(*(bench.deployment(site, order=order) for order, site in enumerate(sites, 1)))
    bench.primary.fail(faults.status(503))
    bench.backup.fail(faults.status(500))
    assert {await ask() for _ in range(20)} == {"Hello from the third, all of it."}
    assert len(bench.primary.requests) <= 5
    assert len(bench.backup.requests) <= 5
