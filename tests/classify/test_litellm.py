"""LiteLLM's exceptions stand for others: what lies beneath decides, else what its own words still tell.

The chains have the shapes that litellm 1.106 raises for a provider's answers and for broken connections.
"""

from __future__ import annotations

import importlib
import json
import types
import warnings
from typing import Any, NoReturn

import httpx
import openai
import pytest

from failover_plugin.classify import classify

WHO: Any = {"llm_provider": "openai", "model": "m"}
REQUEST = httpx.Request("POST", "https://provider.test/v1")


@pytest.fixture(scope="module")
def litellm() -> types.ModuleType:
    """Imported late: it takes seconds, and its dependencies warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("litellm")


@pytest.fixture(scope="module")
def base(litellm: types.ModuleType) -> Any:
    """What LiteLLM's provider modules raise before its own translation."""
    return importlib.import_module("litellm.llms.base_llm.chat.transformation").BaseLLMException


def over(error: BaseException, *beneath: BaseException) -> BaseException:
    """``error``, raised while handling the next one, and so on."""
    for above, below in zip((error, *beneath), beneath, strict=False):
        above.__context__ = below
    return error


def sdk(status: int, body: dict[str, object], **headers: str) -> openai.APIStatusError:
    response = httpx.Response(status, json=body, headers=headers, request=REQUEST)
    client = openai.OpenAI(api_key="test", http_client=httpx.Client(transport=httpx.MockTransport(lambda _: response)))
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.with_options(max_retries=0).models.list()
    return caught.value


def inner(kind: str, message: str = "Something.") -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}})


@pytest.mark.parametrize(
    ("name", "status", "beneath", "expected"),
    [
        ("RateLimitError", 429, (413, "Too large."), "payload_too_large"),
        ("BadRequestError", 400, (402, "Insufficient balance."), "quota_exhausted"),
        ("NotFoundError", 404, (403, "Not allowed."), "permission"),
        ("RateLimitError", 429, (429, "Slow."), "rate_limit"),
        ("BadRequestError", 400, (400, "A mistake."), "invalid_request"),
        ("InternalServerError", 500, (502, "Bad gateway."), "server_error"),
        ("InternalServerError", 500, (529, "Overloaded."), "overloaded"),
    ],
)
def test_the_status_beneath_is_the_real_one(
    litellm: types.ModuleType, name: str, status: int, beneath: tuple[int, str], expected: str
) -> None:
    real = sdk(beneath[0], {"error": {"message": beneath[1]}})
    error = over(getattr(litellm, name)(f"OpenAIException - {beneath[1]}", **WHO), real)
    assert error.status_code == status  # type: ignore[attr-defined]
    assert classify(error).error_class == expected
    assert classify(error).provider == "openai"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AuthenticationError", "auth"),
        ("BadRequestError", "invalid_request"),
        ("ContentPolicyViolationError", "content_policy"),
        ("ContextWindowExceededError", "context_window"),
        ("InternalServerError", "server_error"),
        ("NotFoundError", "not_found"),
        ("PaymentRequiredError", "quota_exhausted"),
        ("RateLimitError", "rate_limit"),
        ("ServiceUnavailableError", "overloaded"),
        ("BadGatewayError", "server_error"),
        ("Timeout", "timeout"),
        ("APIConnectionError", "network"),
    ],
)
def test_names_where_nothing_lies_beneath(litellm: types.ModuleType, name: str, expected: str) -> None:
    assert classify(getattr(litellm, name)("x", **WHO)).error_class == expected


def test_a_name_that_says_more_than_the_status_beneath(litellm: types.ModuleType) -> None:
    mistake = sdk(400, {"error": {"message": "In words nobody knows."}})
    assert classify(over(litellm.ContextWindowExceededError("x", **WHO), mistake)).error_class == "context_window"
    assert classify(over(litellm.ContentPolicyViolationError("x", **WHO), mistake)).error_class == "content_policy"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("InternalServerError", inner("overloaded_error", "Overloaded"), "overloaded"),
        ("InternalServerError", inner("api_error"), "server_error"),
        ("RateLimitError", inner("rate_limit_error"), "rate_limit"),
        ("BadRequestError", inner("invalid_request_error", "Your credit balance is too low."), "quota_exhausted"),
        ("BadRequestError", inner("invalid_request_error", "prompt is too long: 2 tokens > 1"), "context_window"),
        ("BadRequestError", '{"code": "x", "error": "Incorrect API key provided: abc"}', "auth"),
        ("RateLimitError", '{"error": {"code": "insufficient_quota", "message": "Nothing left."}}', "quota_exhausted"),
        ("InternalServerError", "Connection error.", "network"),
        ("InternalServerError", "Cannot connect to host provider.test:443", "network"),
        ("InternalServerError", "Overloaded", "overloaded"),
    ],
)
def test_words_where_nothing_lies_beneath(litellm: types.ModuleType, name: str, text: str, expected: str) -> None:
    assert classify(getattr(litellm, name)(f"SomeException - {text}", **WHO)).error_class == expected


def test_bodies_on_the_path_of_openai(litellm: types.ModuleType) -> None:
    body = {"message": "Nothing left.", "type": "insufficient_quota", "code": "insufficient_quota"}
    found = classify(litellm.RateLimitError("OpenAIException - Nothing left.", body=body, **WHO))
    assert (found.error_class, found.code, found.message) == ("quota_exhausted", "insufficient_quota", "Nothing left.")


def test_codes_that_litellm_makes_up_are_not_the_providers(litellm: types.ModuleType) -> None:
    error = litellm.RateLimitError("x", **WHO)
    assert error.type == "throttling_error"
    assert classify(error).code is None


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (openai.APIConnectionError(request=REQUEST), "network"),
        (openai.APITimeoutError(request=REQUEST), "timeout"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "network"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (json.JSONDecodeError("broken", "{", 0), "server_error"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("name", ["InternalServerError", "APIConnectionError"])
def test_broken_connections_behind_a_made_up_500(
    litellm: types.ModuleType, base: Any, name: str, cause: Exception, expected: str
) -> None:
    error = getattr(litellm, name)("OpenAIException - something", **WHO)
    assert classify(over(error, base(500, "something"), cause)).error_class == expected
    assert classify(over(error, cause)).error_class == expected


def test_retry_after_from_the_headers_kept_aside(litellm: types.ModuleType) -> None:
    error = litellm.RateLimitError("x", **WHO)
    assert classify(error).retry_after is None
    error.litellm_response_headers = httpx.Headers({"Retry-After": "4"})
    assert classify(error).retry_after == 4.0


def test_retry_after_from_beneath(litellm: types.ModuleType) -> None:
    real = sdk(429, {"error": {"message": "Slow."}}, **{"retry-after": "4"})
    assert classify(over(litellm.RateLimitError("x", **WHO), real)).retry_after == 4.0


def mid_stream(litellm: types.ModuleType, original: Exception | None) -> BaseException:
    return litellm.exceptions.MidStreamFallbackError("x", original_exception=original, **WHO)  # type: ignore[no-any-return]


def test_mid_stream(litellm: types.ModuleType, base: Any) -> None:
    event = openai.APIError("Busy.", REQUEST, body={"code": "server_is_overloaded", "message": "Busy."})
    unmapped = litellm.APIConnectionError("OpenAIException - Busy.", **WHO)
    over(unmapped, event)
    assert classify(mid_stream(litellm, unmapped)).error_class == "overloaded"
    assert classify(mid_stream(litellm, event)).error_class == "overloaded"
    assert classify(mid_stream(litellm, base(500, "Overloaded"))).error_class == "overloaded"
    assert classify(mid_stream(litellm, httpx.ReadError("reset"))).error_class == "network"
    assert classify(mid_stream(litellm, None)).error_class == "stream_interrupted"


def test_a_stream_error_on_which_litellm_itself_stumbles(base: Any) -> None:
    """Seen in 1.106: ``int(code)`` on the code of a Groq or OpenRouter stream error raises before the error can."""
    place: dict[str, Any] = {"__name__": "litellm.exceptions"}
    exec("def stumble(code): int(code)", place)

    def stream(stumble: Any) -> NoReturn:
        try:
            raise base("server_is_overloaded", "Busy.")
        except base:
            stumble("server_is_overloaded")
            raise AssertionError from None

    with pytest.raises(ValueError, match="server_is_overloaded") as theirs:
        stream(place["stumble"])
    assert classify(theirs.value).error_class == "overloaded"
    with pytest.raises(ValueError, match="server_is_overloaded") as ours:
        stream(int)
    assert classify(ours.value).error_class == "unknown"


CALL: dict[str, Any] = {"model": "openai/m", "api_key": "test", "api_base": "http://127.0.0.1:9/v1", "max_retries": 0}
HELLO = {"role": "user", "content": "Hello."}


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": [HELLO, "no message"]},
        {"messages": [{"role": "user", "content": object()}]},
        {"messages": 5},
        {"response_format": 7},
        {"temperature": object()},
        {"extra_headers": 5},
    ],
    ids=str,
)
async def test_a_request_that_litellm_cannot_even_send_is_nobodys_failure(
    litellm: types.ModuleType, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it makes of it
        litellm.completion(**{**CALL, "messages": [HELLO], **wrong})
    assert classify(caught.value, provider="openai").scope == "request"
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await litellm.acompletion(**{**CALL, "messages": [HELLO], **wrong})
    assert classify(caught.value, provider="openai").scope == "request"


@pytest.mark.parametrize("answer", [{}, {"choices": None}, {"choices": [5]}, [], "text"], ids=str)
async def test_an_answer_on_which_litellm_stumbles_is_the_providers_failure(
    litellm: types.ModuleType, answer: object
) -> None:
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    async with openai.AsyncOpenAI(api_key="test", max_retries=0, http_client=client) as sdk_client:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            await litellm.acompletion(**CALL, messages=[HELLO], client=sdk_client)
    assert classify(caught.value, provider="openai").scope != "request"
