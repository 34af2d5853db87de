"""LiteLLM's proxy with two lines in its config.yaml: real processes, real clients, emulated providers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import openai
import pytest

from failover_plugin.emulator import faults
from support.proxies import MASTER_KEY, Proxy, authorized

REQUESTS = int(os.environ.get("FAILOVER_PROXY_REQUESTS", "15"))
"""For each kind of call, one after another; 60 by hand."""
MESSAGES = [{"role": "user", "content": "Say hello."}]


def ask(proxy: Proxy, group: str, path: str = "/v1/chat/completions", **body: Any) -> httpx.Response:
    question = {"model": group, "messages": MESSAGES, **body}
    return proxy.client.post(path, json=question)


def line(proxy: Proxy, deployment: str) -> Any:
    targets = proxy.client.get("/failover/status").json()["targets"]
    return next(target for target in targets if target["target"] == deployment)


# -- nothing is lost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "stream"])
def test_a_dead_deployment_beside_a_healthy_one_loses_nothing(proxy: Proxy, stage: Any, way: str, workers: int) -> None:
    dead = stage.site("chat", "primary")
    dead.fail(faults.status(503))
    before = len(dead.requests)
    for _ in range(20):
        answer = ask(proxy, "chat", stream=way == "stream")
        assert answer.status_code == 200
        assert "backup" in answer.text
    assert len(dead.requests) - before <= 5 * workers
    assert line(proxy, "chat.primary")["in_flight"] == line(proxy, "chat.backup")["in_flight"] == 0


def _chat(client: openai.OpenAI, group: str) -> object:
    return client.chat.completions.create(model=group, messages=MESSAGES).choices[0].message.content  # type: ignore[arg-type]


def _stream(client: openai.OpenAI, group: str) -> object:
    chunks = client.chat.completions.create(model=group, messages=MESSAGES, stream=True)  # type: ignore[arg-type]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def _responses(client: openai.OpenAI, group: str) -> object:
    return client.responses.create(model=group, input="Say hello.").output_text


def _responses_stream(client: openai.OpenAI, group: str) -> object:
    events = client.responses.create(model=group, input="Say hello.", stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def _messages(client: openai.OpenAI, group: str, **more: Any) -> object:
    """By hand, as with curl."""
    body = {"model": group, "messages": MESSAGES, "max_tokens": 50, **more}
    answer = httpx.post(f"{client.base_url}messages", json=body, headers=authorized(), timeout=30)
    return answer.is_success and "Hello from well." in "".join(re.findall(r'"text": ?"([^"]*)"', answer.text))


def _messages_stream(client: openai.OpenAI, group: str) -> object:
    return _messages(client, group, stream=True)


def _embeddings(client: openai.OpenAI, group: str) -> object:
    return client.embeddings.create(model=group, input="Hi").data[0].embedding


@pytest.mark.parametrize(
    ("group", "call"),
    [
        ("sick-chat", _chat),
        ("sick-stream", _stream),
        ("sick-responses", _responses),
        ("sick-responses-stream", _responses_stream),
        ("sick-messages", _messages),
        ("sick-messages-stream", _messages_stream),
        ("sick-embeddings", _embeddings),
    ],
)
def test_of_three_two_are_sick_in_different_ways_and_all_is_served(
    proxy: Proxy, stage: Any, group: str, call: Callable[[openai.OpenAI, str], object], workers: int
) -> None:
    limited, broken = stage.site(group, "limited"), stage.site(group, "broken")
    limited.fail(faults.rate_limit(retry_after=120))
    broken.fail(faults.status(500))
    began = time.monotonic()
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key=MASTER_KEY, max_retries=0, timeout=30) as client:
        for _ in range(REQUESTS):
            assert call(client, group)
    probes = (time.monotonic() - began) // 2
    assert len(limited.requests) <= 3 * workers
    assert len(broken.requests) <= (3 + probes) * workers


def test_a_hung_deployment_is_left_in_its_own_time(proxy: Proxy, stage: Any) -> None:
    stage.site("hung", "primary").fail(faults.hang())
    for stream in (False, True):
        began = time.monotonic()
        assert ask(proxy, "hung", stream=stream).status_code == 200
        assert time.monotonic() - began < 3


def test_one_placeholder_key_is_no_bond_between_three_servers(proxy: Proxy, stage: Any) -> None:
    stage.site("one-key", "refused").fail(faults.invalid_api_key())
    for stream in (False, True):
        assert [ask(proxy, "one-key", stream=stream).status_code for _ in range(10)] == [200] * 10


# -- what it tells -----------------------------------------------------------------------------------------------------


def test_headers_say_who_answered_and_how_many_calls_were_made(proxy: Proxy, stage: Any) -> None:
    stage.site("headers", "primary").fail(faults.status(503))
    answers = [ask(proxy, "headers", stream=stream) for stream in (False, True) * 6]
    assert {answer.headers["x-litellm-model-id"] for answer in answers} == {"headers.backup"}
    attempts = [int(answer.headers["x-failover-attempts"]) for answer in answers]
    assert set(attempts) == {1, 2}
    assert sum(attempts) == sum(len(stage.site("headers", role).requests) for role in ("primary", "backup"))
    stage.site("headers", "backup").fail(faults.invalid_api_key())
    refused = ask(proxy, "headers")
    assert refused.status_code in {401, 503}
    assert int(refused.headers["x-failover-attempts"]) >= 1


def test_the_status_is_for_the_master_key(proxy: Proxy) -> None:
    told = proxy.client.get("/failover/status").json()
    assert told["installed"] is True
    assert told["problem"] is None
    assert told["policy"]["deadline"] == 30
    assert isinstance(told["worker"], int)
    assert httpx.get(f"{proxy.url}/failover/status").status_code == 401
    wrong = httpx.get(f"{proxy.url}/failover/status", headers=authorized("sk-wrong"))
    other = httpx.get(f"{proxy.url}/models", headers=authorized("sk-wrong"))
    assert wrong.status_code == other.status_code, "a bad key is answered by the proxy, before us"


def test_prometheus_counts_beside_litellms_own_and_the_log_tells_what_changes(proxy: Proxy, stage: Any) -> None:
    stage.site("metrics", "primary").fail(faults.invalid_api_key())
    while not stage.site("metrics", "primary").requests:  # which of the two comes first is chance
        assert ask(proxy, "metrics").status_code == 200
    text = proxy.client.get("/metrics/").text
    assert 'failover_attempts_total{deployment="metrics.primary",outcome="auth"} 1.0' in text
    assert 'failover_attempts_total{deployment="metrics.backup",outcome="ok"}' in text
    assert 'failover_failovers_total{deployment="metrics.primary",to="metrics.backup"} 1.0' in text
    assert 'failover_state{deployment="metrics.primary"} 2.0' in text
    assert "litellm_" in text
    told = [told for told in proxy.log.splitlines() if "failover:" in told and "metrics.primary" in told]
    assert len(told) == 1
    assert "blocked for" in told[0]


# -- what a request may say --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("eu", "metadata.failover is a str"),
        ({"nope": 1}, "metadata.failover.nope is not known"),
        ({"deadline": -1}, "metadata.failover.deadline"),
        ({"require_tags": "eu"}, "metadata.failover.require_tags is a str"),
    ],
)
def test_what_a_request_says_is_understood_or_refused(proxy: Proxy, said: Any, message: str) -> None:
    answer = ask(proxy, "restricted", metadata={"failover": said})
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


def test_a_request_can_only_restrict(proxy: Proxy, stage: Any) -> None:
    assert ask(proxy, "restricted", metadata={"failover": {"deadline": 3600}}).status_code == 200
    assert ask(proxy, "restricted", metadata={"failover": {"require_tags": ["eu"]}}).status_code == 503
    stage.site("restricted", "primary").fail(faults.hang())
    stage.site("restricted", "backup").fail(faults.hang())
    began = time.monotonic()
    assert ask(proxy, "restricted", metadata={"failover": {"deadline": 1}}).status_code >= 400
    assert time.monotonic() - began < 3
    for role in ("primary", "backup"):
        stage.site("restricted", role).heal()


def test_a_session_of_the_proxys_stays_where_it_is(proxies: Mapping[str, Proxy]) -> None:
    proxy, homes = proxies["resume"].ready(), set[str]()
    for session in range(8):
        headers = {"x-litellm-session-id": f"conversation-{session}"}
        body = {"model": "sessions", "messages": MESSAGES}
        answers = [proxy.client.post("/v1/chat/completions", json=body, headers=headers) for _ in range(3)]
        (home,) = {answer.headers["x-litellm-model-id"] for answer in answers}
        homes.add(home)
    assert len(homes) > 1


@pytest.mark.parametrize("metadata", ["words", 5, ["a"]])
def test_metadata_that_is_no_mapping_is_as_without_us(proxies: Mapping[str, Proxy], metadata: Any) -> None:
    without = proxies["wrong facts"].ready(installed=False)
    ours, theirs = (ask(proxy, "chat", metadata=metadata) for proxy in (proxies["main"].ready(), without))
    assert ours.status_code == theirs.status_code


def test_the_readmes_config_yaml_is_a_whole_one(proxies: Mapping[str, Proxy], stage: Any) -> None:
    proxy = proxies["readme"].ready()
    assert ask(proxy, "chat").headers["x-litellm-model-id"] == "openai"
    stage.site("readme", "openai").fail(faults.status(503))
    for stream in (False, True):
        answer = ask(proxy, "chat", stream=stream)
        assert "Hello from claude." in "".join(re.findall(r'"content": ?"([^"]*)"', answer.text))
        assert answer.headers["x-litellm-model-id"] == "claude"
    assert "failover_attempts_total" in proxy.client.get("/metrics/").text


# -- what cannot be meant ----------------------------------------------------------------------------------------------


def test_a_policy_that_does_not_fit_stops_the_start(proxies: Mapping[str, Proxy]) -> None:
    proxy = proxies["wrong policy"]
    assert proxy.ended() != 0
    assert "litellm_settings.failover: Policy.patience = -1" in proxy.log


def test_facts_that_are_not_understood_leave_the_proxy_as_it_is_without_us(proxies: Mapping[str, Proxy]) -> None:
    proxy = proxies["wrong facts"].ready(installed=False)
    assert ask(proxy, "chat").status_code == 200
    told = proxy.client.get("/failover/status").json()
    assert told["installed"] is False
    assert "teir" in told["problem"]
    assert "x-failover-attempts" not in ask(proxy, "chat").headers
    complaints = [told for told in proxy.log.splitlines() if "failover is not in place" in told]
    assert len(complaints) == 1
    assert "teir" in complaints[0]


def test_no_key_is_told_anywhere(proxy: Proxy, stage: Any, proxies: Mapping[str, Proxy]) -> None:
    """Last, so that it reads what the other tests have made it say."""
    stage.site("secrets", "primary").fail(faults.invalid_api_key())
    stage.site("secrets", "backup").fail(faults.status(500))
    answers = [ask(proxy, "secrets") for _ in range(3)]
    told = [proxy.client.get(path).text for path in ("/failover/status", "/metrics/")]
    told += [answer.text + str(answer.headers) for answer in answers]
    for shown in (*told, *(each.log for each in proxies.values())):
        assert "secret-" not in shown
        assert MASTER_KEY not in shown
