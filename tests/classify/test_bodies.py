"""Bodies of every shape: what can still be read of them, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from failover_plugin.classify import classify_response
from failover_plugin.classify.body import MAX_BODY, read

FULL = {"error": {"message": "Too long.", "type": "invalid_request_error", "code": "context_length_exceeded"}}
TEXT = json.dumps(FULL)

SHAPES: dict[str, Any] = {
    "parsed": FULL,
    "the inner value alone": FULL["error"],
    "a list of one": [FULL],
    "a list of lists": [[FULL]],
    "text": TEXT,
    "bytes": TEXT.encode(),
    "pretty": json.dumps(FULL, indent=2),
    "in the middle of words": f"OpenAIException - {TEXT}, Received Model Group=m",
    "as Python shows it": f"Error code: 400 - {FULL}",
    "with a comma too many": TEXT.replace("}}", ",}}"),
    "cut off": TEXT[:-2],
    "an event": f"event: error\ndata: {TEXT}\n\n",
    "a line": f'{{"response": "Hi"}}\n{TEXT}\n',
    "quoted by a gateway": {"error": {"message": f"upstream: {TEXT}", "code": 400}},
    "under another key": {"detail": FULL},
    "as somebody's raw": {"error": {"message": "Provider returned error", "metadata": {"raw": TEXT}}},
    "four levels down": {"error": {"details": [{"response": {"body": FULL}}]}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_error_in_every_shape(shape: str) -> None:
    found = classify_response(400, {}, SHAPES[shape])
    assert (found.error_class, found.code) == ("context_window", "context_length_exceeded")


@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "quoted by a gateway"])
def test_and_its_message(shape: str) -> None:
    assert classify_response(400, {}, SHAPES[shape]).message in ("Too long.", "Provider returned error")


def test_beyond_its_depth_a_body_is_left_alone() -> None:
    body: dict[str, Any] = FULL
    for _ in range(20):
        body = {"error": body}
    assert classify_response(400, {}, body).error_class == "invalid_request"


def test_beyond_its_length_too() -> None:
    assert classify_response(400, {}, " " * MAX_BODY + TEXT).error_class == "invalid_request"
    assert classify_response(400, {}, " " * (MAX_BODY - len(TEXT)) + TEXT).error_class == "context_window"


def test_an_answer_that_began_well_is_read_at_both_ends() -> None:
    words = 'data: {"choices": [{"delta": {"content": "word"}}]}\n\n' * 1000
    event = 'data: {"error": {"code": "server_is_overloaded"}}\n\n'
    for body in (words + event, event + words, (words + event).encode(), bytearray((event + words).encode())):
        assert classify_response(200, {}, body).error_class == "overloaded"
    assert classify_response(200, {}, words + event + words).error_class == "stream_interrupted"


TIMES: dict[str, tuple[Any, float]] = {
    "Gemini's RetryInfo": ({"error": {"details": [{"@type": "RetryInfo", "retryDelay": "34s"}]}}, 34.0),
    "an estimate": ({"error": "Model is loading", "estimated_time": 20.5}, 20.5),
    "a field": ({"error": {"message": "x", "retry_after": 7}}, 7.0),
    "OpenRouter's headers": (
        {"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1741305660000"}}}},
        60.0,
    ),
    "words": ({"error": {"message": "Slow down. Please try again in 1m30s."}}, 90.0),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_in_a_body_is_when_to_come_back(name: str) -> None:
    body, seconds = TIMES[name]
    found = classify_response(429, {"Date": "Fri, 07 Mar 2025 00:00:00 GMT"}, body)
    assert found.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize("value", [None, True, [], {}, "soon", -3, float("nan"), float("inf"), 10**400, "9" * 5000])
def test_what_is_no_time_is_no_wait(value: object) -> None:
    found = classify_response(429, {}, {"error": {"message": "x", "retry_after": value}})
    assert found.error_class == "rate_limit"
    assert found.retry_after is None or 0 <= found.retry_after <= 3600


def test_codes_are_terms_not_sentences() -> None:
    assert read({"error": {"code": "x" * 100}}).codes == ("x" * 100,)
    assert read({"error": {"code": "x" * 101}}).codes == ()
    assert read({"error": {"code": 1302, "type": 429}}).codes == ("1302",)
    assert read({"error": {"code": True, "type": 12}}).codes == ()


SHARED = {
    "This model's maximum context length is 9 tokens.": ("context_window", (400, 404, 413, 422, 500)),
    "Your account has insufficient balance.": ("quota_exhausted", (400, 403, 412, 422, 429, 500)),
    "Your API key is invalid.": ("auth", (400, 403, 404, 422, 500)),
    "Blocked by our content policy.": ("content_policy", (400, 403, 422, 500)),
    "The request payload is too large.": ("payload_too_large", (400, 413, 422, 429)),
    "The model x does not exist.": ("not_found", (400, 404, 422, 500)),
    "Your organization must be verified.": ("permission", (400, 403, 422)),
    "This model does not support tools.": ("unsupported", (400, 404, 422, 424, 500, 501)),
    "We are experiencing high demand.": ("overloaded", (400, 429, 500, 502, 503, 529)),
    "Too many requests, slow down.": ("rate_limit", (400, 403, 424, 429, 500, 503)),
    "The request timed out.": ("timeout", (500, 502, 503, 504)),
}


@pytest.mark.parametrize(
    ("words", "status"), [(words, status) for words, (_, statuses) in SHARED.items() for status in statuses]
)
def test_the_same_words_decide_wherever_a_status_has_several_meanings(words: str, status: int) -> None:
    assert classify_response(status, {}, {"error": {"message": words}}).error_class == SHARED[words][0]


@pytest.mark.parametrize("words", SHARED)
def test_and_where_there_is_none(words: str) -> None:
    if SHARED[words][0] != "payload_too_large":
        assert classify_response(200, {}, {"error": {"message": words}}).error_class == SHARED[words][0]


@pytest.mark.parametrize(("status", "expected"), [(401, "auth"), (402, "quota_exhausted"), (408, "timeout")])
def test_no_words_change_a_status_with_one_meaning(status: int, expected: str) -> None:
    for words in [words for words, (means, _) in SHARED.items() if (status, means) != (401, "quota_exhausted")]:
        assert classify_response(status, {}, {"error": {"message": words}}).error_class == expected
