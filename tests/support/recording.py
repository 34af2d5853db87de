"""Recording the cassettes: every answer of ``SCENARIOS``, asked for by real clients at the providers' own addresses.

    RECORD=1 pytest tests/cassettes

runs this module in a process of its own, because a certificate has to be trusted before any HTTP library is imported.
LiteLLM can call nearly every provider, so it records nearly everything. The other ways record ``SAMPLE``, so that it is
known that a recording does not depend on its client; that they replay the rest is tested elsewhere, without a server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from failover_plugin.emulator import Emulator
from failover_plugin.record.cassette import ASIDES, CONNECTION, Writer
from support.addresses import ALIKE, usual
from support.clients import CALLABLE, LangChain, LiteLLM, look
from support.losses import MENDED
from support.network import diverted, trust
from support.providers import PROVIDERS
from support.scenarios import SCENARIOS, Scenario

WAYS = {
    "LiteLLM": (LiteLLM, "plain", "stream"),
    "LiteLLM-async": (LiteLLM, "aplain", "astream"),
    "LangChain": (LangChain, "plain", "stream"),
    "LangChain-async": (LangChain, "aplain", "astream"),
}
SAMPLE = ("200_plain", "429_rate_limit")
UNLIKE = {
    "huggingface/200_plain": "the hub's client calls the model of any address 'dummy', and the answer repeats that",
    "ollama/200_plain": "ChatOllama asks for a stream even where its caller wants an answer in one piece",
}
"""What LangChain's class asks for in other words than litellm, so that the answer is another."""
PROVENANCE = """\
# Recorded from the failover-plugin emulator, not from the provider.
# The body follows {follows}
"""
REPLY = "Hello from the provider"


def first(scenario: Scenario) -> str:
    """The way that records this whether it is sampled or not."""
    return "LiteLLM" if PROVIDERS[scenario.provider].options and scenario.cassette not in MENDED else "LangChain"


def recorded(way: str) -> Iterator[Scenario]:
    """What this way records."""
    able = CALLABLE[way.partition("-")[0]]
    for scenario in SCENARIOS:
        sampled = scenario.name in SAMPLE and scenario.provider in able and scenario.cassette not in UNLIKE
        if sampled or way == first(scenario):
            yield scenario


async def record(folder: Path) -> None:
    """Record in every way, each way into a folder of its own."""
    hosts = (*(provider.host for provider in PROVIDERS.values()), *ALIKE, *ASIDES)
    with TemporaryDirectory() as trusted, Emulator(hosts=hosts) as emulator:
        trust(emulator.certificate, Path(trusted) / "authority.pem")
        with diverted(emulator.https_port, hosts):
            for way in WAYS:
                for scenario in recorded(way):
                    await _record(scenario, way, emulator, folder / way)


async def _record(scenario: Scenario, way: str, emulator: Emulator, folder: Path) -> None:
    from vcr.cassette import Cassette
    from vcr.record_mode import RecordMode

    whose = PROVIDERS[scenario.provider].catalogue
    sites = [emulator.site(host, provider=whose, reply=REPLY) for host in hosts_of(scenario.provider)]
    for site in sites:
        site.script(scenario.fault)
    client, plain, stream = WAYS[way]
    writer = Writer(
        heading=PROVENANCE.format(follows=scenario.follows),
        stream=scenario.stream,
        clean=usual,
        keeps=lambda header: header in scenario.headers or header not in CONNECTION,
    )
    path = folder / f"{scenario.cassette}.yaml"
    with Cassette.use(path=path, record_mode=RecordMode.ALL, persister=writer):
        seen = await look(client(scenario.provider, timeout=10), stream if scenario.stream else plain)
    asked = sum(len(site.requests) for site in sites)
    assert asked == 1, f"{way} asked {asked} times for {scenario.cassette}: {seen.error!r}"


def hosts_of(provider: str) -> list[str]:
    """The host that litellm calls, and the one that LangChain calls if it is another."""
    host = PROVIDERS[provider].host
    return [host, *(other for other, same in ALIKE.items() if same == host)]


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
