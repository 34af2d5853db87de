"""Recording the cassettes: every answer of ``SCENARIOS``, asked for by real clients at the providers' own addresses.

    RECORD=1 pytest tests/cassettes

runs this module in a process of its own, because a certificate has to be trusted before any HTTP library is imported.
What depends on the client or the moment is left out: of a request only what is matched is kept, of an answer the
status, the body and the headers that speak of it. So a recording is the same, byte by byte, through whatever client.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from failover_plugin.emulator import Emulator, Fault, faults
from failover_plugin.emulator.catalogue import documented
from support.clients import LangChain, LiteLLM, look
from support.network import diverted, trust

HOSTS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}
WAYS = {
    "LangChain": (LangChain, "plain", "stream"),
    "LangChain-async": (LangChain, "aplain", "astream"),
    "LiteLLM": (LiteLLM, "plain", "stream"),
    "LiteLLM-async": (LiteLLM, "aplain", "astream"),
}
PROVENANCE = """\
# Recorded from the failover-plugin emulator, not from the provider.
# The body follows {follows}
"""

_CONNECTION = {"cache-control", "connection", "content-length", "date", "transfer-encoding"}
_DOCS = {
    "openai": "https://platform.openai.com/docs/api-reference/chat",
    "anthropic": "https://platform.claude.com/docs/en/api/messages",
    "anthropic-stream": "https://platform.claude.com/docs/en/build-with-claude/streaming",
}


@dataclass(frozen=True)
class Scenario:
    """One cassette: a provider's answer to one request."""

    family: Any
    name: str
    follows: str
    fault: Fault | None = None
    stream: bool = False


def _error(family: str, name: str, error: str, **options: float) -> Scenario:
    return Scenario(family, name, documented(error, family).follows, getattr(faults, error)(**options))


SCENARIOS = (
    Scenario("openai", "200_plain", _DOCS["openai"]),
    Scenario("openai", "200_stream", _DOCS["openai"], stream=True),
    Scenario("openai", "200_stream_error", _DOCS["openai"], faults.stream_error(), stream=True),
    _error("openai", "400_content_policy", "content_policy"),
    _error("openai", "400_context_length", "context_length"),
    _error("openai", "400_invalid_request", "invalid_request"),
    _error("openai", "401_invalid_api_key", "invalid_api_key"),
    _error("openai", "403_permission_denied", "permission_denied"),
    _error("openai", "404_model_not_found", "model_not_found"),
    _error("openai", "429_credit_balance", "credit_balance"),
    _error("openai", "429_insufficient_quota", "insufficient_quota"),
    _error("openai", "429_rate_limit", "rate_limit"),
    _error("openai", "429_retry_after", "rate_limit", retry_after=1),
    _error("openai", "429_retry_after_60", "rate_limit", retry_after=60),
    _error("openai", "500_server_error", "server_error"),
    _error("openai", "503_overloaded", "overloaded"),
    Scenario("anthropic", "200_plain", _DOCS["anthropic"]),
    Scenario("anthropic", "200_stream", _DOCS["anthropic-stream"], stream=True),
    Scenario("anthropic", "200_stream_error", _DOCS["anthropic-stream"], faults.stream_error(), stream=True),
    _error("anthropic", "400_content_policy", "content_policy"),
    _error("anthropic", "400_context_length", "context_length"),
    _error("anthropic", "400_credit_balance", "credit_balance"),
    _error("anthropic", "400_invalid_request", "invalid_request"),
    _error("anthropic", "401_invalid_api_key", "invalid_api_key"),
    _error("anthropic", "403_permission_denied", "permission_denied"),
    _error("anthropic", "404_model_not_found", "model_not_found"),
    _error("anthropic", "429_insufficient_quota", "insufficient_quota"),
    _error("anthropic", "429_rate_limit", "rate_limit"),
    _error("anthropic", "429_retry_after", "rate_limit", retry_after=1),
    _error("anthropic", "429_retry_after_60", "rate_limit", retry_after=60),
    _error("anthropic", "500_server_error", "server_error"),
    _error("anthropic", "529_overloaded", "overloaded"),
)


async def record(folder: Path) -> None:
    """Record every scenario in every way, each way into a folder of its own."""
    hosts = tuple(HOSTS.values())
    with TemporaryDirectory() as trusted, Emulator(hosts=hosts) as emulator:
        trust(emulator.certificate, Path(trusted) / "authority.pem")
        with diverted(emulator.https_port, hosts):
            for way in WAYS:
                for scenario in SCENARIOS:
                    await _record(scenario, way, emulator, folder / way)


async def _record(scenario: Scenario, way: str, emulator: Emulator, folder: Path) -> None:
    from vcr.cassette import Cassette
    from vcr.record_mode import RecordMode

    site = emulator.site(HOSTS[scenario.family], reply="Hello from the provider")
    site.script(scenario.fault)
    client, plain, stream = WAYS[way]
    path = folder / scenario.family / f"{scenario.name}.yaml"
    with Cassette.use(path=path, record_mode=RecordMode.ALL, persister=_Writer(scenario)):
        await look(client(scenario.family, timeout=10), stream if scenario.stream else plain)
    assert len(site.requests) == 1, f"{way} asked {len(site.requests)} times for {scenario.name}"


class _Writer:
    """Saves what a cassette heard in this repository's form."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def load_cassette(self, path: Path, serializer: Any) -> Any:
        from vcr.persisters.filesystem import CassetteNotFoundError

        raise CassetteNotFoundError(path)

    def save_cassette(self, path: Path, heard: Mapping[str, Any], serializer: Any) -> None:
        pairs = zip(heard["requests"], heard["responses"], strict=True)
        interactions = [self._interaction(request, response) for request, response in pairs]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.dump({"version": 1, "interactions": interactions}, Dumper=_Dumper, sort_keys=False, width=110)
        path.write_text(PROVENANCE.format(follows=self._scenario.follows) + text)

    def _interaction(self, request: Any, response: Mapping[str, Any]) -> dict[str, Any]:
        status = response["status"]["code"]
        answers_any_body = status >= HTTPStatus.BAD_REQUEST
        body = None if answers_any_body else json.dumps({"stream": self._scenario.stream})
        headers = {name.lower(): list(values) for name, values in response["headers"].items()}
        return {
            "request": {"method": request.method, "uri": request.uri, "body": body, "headers": {}},
            "response": {
                "status": {"code": status, "message": response["status"]["message"]},
                "headers": {name: headers[name] for name in sorted(headers) if name not in _CONNECTION},
                "body": {"string": response["body"]["string"].decode()},
            },
        }


class _Dumper(yaml.SafeDumper):
    """YAML in which a stream can be read line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)

if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
