"""What responses mean: the documented errors of OpenAI, Azure and Anthropic, then the HTTP status, in any shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from failover_plugin.classify import VERDICTS, classify_response
from failover_plugin.model import Diagnosis, ErrorClass

NONE: Mapping[str, str] = MappingProxyType({})


def openai(message: str, kind: str | None = None, code: str | None = None, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def anthropic(kind: str, message: str = "Something.", **more: object) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


BAD = "invalid_request_error"

OPENAI = {
    # name: (status, body, class)
    "requests per minute": (
        429,
        openai("Too fast: Limit 60, Used 60, Requested 1.", "requests", "rate_limit_exceeded"),
        "rate_limit",
    ),
    "slow down": (429, openai("Ramp up slowly.", None, "slow_down"), "rate_limit"),
    "quota": (429, openai("Nothing left.", "insufficient_quota", "insufficient_quota"), "quota_exhausted"),
    "quota, type alone": (429, openai("Nothing left.", "insufficient_quota"), "quota_exhausted"),
    "credit": (429, openai("Add credit.", "insufficient_quota", "credit_balance_exhausted"), "quota_exhausted"),
    "organization's spend limit": (429, openai("Month.", None, "organization_spend_limit_exceeded"), "quota_exhausted"),
    "project's spend limit": (429, openai("Month.", None, "project_spend_limit_exceeded"), "quota_exhausted"),
    "usage limit": (429, openai("Month.", None, "organization_usage_limit_exceeded"), "quota_exhausted"),
    "larger than the minute": (
        429,
        openai("Request too large on TPM: Limit 2,000, Requested 2,500.", "tokens", "rate_limit_exceeded"),
        "payload_too_large",
    ),
    "larger than the minute, of which some is used": (
        429,
        openai("On TPM: Limit 2000, Used 1500, Requested 2500.", "tokens", "rate_limit_exceeded"),
        "payload_too_large",
    ),
    "as large as the minute": (
        429,
        openai("On TPM: Limit 2000, Used 1, Requested 2000.", "tokens", "rate_limit_exceeded"),
        "rate_limit",
    ),
    "window": (400, openai("Too many tokens.", BAD, "context_length_exceeded"), "context_window"),
    "window, in words": (400, openai("This model's maximum context length is 128 tokens.", BAD), "context_window"),
    "model": (404, openai("No such model.", BAD, "model_not_found"), "not_found"),
    "model, Responses": (400, openai("No such model.", BAD, "model_not_found"), "not_found"),
    "model, project without access": (403, openai("No access.", BAD, "model_not_found"), "permission"),
    "key": (401, openai("Wrong key.", BAD, "invalid_api_key"), "auth"),
    "key, behind a compatible server that says 400": (400, openai("Incorrect API key provided.", BAD), "auth"),
    "country": (403, openai("Not here.", "request_forbidden", "unsupported_country_region_territory"), "permission"),
    "policy, images": (400, openai("No.", BAD, "content_policy_violation"), "content_policy"),
    "policy, in words": (400, openai("Your prompt was flagged as potentially violating.", BAD), "content_policy"),
    "parameter": (400, openai("Not this one.", BAD, "unsupported_parameter"), "unsupported"),
    "parameter, in words": (400, openai("'x' is not supported with this model.", BAD), "unsupported"),
    "a caller's mistake": (400, openai("'messages' is missing.", BAD), "invalid_request"),
    "a caller's mistake that quotes a status": (400, openai("Upstream said 403 to the image.", BAD), "invalid_request"),
    "server": (500, openai("Sorry.", "server_error", "server_error"), "server_error"),
    "overloaded": (503, openai("Busy.", "service_unavailable_error", "server_is_overloaded"), "overloaded"),
    "overloaded, in words": (503, openai("The engine is currently overloaded.", "server_error"), "overloaded"),
    "overloaded, said with 429": (429, openai("That model is currently overloaded.", "requests"), "overloaded"),
    "edge": (503, "upstream connect error or disconnect/reset before headers", "server_error"),
}

AZURE = {
    "rate": (429, openai("Slow.", None, "429"), "rate_limit"),
    "rate, Foundry": (429, {"error": {"code": "RateLimitReached", "message": "Slow."}}, "rate_limit"),
    "capacity": (429, openai("The system is experiencing high demand.", None, "429"), "overloaded"),
    "filter": (400, openai("Filtered.", None, "content_filter"), "content_policy"),
    "filter, inner code": (
        400,
        openai("Filtered.", None, None, innererror={"code": "ResponsibleAIPolicyViolation"}),
        "content_policy",
    ),
    "key": (401, openai("Wrong key.", None, "401"), "auth"),
    "role": (401, openai("The principal lacks a role.", None, "PermissionDenied"), "permission"),
    "network rules": (403, openai("Not from there.", None, "403"), "permission"),
    "deployment": (404, openai("No such deployment.", None, "DeploymentNotFound"), "not_found"),
    "model": (400, openai("Unknown model.", None, "unknown_model"), "not_found"),
    "operation": (400, openai("Does not work with it.", None, "OperationNotSupported"), "unsupported"),
    "edge, 408": (408, "stream timeout", "timeout"),
    "edge, 413": (413, "length limit exceeded", "payload_too_large"),
}

ANTHROPIC = {
    "mistake": (400, anthropic("invalid_request_error"), "invalid_request"),
    "key": (401, anthropic("authentication_error"), "auth"),
    "billing": (402, anthropic("billing_error"), "quota_exhausted"),
    "permission": (403, anthropic("permission_error"), "permission"),
    "model": (404, anthropic("not_found_error"), "not_found"),
    "size": (413, anthropic("request_too_large"), "payload_too_large"),
    "size, sent by the edge": (413, "<html><head><title>413</title></head></html>", "payload_too_large"),
    "rate": (429, anthropic("rate_limit_error"), "rate_limit"),
    "server": (500, anthropic("api_error"), "server_error"),
    "timeout": (504, anthropic("timeout_error"), "timeout"),
    "overloaded": (529, anthropic("overloaded_error"), "overloaded"),
    "overloaded, whatever the status": (500, anthropic("overloaded_error"), "overloaded"),
    "credit": (400, anthropic(BAD, "Your credit balance is too low to go on."), "quota_exhausted"),
    "usage limits": (400, anthropic(BAD, "Usage limits reached. You will regain access on 1 May."), "quota_exhausted"),
    "monthly limit": (
        429,
        anthropic("rate_limit_error", "Month.", details={"error_code": "enforced_spend_limit_reached"}),
        "quota_exhausted",
    ),
    "window": (400, anthropic(BAD, "prompt is too long: 210000 tokens > 200000 maximum"), "context_window"),
    "window with the output": (
        400,
        anthropic(BAD, "input length and `max_tokens` exceed context limit: 190 + 20 > 200"),
        "context_window",
    ),
    "long context is extra": (
        429,
        anthropic("rate_limit_error", "Extra usage is required for long context requests."),
        "payload_too_large",
    ),
    "output filter": (400, anthropic(BAD, "Output blocked by content filtering policy"), "content_policy"),
    "organization": (400, anthropic(BAD, "This organization has been disabled."), "permission"),
    "feature": (400, anthropic(BAD, "This model does not support that effort."), "unsupported"),
    "prefill": (400, anthropic(BAD, "Prefilling assistant messages is not possible."), "unsupported"),
}


@pytest.mark.parametrize(("status", "body", "expected"), OPENAI.values(), ids=OPENAI)
def test_openai(status: int, body: object, expected: str) -> None:
    assert classify_response(status, NONE, body, provider="openai").error_class == expected


@pytest.mark.parametrize(("status", "body", "expected"), AZURE.values(), ids=AZURE)
def test_azure(status: int, body: object, expected: str) -> None:
    assert classify_response(status, NONE, body, provider="azure").error_class == expected


@pytest.mark.parametrize(("status", "body", "expected"), ANTHROPIC.values(), ids=ANTHROPIC)
def test_anthropic(status: int, body: object, expected: str) -> None:
    assert classify_response(status, NONE, body, provider="anthropic").error_class == expected


UNTOUCHED = {
    "x-should-retry": "false",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "40000",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "payload_too_large"),
        ({"retry-after": "9"}, "rate_limit"),
        ({"x-should-retry": "true"}, "rate_limit"),
        ({"anthropic-ratelimit-input-tokens-remaining": "0"}, "rate_limit"),
    ],
)
def test_an_untouched_limit_means_that_the_request_alone_is_too_large(more: dict[str, str], expected: str) -> None:
    assert classify_response(429, UNTOUCHED | more, anthropic("rate_limit_error")).error_class == expected


IN_STREAM = {
    "Anthropic, overloaded": (anthropic("overloaded_error"), "overloaded"),
    "Anthropic, server": (anthropic("api_error"), "server_error"),
    "Anthropic, mistake": (anthropic("invalid_request_error"), "invalid_request"),
    "Anthropic, rate": (anthropic("rate_limit_error"), "rate_limit"),
    "chat, overloaded": (openai("Busy.", "service_unavailable_error"), "overloaded"),
    "chat, rate": (openai("Slow.", "tokens", "rate_limit_exceeded"), "rate_limit"),
    "chat, server": (openai("Sorry.", "server_error"), "server_error"),
    "chat, model": (openai("Generation failed.", "model_error"), "server_error"),
    "chat, quota": (openai("Nothing left.", "insufficient_quota"), "quota_exhausted"),
    "Responses, flat": ({"type": "error", "code": "server_error", "message": "Sorry."}, "server_error"),
    "Responses, failed": (
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "Slow."}}},
        "rate_limit",
    ),
    "a status of its own": ({"error": {"message": "Upstream died.", "code": 502}}, "server_error"),
    "a logical status": ({"error": {"message": "Slow.", "status_code": 429}}, "rate_limit"),
    "nothing at all": ({"id": "1"}, "unknown"),
}


@pytest.mark.parametrize(("body", "expected"), IN_STREAM.values(), ids=IN_STREAM)
@pytest.mark.parametrize("form", ["json", "sse", "parsed"])
def test_errors_inside_a_stream_that_began_with_200(body: dict[str, object], expected: str, form: str) -> None:
    text = json.dumps(body)
    forms = {"json": text, "sse": f'data: {{"choices": []}}\n\nevent: error\ndata: {text}\n\n', "parsed": body}
    found = classify_response(200, NONE, forms[form])
    named = form == "sse" and expected == "unknown"  # the event's name says that it is an error
    assert found.error_class == ("server_error" if named else expected)
    assert found.status == 200


STATUS = {
    400: "invalid_request",
    401: "auth",
    402: "quota_exhausted",
    403: "permission",
    404: "not_found",
    405: "not_found",
    406: "invalid_request",
    407: "network",
    408: "timeout",
    409: "server_error",
    410: "not_found",
    413: "payload_too_large",
    414: "payload_too_large",
    415: "unsupported",
    418: "invalid_request",
    422: "invalid_request",
    424: "server_error",
    425: "server_error",
    429: "rate_limit",
    431: "payload_too_large",
    451: "permission",
    499: "timeout",
    500: "server_error",
    501: "server_error",
    502: "server_error",
    503: "overloaded",
    504: "timeout",
    520: "server_error",
    522: "timeout",
    524: "timeout",
    529: "overloaded",
    599: "server_error",
}


@pytest.mark.parametrize(("status", "expected"), STATUS.items())
def test_the_status_decides_where_the_body_says_nothing(status: int, expected: str) -> None:
    found = classify_response(status, NONE, "")
    assert (found.error_class, found.evidence, found.status) == (expected, f"status {status}", status)


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 200, 204, 302, 600, 10**9, True])
def test_a_status_that_is_no_error_says_nothing(status: int) -> None:
    assert classify_response(status, NONE, "").error_class == "unknown"


def test_a_status_that_cannot_be_read() -> None:
    class Hostile(int):
        def __ge__(self, _: int) -> bool:
            raise ZeroDivisionError

    assert classify_response(Hostile(503), NONE, "").evidence == "nothing could be read"


def test_the_whole_diagnosis() -> None:
    body = openai("Come back later.", "requests", "rate_limit_exceeded")
    assert classify_response(429, {"Retry-After": "7"}, body, provider="openai") == Diagnosis(
        error_class=ErrorClass.RATE_LIMIT,
        scope=VERDICTS[ErrorClass.RATE_LIMIT].scope,
        retry_after=7.0,
        status=429,
        code="rate_limit_exceeded",
        provider="openai",
        message="Come back later.",
        evidence="status 429",
    )


@pytest.mark.parametrize(
    ("status", "body", "evidence", "code"),
    [
        (429, openai("x", "requests", "insufficient_quota"), "openai: code insufficient_quota", "insufficient_quota"),
        (529, anthropic("overloaded_error"), "anthropic: code overloaded_error", "overloaded_error"),
        (400, anthropic(BAD, "prompt is too long"), 'words: says "prompt is too long"', BAD),
        (429, openai("Limit 1, Requested 2"), "request size: requested more than the limit", None),
        (503, "", "status 503", None),
        (200, "", "nothing wrong with it is known", None),
    ],
)
def test_the_evidence_names_the_rule(status: int, body: object, evidence: str, code: str | None) -> None:
    found = classify_response(status, NONE, body)
    assert (found.evidence, found.code) == (evidence, code)


QUOTA = openai("Nothing left.", "insufficient_quota", "insufficient_quota")


@pytest.mark.parametrize(
    "body",
    [
        QUOTA,
        [QUOTA],
        json.dumps(QUOTA),
        json.dumps(QUOTA).encode(),
        bytearray(json.dumps(QUOTA).encode()),
        b"\xff\xfe" + json.dumps(QUOTA).encode(),
        json.dumps(QUOTA)[:-9],
        json.dumps(QUOTA)[:-1] + ",}",
        f"Error code: 429 - {QUOTA}",
        f"SomeException - {json.dumps(QUOTA)}",
        f"data: {json.dumps(QUOTA)}",
        QUOTA["error"],
        {"detail": QUOTA["error"]},
        json.dumps(QUOTA | {"padding": "x" * 20_000}),
    ],
    ids=lambda body: type(body).__name__,
)
def test_the_same_fact_in_any_shape(body: object) -> None:
    found = classify_response(429, NONE, body)
    assert found.error_class == "quota_exhausted"
    assert "Nothing left." in found.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "flat"}, "flat"),
        ({"detail": "FastAPI's"}, "FastAPI's"),
        ({"error": ["one", "two", 3]}, "one; two"),
        ({"error": {"message": "  much \n\t space "}}, "much space"),
        ("<html><head><TITLE>502 Bad\nGateway</TITLE></head><body>x</body></html>", "502 Bad Gateway"),
        ("plain words", "plain words"),
        (b"plain bytes", "plain bytes"),
        ("", ""),
        (None, ""),
        (object(), ""),
        ({"error": {"message": 7}}, ""),
    ],
)
def test_the_message_is_the_providers(body: object, message: str) -> None:
    assert classify_response(500, NONE, body).message == message


def test_only_the_beginning_of_a_body_is_read() -> None:
    late = "x" * 16_384 + json.dumps(QUOTA)
    assert classify_response(429, NONE, late).error_class == "rate_limit"
    assert classify_response(429, NONE, late.encode()).error_class == "rate_limit"


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"error":' * 50_000,
        "data: {" * 5_000,
        '"code": "x", ' * 5_000,
        '{"error": {"message": "' + "\\" * 50_000,
        [[[[[[[[[[QUOTA]]]]]]]]]],
        [QUOTA] * 100_000,
    ],
    ids=["brackets", "open", "events", "codes", "escapes", "nested", "long"],
)
def test_malicious_bodies_cost_no_more_than_others(body: object) -> None:
    assert classify_response(500, NONE, body).error_class in {"server_error", "quota_exhausted"}
