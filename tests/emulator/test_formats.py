"""What the wire formats say beyond text: arrays, tools, schemas, failed and filtered answers, errors inside a 200."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from failover_plugin.emulator import (
    Emulator,
    Site,
    anthropic,
    bedrock,
    cohere,
    embeddings,
    eventstream,
    faults,
    gemini,
    ollama,
    openai,
    responses,
    text_completion,
    vertex,
)
from failover_plugin.emulator.catalogue import documented
from failover_plugin.emulator.dialects import DIALECTS
from failover_plugin.emulator.providers import PROVIDERS
from support.speakers import CLAUDE, HI, bedrock_runtime

_numbers = itertools.count()

MakeSite = Callable[..., Site]

TOOL = {"name": "get_weather", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
ASKED = "What is the weather like?"
CALLED = ("get_weather", {"city": "city"})


@pytest.fixture
def open_site(emulator: Emulator) -> MakeSite:
    def make(provider: str | None = None, reply: str = "Hello from primary") -> Site:
        return emulator.site(f"format-{next(_numbers)}", provider=provider, reply=reply)

    return make


def post(site: Site, path: str, body: object) -> httpx.Response:
    return httpx.post(f"{site.url}{path}", json=body, timeout=5)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = (line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]"]


CHAT = {"model": "m", "messages": HI}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


class TestGemini:
    PATH = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"

    def test_a_stream_without_sse_is_one_json_array(self, open_site: MakeSite) -> None:
        answer = post(open_site("gemini"), self.PATH, GEMINI)
        assert answer.headers["content-type"].startswith("application/json")
        texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in answer.json()]
        assert texts == ["Hello ", "from ", "primary", ""]
        assert answer.json()[-1]["candidates"][0]["finishReason"] == "STOP"

    def test_its_refusal_is_an_array_too_and_with_sse_it_is_not(self, open_site: MakeSite) -> None:
        site = open_site("gemini")
        site.fail(faults.rate_limit())
        plain, array = post(site, f"{self.PATH}?key=x&alt=sse", GEMINI), post(site, self.PATH, GEMINI)
        assert plain.status_code == array.status_code == 429
        assert [plain.json()] == array.json() == [documented("rate_limit", "gemini").body]

    @pytest.mark.parametrize("after", [0, 2])
    def test_an_error_in_mid_array_is_its_last_member(self, open_site: MakeSite, after: int) -> None:
        site = open_site("gemini")
        site.fail(faults.stream_error(after))
        answer = post(site, self.PATH, GEMINI)
        assert answer.status_code == 200
        assert ["error" in member for member in answer.json()] == [*[False] * after, True]

    def test_its_openai_endpoint_refuses_in_an_array(self, open_site: MakeSite) -> None:
        site = open_site("gemini")
        site.fail(faults.rate_limit())
        assert post(site, "/v1beta/openai/chat/completions", CHAT).json() == [documented("rate_limit", "gemini").body]

    def test_a_tool_is_called_and_a_schema_is_filled(self, open_site: MakeSite) -> None:
        site = open_site("gemini")
        declaration = {
            "name": TOOL["name"],
            "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
        }
        asked = {"contents": [{"parts": [{"text": ASKED}]}], "tools": [{"functionDeclarations": [declaration]}]}
        (part,) = post(site, "/v1beta/models/m:generateContent", asked).json()["candidates"][0]["content"]["parts"]
        assert (part["functionCall"]["name"], part["functionCall"]["args"]) == CALLED
        form = {"responseMimeType": "application/json", "responseSchema": declaration["parameters"]}
        answer = post(site, "/v1beta/models/m:generateContent", {**GEMINI, "generationConfig": form}).json()
        assert json.loads(answer["candidates"][0]["content"]["parts"][0]["text"]) == {"city": "city"}


class TestBedrock:
    def test_a_tool_call_is_streamed_in_pieces(self, open_site: MakeSite) -> None:
        spec = {"toolSpec": {"name": TOOL["name"], "inputSchema": {"json": TOOL["schema"]}}}
        messages = [{"role": "user", "content": [{"text": ASKED}]}]
        with closing(bedrock_runtime(open_site("bedrock"))) as client:
            asked = {"modelId": CLAUDE, "messages": messages, "toolConfig": {"tools": [spec]}}
            plain = client.converse(**asked)
            streamed = list(client.converse_stream(**asked)["stream"])
        (block,) = plain["output"]["message"]["content"]
        assert (block["toolUse"]["name"], block["toolUse"]["input"]) == CALLED
        deltas = [event["contentBlockDelta"]["delta"] for event in streamed if "contentBlockDelta" in event]
        assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas)) == CALLED[1]
        assert plain["stopReason"] == "tool_use"

    def test_a_refusal_has_its_name_in_a_header(self, open_site: MakeSite) -> None:
        site = open_site("bedrock")
        site.fail(faults.rate_limit())
        answer = post(site, f"/model/{CLAUDE}/converse", {"messages": []})
        assert answer.headers["x-amzn-errortype"].startswith("ThrottlingException")
        assert answer.headers["x-amzn-requestid"] == f"{site.name}-1"
        assert set(answer.json()) == {"message"}


def test_claude_on_vertex_is_refused_by_google_and_breaks_off_as_anthropic(open_site: MakeSite) -> None:
    site = open_site("vertex")
    site.script(faults.overloaded(), faults.stream_error(1))
    path = "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-5:streamRawPredict"
    refused, broken = (post(site, path, {**CHAT, "max_tokens": 9, "stream": True}) for _ in range(2))
    assert refused.json()["error"]["status"] == "UNAVAILABLE"
    assert events(broken)[-1]["type"] == "error"
    assert events(broken)[-1]["error"]["type"] == "api_error"


class TestDialects:
    def test_groq_puts_the_status_into_an_event_named_error(self, open_site: MakeSite) -> None:
        site = open_site("groq")
        site.fail(faults.stream_error(0, error="server_error"))
        answer = post(site, "/openai/v1/chat/completions", {**CHAT, "stream": True})
        assert "event: error\n" in answer.text
        assert events(answer)[-1]["error"]["status_code"] == 500

    def test_openrouter_puts_the_error_into_a_chunk_that_finishes_with_error(self, open_site: MakeSite) -> None:
        site = open_site("openrouter")
        site.fail(faults.stream_error(1))
        last = events(post(site, "/api/v1/chat/completions", {**CHAT, "stream": True}))[-1]
        assert last["object"] == "chat.completion.chunk"
        assert last["choices"][0]["finish_reason"] == "error"
        assert last["error"]["message"]

    def test_vllm_says_done_after_an_error(self, open_site: MakeSite) -> None:
        site = open_site("vllm")
        site.fail(faults.stream_error(1, error="server_error"))
        answer = post(site, "/v1/chat/completions", {**CHAT, "stream": True})
        assert "error" in events(answer)[-1]
        assert answer.text.endswith("data: [DONE]\n\n")

    def test_openrouter_s_error_may_come_without_any_choice(self, open_site: MakeSite) -> None:
        site = open_site("openrouter")
        told = {"error": {"code": 502, "message": "Provider disconnected"}, "choices": []}
        site.fail(faults.stream_error(0, told))
        assert events(post(site, "/api/v1/chat/completions", {**CHAT, "stream": True}))[-1] == told

    def test_openrouter_answers_200_with_an_error(self, open_site: MakeSite) -> None:
        site = open_site("openrouter")
        site.fail(faults.error_body("overloaded"))
        answer = post(site, "/api/v1/chat/completions", CHAT)
        assert (answer.status_code, answer.json()) == (200, documented("overloaded", "openrouter").body)

    @pytest.mark.parametrize(
        ("provider", "header"),
        [
            ("groq", "x-ratelimit-reset-tokens"),
            ("mistral", "mistral-correlation-id"),
            ("openrouter", "x-generation-id"),
            ("deepseek", "x-ds-trace-id"),
            ("cerebras", "x-ratelimit-remaining-requests-day"),
            ("fireworks", "x-ratelimit-over-limit"),
            ("together", "x-tokenlimit-remaining"),
            ("nvidia", "nvcf-reqid"),
            ("vllm", "x-request-id"),
        ],
    )
    def test_each_has_headers_of_its_own_and_none_of_openai_s(
        self, open_site: MakeSite, provider: str, header: str
    ) -> None:
        headers = post(open_site(provider), "/v1/chat/completions", CHAT).headers
        assert header in headers
        assert "openai-version" not in headers


class TestTextCompletion:
    """The wire of https://platform.openai.com/docs/api-reference/completions."""

    PATH = "/v1/completions"

    @pytest.mark.parametrize("prompt", ["hi", ["hi", "there"], [1, 2], [[1, 2]], []])
    def test_a_prompt_gets_a_text(self, open_site: MakeSite, prompt: object) -> None:
        answer = post(open_site(), self.PATH, {"model": "m", "prompt": prompt}).json()
        assert answer["object"] == "text_completion"
        (choice,) = answer["choices"]
        assert (choice["text"], choice["finish_reason"]) == ("Hello from primary", "stop")
        assert (
            answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
        )

    @pytest.mark.parametrize("usage", [True, False])
    def test_a_stream_begins_with_text_and_ends_with_a_finish_reason(self, open_site: MakeSite, *, usage: bool) -> None:
        asked = {"model": "m", "prompt": "hi", "stream": True, "stream_options": {"include_usage": usage}}
        streamed = events(post(open_site(), self.PATH, asked))
        choices = [event["choices"][0] for event in streamed if event["choices"]]
        assert [choice["text"] for choice in choices] == ["Hello ", "from ", "primary", ""]
        assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]
        assert bool(streamed[-1].get("usage")) is usage

    def test_an_error_may_come_in_mid_stream(self, open_site: MakeSite) -> None:
        site = open_site()
        site.fail(faults.stream_error(1))
        streamed = events(post(site, self.PATH, {"model": "m", "prompt": "hi", "stream": True}))
        assert [next(iter(event)) for event in streamed] == ["id", "error"]

    @pytest.mark.parametrize(("fault", "reason"), [(faults.failed(), "error"), (faults.filtered(), "content_filter")])
    def test_its_finish_reasons(self, open_site: MakeSite, fault: Any, reason: str) -> None:
        site = open_site()
        site.fail(fault)
        (choice,) = post(site, self.PATH, {"model": "m", "prompt": "hi"}).json()["choices"]
        assert choice["finish_reason"] == reason

    @pytest.mark.parametrize("stream", [False, True])
    def test_openai_s_own_client_reads_it(self, open_site: MakeSite, *, stream: bool) -> None:
        from support.speakers import text_completion as ask

        assert "".join(ask(open_site(), stream=stream)) == "Hello from primary"


RESPONSES = {"model": "m", "input": "hi"}


class TestResponses:
    def test_an_error_in_mid_stream_is_flat(self, open_site: MakeSite) -> None:
        site = open_site("openai")
        site.fail(faults.stream_error(1, error="rate_limit"))
        last = events(post(site, "/v1/responses", {**RESPONSES, "stream": True}))[-1]
        assert (last["type"], last["code"]) == ("error", "rate_limit_exceeded")
        assert "error" not in last

    def test_a_tool_is_called(self, open_site: MakeSite) -> None:
        tool = {"type": "function", "name": TOOL["name"], "parameters": TOOL["schema"]}
        asked = {"model": "m", "input": ASKED, "tools": [tool]}
        site = open_site("openai")
        (item,) = post(site, "/v1/responses", asked).json()["output"]
        assert (item["name"], json.loads(item["arguments"])) == CALLED
        result = {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        answer = post(site, "/v1/responses", {**asked, "input": [item, result]}).json()
        assert answer["output"][0]["content"][0]["text"] == "The tool says: sunny"
        streamed = events(post(site, "/v1/responses", {**asked, "stream": True}))
        deltas = [event["delta"] for event in streamed if event["type"] == "response.function_call_arguments.delta"]
        assert json.loads("".join(deltas)) == CALLED[1]


@pytest.mark.parametrize(
    ("provider", "path", "failed", "filtered"),
    [
        ("openrouter", "/api/v1/chat/completions", "error", "content_filter"),
        ("mistral", "/v1/chat/completions", "error", "content_filter"),
        ("anthropic", "/v1/messages", None, "refusal"),
        ("gemini", "/v1beta/models/m:generateContent", "OTHER", "SAFETY"),
        ("bedrock", "/model/m/converse", "malformed_model_output", "content_filtered"),
        ("cohere", "/v2/chat", "ERROR", "COMPLETE"),
        ("openai", "/v1/responses", "failed", "incomplete"),
        ("ollama", "/api/generate", None, None),
    ],
)
def test_answers_that_fail_or_are_filtered(
    open_site: MakeSite, provider: str, path: str, failed: str | None, filtered: str | None
) -> None:
    site = open_site(provider)
    site.script(faults.failed(), faults.filtered())
    body = {**CHAT, "input": "hi", "prompt": "hi", "stream": False}
    assert [_end(post(site, path, body).json()) for _ in range(2)] == [failed, filtered]


def _end(body: dict[str, Any]) -> str | None:
    choice = next(iter(body.get("choices") or body.get("candidates") or [body]))
    keys = ("finish_reason", "finishReason", "stop_reason", "stopReason", "status", "done_reason")
    return next((choice[key] for key in keys if key in choice), None)


def test_a_failed_response_says_so_in_its_last_event(open_site: MakeSite) -> None:
    site = open_site("openai")
    site.fail(faults.failed())
    last = events(post(site, "/v1/responses", {**RESPONSES, "stream": True}))[-1]
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "server_error")


def test_ollama_streams_unless_it_is_told_not_to(open_site: MakeSite) -> None:
    site = open_site("ollama")
    lines = [json.loads(line) for line in post(site, "/api/chat", CHAT).text.splitlines()]
    assert [line["message"]["content"] for line in lines] == ["Hello ", "from ", "primary", ""]
    assert [line["done"] for line in lines] == [False, False, False, True]


def test_ollama_breaks_off_with_a_line(open_site: MakeSite) -> None:
    site = open_site("ollama")
    site.fail(faults.stream_error(1))
    assert list(json.loads(post(site, "/api/chat", CHAT).text.splitlines()[-1])) == ["error"]


@pytest.mark.parametrize(("path", "found"), [("/v2/chat", ["tool_calls"]), ("/api/chat", ["tool_calls"])])
def test_tools_are_called(open_site: MakeSite, path: str, found: list[str]) -> None:
    tool = {"type": "function", "function": {"name": TOOL["name"], "parameters": TOOL["schema"]}}
    asked = {"model": "m", "messages": [{"role": "user", "content": ASKED}], "tools": [tool], "stream": False}
    message = post(open_site(), path, asked).json()["message"]
    (call,) = message[found[0]]
    arguments = call["function"]["arguments"]
    assert (call["function"]["name"], json.loads(arguments) if isinstance(arguments, str) else arguments) == CALLED


def test_cohere_streams_a_tool_call(open_site: MakeSite) -> None:
    tool = {"type": "function", "function": {"name": TOOL["name"], "parameters": TOOL["schema"]}}
    asked = {"model": "m", "messages": HI, "tools": [tool], "tool_choice": "REQUIRED", "stream": True}
    streamed = events(post(open_site("cohere"), "/v2/chat", asked))
    deltas = [event["delta"]["message"]["tool_calls"] for event in streamed if event["type"] == "tool-call-delta"]
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == CALLED[1]
    assert streamed[-1]["delta"]["finish_reason"] == "TOOL_CALL"


def test_cohere_sends_lines_to_a_client_that_accepts_json_only(open_site: MakeSite) -> None:
    site = open_site("cohere")
    site.script(None, faults.stream_error(1))
    for whole in (True, False):
        headers = {"accept": "application/json"}
        answer = httpx.post(f"{site.url}/v2/chat", json={**CHAT, "stream": True}, headers=headers, timeout=5)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["type"] for line in lines].count("content-delta") == (3 if whole else 1)
        assert lines[-1]["delta"]["finish_reason"] == ("COMPLETE" if whole else "ERROR")


def test_what_a_provider_has_no_words_for_is_said_in_its_format(open_site: MakeSite) -> None:
    site = open_site("cohere")
    site.fail(faults.overloaded())
    answer = post(site, "/v2/chat", CHAT)
    assert (answer.status_code, set(answer.json())) == (503, {"id", "message"})


def test_a_provider_that_offers_another_maker_s_format_has_that_maker_s_errors(open_site: MakeSite) -> None:
    site = open_site("deepseek")
    site.fail(faults.rate_limit())
    answer = post(site, "/anthropic/v1/messages", {**CHAT, "max_tokens": 9})
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")


def test_a_site_that_is_named_by_its_host_answers_there_as_its_provider(emulator: Emulator) -> None:
    site = emulator.site("api.groq.com")
    site.fail(faults.rate_limit())
    url = f"http://127.0.0.1:{emulator.port}/openai/v1/chat/completions"
    answer = httpx.post(url, json=CHAT, headers={"host": "api.groq.com"}, timeout=5)
    assert (answer.status_code, answer.json()) == (429, documented("rate_limit", "groq").body)
    assert answer.headers["x-request-id"] == "req_api.groq.com-1"


def test_every_dialect_cites_a_public_page() -> None:
    assert set(DIALECTS) <= set(PROVIDERS)
    for dialect in DIALECTS.values():
        assert dialect.follows
        assert all(page.startswith("https://") for page in dialect.follows)


def test_every_wire_format_cites_the_page_it_follows() -> None:
    modules = (anthropic, bedrock, cohere, embeddings, eventstream, gemini, ollama, openai, responses, text_completion)
    for module in (*modules, vertex):
        assert "Follows https://" in (module.__doc__ or ""), module.__name__
