"""Words that mean what they say, whatever status stands before them; and what only the request named."""

from __future__ import annotations

import json

import pytest

from failover_plugin.classify import classify, classify_response


def said(message: str, **facts: object) -> dict[str, object]:
    return {"error": {"message": message, **facts}}


MEANING = {
    # -- money and accounts, behind five statuses and in two languages -------------------------------------------------
    "money behind 401": (401, said("Insufficient balance on this workspace."), "quota_exhausted"),
    "money behind 401, in a code": (401, said("See your plan.", type="CreditsError"), "quota_exhausted"),
    "a key behind 401": (401, said("This key is of no use here."), "auth"),
    "money behind 402": (402, said("Please pay."), "quota_exhausted"),
    "money behind 403": (403, said("Your account balance is insufficient."), "quota_exhausted"),
    "money behind 400": (400, said("You're out of included usage."), "quota_exhausted"),
    "a quota that is reached": (403, said("The token quota of this instance has been reached."), "quota_exhausted"),
    "money in Chinese": (403, "账户余额不足", "quota_exhausted"),
    "a quota in Chinese": (403, said("用户额度不足, 剩余额度: 0"), "quota_exhausted"),
    "arrears in Chinese": (400, said("您的账户已欠费"), "quota_exhausted"),
    "a wrong key in Chinese": (400, said("无效的令牌"), "auth"),
    "no such model in Chinese": (404, said("模型 x 不存在"), "not_found"),
    "too busy in Chinese": (500, said("当前访问量过大请稍后"), "overloaded"),
    "too quick in Chinese": (403, said("请求过于频繁请稍后再试"), "rate_limit"),
    "policy in Chinese": (400, said("输入包含敏感内容"), "content_policy"),
    "too long in Chinese": (400, said("输入的上下文长度超出模型的限制"), "context_window"),
    "a key that a proxy lacks": (
        503,
        {"detail": "SOME_PROVIDER_API_KEY is not set in the environment."},
        "server_error",
    ),
    # -- a server's own state ------------------------------------------------------------------------------------------
    "unloaded": (400, {"error": "Model unloaded."}, "not_found"),
    "none is loaded": (400, said("No models are loaded here, please load one first. No models loaded."), "not_found"),
    "stopped": (400, said("The endpoint x is stopped."), "not_found"),
    "somebody behind a gateway": (400, said("Provider returned error", code=400), "server_error"),
    "somebody upstream": (400, said("Error from provider: Upstream request failed"), "server_error"),
    "a gateway that quotes a mistake": (
        400,
        said(
            "Provider returned error", metadata={"raw": "The temperature has to be a number from 0 to 1, and was 7.5."}
        ),
        "invalid_request",
    ),
    "an engine": (400, said("EngineCore encountered an issue.", type="BadRequestError"), "server_error"),
    "overloaded, in a code": (429, said("Later.", code="ServerOverloaded", type="TooManyRequests"), "overloaded"),
    "policy, in a code": (400, said("No.", code="InputTextSensitiveContentDetected"), "content_policy"),
    # -- a history that another provider has made ----------------------------------------------------------------------
    "a signature": (400, said("messages.3: Invalid `signature` in `thinking` block"), "unsupported"),
    "no thinking": (400, said("messages.1: Expected `thinking`, but found `text`."), "unsupported"),
    "a thought's signature": (400, said("Function call is missing a thought_signature."), "unsupported"),
    "no reasoning": (400, said("Missing `reasoning_content` field in message 2"), "unsupported"),
    "an id of a tool": (400, said("Tool call id was call_1 but must be of 9 letters and digits."), "unsupported"),
    "an id that is not known": (400, said("tool result's tool id(call_2) not found"), "unsupported"),
    "half a pair": (
        400,
        said("Item 'rs_1' of type 'reasoning' was provided without its required item."),
        "unsupported",
    ),
    "an item of reasoning": (404, said("Item with id 'rs_2' not found."), "unsupported"),
    # -- quoted by gateways --------------------------------------------------------------------------------------------
    "a context behind AWS": (
        424,
        {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
            "Message": 'Received (400) with "{\\"error\\":\\"prompt is too long\\"}"',
        },
        "context_window",
    ),
    "a length": (400, {"message": "prompt_tokens (70000) must be less than max_seq_len (65536)"}, "context_window"),
    "a retired name": (400, said("Model x is gone; the supported names are y and z."), "not_found"),
    "a profile": (404, said("The inference profile was not found."), "not_found"),
    # -- 200 -----------------------------------------------------------------------------------------------------------
    "MiniMax's policy": (
        200,
        {"choices": None, "base_resp": {"status_code": 1027, "status_msg": "input new_sensitive"}},
        "content_policy",
    ),
    "an event named error": (200, 'event: error\ndata: {"code": "server_error", "message": "x"}\n\n', "server_error"),
    "cut off while it thought": (
        200,
        {
            "object": "response",
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [{"type": "reasoning", "summary": []}],
        },
        "unknown",
    ),
}


@pytest.mark.parametrize("name", MEANING)
def test_what_it_says_is_what_it_means(name: str) -> None:
    status, body, expected = MEANING[name]
    for form in (body, body if isinstance(body, str) else json.dumps(body)):
        assert classify_response(status, {}, form).error_class == expected


LIES = {
    "a budget of thoughts": (400, said("The thinking budget exceeded max_tokens."), "invalid_request"),
    "names of functions": (400, said("For this model function names are limited to 64 letters."), "invalid_request"),
    "advice about keys": (
        403,
        said("Invalid API key. A key is sensitive information: do not share it."),
        "auth",
    ),
    "an account, not its words": (403, said("账户违规"), "permission"),
    "a quota of the minute": (429, said("The quota of tokens per minute has been reached."), "rate_limit"),
    "an explanation behind a gateway": (
        400,
        said(
            "Error from provider: the field messages.3.content has to be a string or a list of parts, and was a number."
        ),
        "invalid_request",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_what_only_sounds_like_it_takes_nobody_out_and_refuses_nothing(name: str) -> None:
    status, body, expected = LIES[name]
    assert classify_response(status, {}, body).error_class == expected


@pytest.mark.parametrize(
    ("code", "headers", "expected"),
    [
        (None, {}, "overloaded"),
        ("rate_limit_exceeded", {}, "rate_limit"),
        (None, {"x-ratelimit-remaining": "0"}, "rate_limit"),
        (None, {"x-ratelimit-remaining-tokens": "0"}, "rate_limit"),
        (None, {"x-ratelimit-remaining-tokens": "700"}, "overloaded"),
    ],
)
@pytest.mark.parametrize("provider", ["azure", None])
def test_high_demand_beside_a_limit_is_a_rate_limit(
    code: str | None, headers: dict[str, str], expected: str, provider: str | None
) -> None:
    body = said("We are experiencing high demand.", **({"code": code} if code else {}))
    assert classify_response(429, headers, body, provider=provider).error_class == expected


OF_THE_REQUEST = {
    "a thread": (404, said("No thread found with id 'thread_1'.")),
    "a file": (404, said("File 'file_1' not found.")),
    "a vector store": (404, said("Vector store with id 'vs_1' not found.")),
    "a container": (404, said("Container with id 'cntr_1' not found.")),
    "cached content": (403, said("CachedContent not found (or permission denied)")),
    "no endpoint with eyes": (404, said("No endpoints found that support image input")),
    "a method": (405, said("Method Not Allowed")),
    "a conflict": (409, said("This is in use.")),
    "a tool call that fails": (400, said("Failed to call a function.", code="tool_use_failed")),
    "JSON that fails": (400, said("Failed to validate JSON.", code="json_validate_failed")),
}


@pytest.mark.parametrize("provider", ["openai", "groq", "openrouter", None])
@pytest.mark.parametrize("name", OF_THE_REQUEST)
def test_what_the_request_named_takes_no_model_out(name: str, provider: str | None) -> None:
    status, body = OF_THE_REQUEST[name]
    assert classify_response(status, {}, body, provider=provider).scope == "request"


class ThinClientError(Exception):
    """As somebody writes it who asks a provider without its SDK."""


@pytest.mark.parametrize("kind", [ThinClientError, RuntimeError, Exception])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("429 Too Many Requests", "rate_limit"),
        ("HTTP 429: Too Many Requests", "rate_limit"),
        ("Error code: 503 - Service Unavailable", "overloaded"),
        ("401 Unauthorized", "auth"),
    ],
)
def test_a_bare_exception_that_begins_with_a_status_is_read_as_any_other(
    kind: type[Exception], words: str, expected: str
) -> None:
    assert classify(kind(words)).error_class == expected


@pytest.mark.parametrize("words", ["too many requests", "4290 items", "the api key is invalid"])
def test_the_words_of_any_other_bare_exception_are_anybodys(words: str) -> None:
    assert classify(RuntimeError(words)).error_class == "unknown"


def test_what_googles_library_says_of_credentials_is_auth() -> None:
    exceptions = pytest.importorskip("google.auth.exceptions")
    assert classify(exceptions.DefaultCredentialsError("none")).error_class == "auth"
    assert classify(exceptions.RefreshError("no")).error_class == "auth"
    assert classify(exceptions.TransportError("no")).error_class == "network"
