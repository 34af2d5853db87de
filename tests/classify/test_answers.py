"""Answers that began with 200: whole, blocked, cut off, empty, or an error after all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from failover_plugin.classify import classify_response


def sse(*events: dict[str, Any] | str) -> str:
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)


def chunk(text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]}


def message(**delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


NOTHING_WRONG = "unknown"
FAILED = {"error": {"message": "x", "code": "server_error"}}

ANSWERS: dict[str, tuple[Any, str]] = {
    # chat completions
    "a whole stream": (sse(chunk("Hi"), chunk(finish="stop"), "[DONE]"), NOTHING_WRONG),
    "a stream that was cut": (sse(chunk("Hi"), chunk(" there")), "stream_interrupted"),
    "a stream that ended at once": (sse(chunk()), "stream_interrupted"),
    "a stream that says nothing": (sse(chunk(), chunk(finish="stop"), "[DONE]"), "empty_response"),
    "a filtered stream": (sse(chunk("Hi"), chunk(finish="content_filter"), "[DONE]"), "content_policy"),
    "a stream that says it failed": (sse(chunk("Hi"), chunk(finish="error"), "[DONE]"), "server_error"),
    "an error in a stream": (sse(chunk("Hi"), FAILED, "[DONE]"), "server_error"),
    "an error in a long stream": (sse(*[chunk("word ")] * 2000, {"error": {"type": "overloaded_error"}}), "overloaded"),
    "tools instead of words": (
        sse({"choices": [{"delta": {"tool_calls": [{"id": "1"}]}}]}, chunk(finish="tool_calls")),
        NOTHING_WRONG,
    ),
    "a refusal is an answer that was blocked": (
        {"choices": [{"message": {"refusal": "No."}, "finish_reason": "content_filter"}]},
        "content_policy",
    ),
    "a whole answer": ({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, NOTHING_WRONG),
    "an empty answer": ({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, "empty_response"),
    "an answer that its limit ended before the first word": (
        {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]},
        NOTHING_WRONG,
    ),
    "no answer": ({"choices": []}, "empty_response"),
    "half an answer": ('{"choices": [{"message": {"content": "Hel', "server_error"),
    "an error instead of one": ({"error": {"code": 502, "message": "Provider disconnected"}}, "server_error"),
    "a limit instead of one": ({"error": {"code": 429, "message": "Slow."}}, "rate_limit"),
    "embeddings": ({"data": [{"embedding": [0.1]}], "object": "list"}, NOTHING_WRONG),
    # Responses
    "a flat error event": (
        'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"x","sequence_number":1}\n\n',
        "rate_limit",
    ),
    "a nested error event": (sse({"type": "error", "error": {"code": "server_is_overloaded"}}), "overloaded"),
    "a failed response": (
        sse({"type": "response.failed", "response": {"error": {"code": "insufficient_quota", "message": "x"}}}),
        "quota_exhausted",
    ),
    "a completed response": (
        sse({"type": "response.output_text.delta", "delta": "Hi"}, {"type": "response.completed", "response": {}}),
        NOTHING_WRONG,
    ),
    # Anthropic
    "the first event an error": (
        'event: error\ndata: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"x"}}\n\n',
        "overloaded",
    ),
    "an error in the middle": (
        sse(message(type="text_delta", text="Hi"), {"type": "error", "error": {"type": "api_error"}}),
        "server_error",
    ),
    "a message without its stop": (sse(message(type="text_delta", text="Hi")), "stream_interrupted"),
    "a whole message": (
        sse(message(type="text_delta", text="Hi"), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        NOTHING_WRONG,
    ),
    "a message refused": (
        {"type": "message", "content": [{"type": "text", "text": "I"}], "stop_reason": "refusal"},
        "content_policy",
    ),
    # Gemini
    "an error chunk": (sse({"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}), "overloaded"),
    "a blocked prompt": ({"promptFeedback": {"blockReason": "SAFETY"}, "candidates": []}, "content_policy"),
    "a blocked candidate": ({"candidates": [{"content": {}, "finishReason": "SAFETY"}]}, "content_policy"),
    "a whole candidate": (
        {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
        NOTHING_WRONG,
    ),
    # Bedrock, Groq, Ollama, MiniMax
    "a binary frame": (
        b'\x00\x00:exception-type\x07\x00\x13throttlingException\r:content-type\x07{"message":"Slow."}\x12',
        "rate_limit",
    ),
    "a flat error, Mistral's": (
        sse({"object": "error", "message": "x", "type": "service_unavailable", "code": "3505"}),
        "overloaded",
    ),
    "a logical status": (
        'event: error\ndata: {"error":{"message":"x","type":"invalid_request_error","status_code":413}}\n\n',
        "payload_too_large",
    ),
    "a line": ('{"message":{"content":"Hi"},"done":false}\n{"error":"llama runner has stopped"}\n', "server_error"),
    "an error under another name": ({"base_resp": {"status_code": 1004, "status_msg": "invalid api key"}}, "auth"),
    # no answer at all
    "nothing": ("", NOTHING_WRONG),
    "a page": ("<html><title>Welcome</title></html>", NOTHING_WRONG),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_began_with_200(name: str) -> None:
    body, expected = ANSWERS[name]
    found = classify_response(200, {}, body)
    assert found.error_class == expected, found


@pytest.mark.parametrize("name", [name for name, (body, _) in ANSWERS.items() if not isinstance(body, bytes)])
def test_as_bytes_or_text_it_is_the_same(name: str) -> None:
    body, expected = ANSWERS[name]
    text = body if isinstance(body, str) else json.dumps(body)
    for form in (text, text.encode(), bytearray(text.encode())):
        assert classify_response(200, {}, form).error_class == expected


def test_what_an_error_page_says_is_read_without_its_tags() -> None:
    found = classify_response(502, {}, "<html><head><title>502 Bad Gateway</title></head><body>x</body></html>")
    assert (found.error_class, found.message) == ("server_error", "502 Bad Gateway")
