"""Each provider's own way to say what went wrong: with the provider known, and unknown, the class is the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from failover_plugin.classify import classify, classify_response, providers
from failover_plugin.classify.rules import table_of


def error(message: str, **facts: Any) -> dict[str, Any]:
    return {"error": {"message": message, **facts}}


def google(code: int, status: str, message: str = "No.", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota(*names: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": name} for name in names],
    }


def reason(name: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name}


MINUTE, DAY = "GenerateRequestsPerMinutePerProjectPerModel", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
BILLING = "You exceeded your current quota, please check your plan and billing details."


def aws(name: str) -> dict[str, str]:
    return {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"}


Row = tuple[int, Any, str] | tuple[int, Any, str, dict[str, str]]

ROWS: dict[str, dict[str, Row]] = {
    "gemini": {
        "the minute's quota, in words of billing": (
            429,
            google(429, "RESOURCE_EXHAUSTED", BILLING, quota(MINUTE)),
            "rate_limit",
        ),
        "the day's": (429, google(429, "RESOURCE_EXHAUSTED", BILLING, quota(DAY)), "quota_exhausted"),
        "both": (429, google(429, "RESOURCE_EXHAUSTED", BILLING, quota(MINUTE, DAY)), "quota_exhausted"),
        "the plan has none": (
            429,
            google(429, "RESOURCE_EXHAUSTED", f"{BILLING}\n* Quota exceeded, limit: 0\nPlease retry in 20.5s."),
            "quota_exhausted",
        ),
        "no details": (429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."), "rate_limit"),
        "capacity": (429, google(429, "RESOURCE_EXHAUSTED", "x", reason("MODEL_CAPACITY_EXHAUSTED")), "overloaded"),
        "a wrong key, said with 400": (
            400,
            google(400, "INVALID_ARGUMENT", "x", reason("API_KEY_INVALID")),
            "auth",
        ),
        "a leaked key": (403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "auth"),
        "a service that is off": (403, google(403, "PERMISSION_DENIED", "x", reason("SERVICE_DISABLED")), "permission"),
        "a region": (400, google(400, "FAILED_PRECONDITION", "User location is not supported."), "permission"),
        "no billing": (400, google(400, "FAILED_PRECONDITION", "Please enable billing on it."), "quota_exhausted"),
        "too long": (400, google(400, "INVALID_ARGUMENT", "The input token count exceeds 8."), "context_window"),
        "a list of one": (503, [google(503, "UNAVAILABLE", "The model is overloaded.")], "overloaded"),
        "too slow": (504, google(504, "DEADLINE_EXCEEDED"), "timeout"),
    },
    "vertex": {
        "no credentials": (401, google(401, "UNAUTHENTICATED", "x", reason("CREDENTIALS_MISSING")), "auth"),
        "shared capacity": (429, google(429, "RESOURCE_EXHAUSTED", "Please try again later."), "rate_limit"),
    },
    "bedrock": {
        "throttled": (429, {"message": "Too many tokens, please wait."}, "rate_limit", aws("ThrottlingException")),
        "the day's tokens": (
            429,
            {"message": "Too many tokens per day, please wait before trying again."},
            "quota_exhausted",
            aws("ThrottlingException"),
        ),
        "not ready": (429, {"message": "Wait."}, "overloaded", aws("ModelNotReadyException")),
        "wrong credentials": (403, {"message": "x"}, "auth", aws("UnrecognizedClientException")),
        "old credentials": (403, {"message": "x"}, "auth", aws("ExpiredTokenException")),
        "no access": (403, {"message": "You don't have access."}, "permission", aws("AccessDeniedException")),
        "nothing to pay with": (
            403,
            {"message": "INVALID_PAYMENT_INSTRUMENT: a valid one is needed."},
            "quota_exhausted",
            aws("AccessDeniedException"),
        ),
        "no form": (404, {"message": "Model use case details are missing."}, "permission",
                    aws("ResourceNotFoundException")),
        "a quota": (400, {"message": "x"}, "quota_exhausted", aws("ServiceQuotaExceededException")),
        "no such model": (400, {"message": "The model identifier is invalid."}, "not_found",
                          aws("ValidationException")),
        "too long": (400, {"message": "Input is too long for it."}, "context_window", aws("ValidationException")),
        "malformed": (400, {"message": "Malformed input request."}, "invalid_request", aws("ValidationException")),
        "the model failed": (424, {"message": "x"}, "server_error", aws("ModelErrorException")),
        "the model was slow": (408, {"message": "x"}, "timeout", aws("ModelTimeoutException")),
        "busy": (503, {"message": "x"}, "overloaded", aws("ServiceUnavailableException")),
    },
    "mistral": {
        "rate": (429, {"object": "error", "message": "Slow.", "type": "rate_limited", "code": "1300"}, "rate_limit"),
        "no such model": (400, {"object": "error", "message": "x", "code": "1500"}, "not_found"),
        "too long": (
            400,
            {"object": "error", "message": "Prompt contains 9 tokens, too large for model with 8", "code": "3051"},
            "context_window",
        ),
        "not that parameter": (
            400,
            {"object": "error", "message": "x is not supported for this model", "code": "3051"},
            "unsupported",
        ),
        "a batch too large": (400, {"object": "error", "message": "x", "code": "3210"}, "payload_too_large"),
        "order of messages": (400, {"object": "error", "message": "x", "code": "3230"}, "invalid_request"),
        "not in this tier": (403, {"object": "error", "message": "x", "code": "1910"}, "permission"),
        "out of capacity": (
            429,
            {"object": "error", "message": "Service tier capacity exceeded.", "code": "3505"},
            "overloaded",
        ),
        "its own": (500, {"object": "error", "message": "x", "code": "1000"}, "server_error"),
        "a gateway": (401, {"message": "Unauthorized", "request_id": "1"}, "auth"),
        "fields": (422, {"detail": [{"loc": ["body", "model"], "msg": "Field required"}]}, "invalid_request"),
    },
    "cohere": {
        "too long": (400, {"id": "1", "message": "too many tokens: over by 9"}, "context_window"),
        "trial, minute": (
            429,
            {"message": "You are using a Trial key, which is limited to 20 API calls / minute."},
            "rate_limit",
        ),
        "trial, month": (
            429,
            {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
            "quota_exhausted",
        ),
        "no such model": (404, {"id": "1", "message": "model 'x' not found"}, "not_found"),
        "a wrong key": (401, {"id": "1", "message": "invalid api token"}, "auth"),
    },
    "groq": {
        "alone too large": (413, error("Too large.", code="rate_limit_exceeded"), "payload_too_large"),
        "tokens per day": (
            429,
            error("Rate limit reached on tokens per day (TPD): Limit 9, Used 8, Requested 2. Please try again in 9m7s.",
                  type="tokens", code="rate_limit_exceeded"),
            "quota_exhausted",
        ),
        "tokens per minute": (
            429,
            error("Rate limit reached on tokens per minute. Please try again in 3.2s.", code="rate_limit_exceeded"),
            "rate_limit",
        ),
        "the model's fault": (400, error("x", code="tool_use_failed", failed_generation="{"), "server_error"),
        "retired": (400, error("x", code="model_decommissioned"), "not_found"),
        "restricted": (400, error("x", code="organization_restricted"), "permission"),
        "no flexible capacity": (498, error("x", code="capacity_exceeded"), "overloaded"),
    },
    "xai": {
        "a wrong key, said with 400": (
            400,
            {"code": "invalid-argument", "error": "Incorrect API key provided."},
            "auth",
        ),
        "no credits": (
            429,
            {"code": "Some resource has been exhausted", "error": "Your team has used all available credits."},
            "quota_exhausted",
        ),
        "no credits, said with 403": (
            403,
            {"code": "permission", "error": "Your newly created team doesn't have any credits yet."},
            "quota_exhausted",
        ),
        "safety": (403, {"code": "x", "error": "Content violates usage guidelines."}, "content_policy"),
        "too long": (400, {"code": "x", "error": "This model's maximum prompt length is 9."}, "context_window"),
    },
    "deepseek": {
        "no balance": (402, error("Insufficient Balance", code="invalid_request_error"), "quota_exhausted"),
        "a wrong key": (401, error("x", type="authentication_error", code="invalid_request_error"), "auth"),
        "no pictures": (400, error("messages[0]: unknown variant `image_url`, expected `text`"), "unsupported"),
        "busy": (503, error("Server overloaded."), "overloaded"),
        "a mistake": (422, "Failed to deserialize the JSON body", "invalid_request"),
    },
    "openrouter": {
        "wrapped JSON": (
            400,
            error("Provider returned error", code=400,
                  metadata={"raw": json.dumps(error("x", code="context_length_exceeded")), "provider_name": "OpenAI"}),
            "context_window",
        ),
        "wrapped words": (
            429,
            error("Provider returned error", code=429, metadata={"raw": "it is at capacity, try later"}),
            "overloaded",
        ),
        "no credits": (402, error("This request requires more credits.", code=402), "quota_exhausted"),
        "calls in flight": (
            402,
            error("x", code=402, metadata={"limit_source": "openrouter_in_flight_budget"}),
            "rate_limit",
            {"Retry-After": "3"},
        ),
        "moderation": (403, error("It was flagged by moderation.", code=403), "content_policy"),
        "the key's cap": (403, error("Key limit exceeded (monthly limit).", code=403), "quota_exhausted"),
        "a guardrail": (403, error("Blocked by a guardrail.", code=403), "permission"),
        "no tools": (404, error("No endpoints found that support tool use.", code=404), "unsupported"),
        "data policy": (404, error("No endpoints found matching your data policy.", code=404), "permission"),
        "none at all": (404, error("No endpoints found for a/b.", code=404), "not_found"),
        "no such model": (400, error("a/b is not a valid model ID", code=400), "not_found"),
        "free, the day's": (429, error("Rate limit exceeded: free-models-per-day.", code=429), "quota_exhausted"),
        "free, the minute's": (429, error("Rate limit exceeded: free-models-per-min.", code=429), "rate_limit"),
    },
    "together": {
        "no credit": (402, error("x", type="credit_limit"), "quota_exhausted"),
        "the minute's": (429, error("Per minute.", type="credit_limit"), "rate_limit"),
        "no such model": (404, error("x", code="model_not_available"), "not_found"),
        "too long": (422, error("`inputs` tokens + `max_new_tokens` must be <= 8193"), "context_window"),
    },
    "fireworks": {
        "suspended": (412, error("Account x is suspended.", code="PRECONDITION_FAILED"), "quota_exhausted"),
        "no such model": (404, error("Model not found, inaccessible, and/or not deployed"), "not_found"),
        "too long": (400, error("The prompt is too long: 9, model maximum context length: 8"), "context_window"),
    },
    "huggingface": {
        "a cold start": (503, {"error": "Model a/b is currently loading", "estimated_time": 20.0}, "overloaded"),
        "no credits": (402, {"error": "You have exceeded your monthly included credits."}, "quota_exhausted"),
        "nobody serves it": (400, error("x", code="model_not_supported"), "not_found"),
        "a wrong token": (401, {"error": "Invalid username or password."}, "auth"),
    },
    "perplexity": {
        "too long": (400, error("x", type="too_many_prompt_tokens", code=400), "context_window"),
        "no such model": (400, error("Invalid model 'x'. Permitted models: y.", type="invalid_model"), "not_found"),
        "a wrong key, in HTML": (401, "<html><head><title>401 Authorization Required</title></head></html>", "auth"),
    },
    "cerebras": {
        "the minute's": (
            429, {"message": "x", "type": "too_many_requests_error", "code": "token_quota_exceeded"}, "rate_limit",
        ),
        "the day's": (
            429, {"message": "Tokens per day limit exceeded.", "code": "token_quota_exceeded"}, "quota_exhausted",
        ),
        "a queue": (429, {"message": "x", "type": "too_many_requests_error", "code": "queue_exceeded"}, "overloaded"),
        "a wrong key": (401, {"message": "x", "code": "wrong_api_key"}, "auth"),
    },
    "github_models": {
        "the minute's": (429, "Too many requests.", "rate_limit",
                         {"x-ratelimit-type": "UserByModelByMinute", "retry-after": "44"}),
        "the day's": (429, "Too many requests.", "quota_exhausted",
                      {"x-ratelimit-type": "UserByModelByDay", "retry-after": "70000"}),
        "too large for it": (413, error("Max size: 8000 tokens.", code="tokens_limit_reached"), "payload_too_large"),
        "no such model": (400, error("x", code="unknown_model"), "not_found"),
    },
    "nvidia": {
        "no credits": (402, {"status": 402, "title": "Payment", "detail": "credits expired"}, "quota_exhausted"),
        "no such function": (
            404, {"status": 404, "title": "Not Found", "detail": "Function 'x': Not found for account"}, "not_found",
        ),
        "degraded": (400, {"status": 400, "title": "Bad Request", "detail": "DEGRADED function cannot be invoked"},
                     "server_error"),
    },
    "ollama": {
        "no such model": (404, {"error": 'model "x" not found, try pulling it first'}, "not_found"),
        "no tools": (400, {"error": "x does not support tools"}, "unsupported"),
        "too long": (400, {"error": "the input length exceeds the context length"}, "context_window"),
        "a queue": (503, {"error": "server busy, maximum pending requests exceeded"}, "overloaded"),
        "the week's": (429, {"error": "you have reached your weekly usage limit"}, "quota_exhausted"),
    },
    "vllm": {
        "too long": (
            400, {"object": "error", "message": "This model's maximum context length is 9 tokens.", "code": 400},
            "context_window",
        ),
        "no tools": (
            400, {"object": "error", "message": '"auto" tool choice requires --enable-auto-tool-choice', "code": 400},
            "unsupported",
        ),
        "no such model": (404, {"object": "error", "message": "The model `x` does not exist."}, "not_found"),
    },
    "llamacpp": {
        "too long": (400, error("x", type="exceed_context_size_error", code=400), "context_window"),
        "no pictures, said with 500": (500, error("image input is not supported", type="server_error"), "unsupported"),
        "no tools, said with 500": (500, error("tools param requires --jinja", type="server_error"), "unsupported"),
        "loading": (503, error("Loading model", type="unavailable_error", code=503), "overloaded"),
    },
    "zhipu": {
        "no balance": (429, error("x", code="1113"), "quota_exhausted"),
        "rate": (429, error("x", code="1302"), "rate_limit"),
        "overloaded": (429, error("x", code="1305"), "overloaded"),
        "unsafe": (400, error("x", code="1301"), "content_policy"),
        "no such model": (400, error("x", code="1211"), "not_found"),
        "too long": (400, error("x", code="1261"), "context_window"),
    },
    "moonshot": {
        "overloaded": (429, error("x", type="engine_overloaded_error"), "overloaded"),
        "no balance": (403, error("x", type="exceeded_current_quota_error"), "quota_exhausted"),
        "rate": (429, error("x", type="rate_limit_reached_error"), "rate_limit"),
        "too long": (400, error("Your request exceeded model token limit: 8192"), "context_window"),
        "a wrong key": (401, error("x", type="invalid_authentication_error"), "auth"),
    },
    "qwen": {
        "arrears": (400, error("Access denied.", code="Arrearage"), "quota_exhausted"),
        "unsafe": (400, error("x", code="data_inspection_failed"), "content_policy"),
        "rate": (429, error("x", code="Throttling.RateQuota"), "rate_limit"),
        "the free quota": (403, error("x", code="AllocationQuota.FreeTierOnly"), "quota_exhausted"),
        "too long": (400, error("Range of input length should be [1, 9]"), "context_window"),
        "no such model": (404, error("x", code="model_not_found"), "not_found"),
    },
    "azure": {
        "busy": (429, error("The system is experiencing high demand.", code="429"), "overloaded"),
        "no role": (401, error("x", code="PermissionDenied"), "permission"),
        "its rate": (429, error("exceeded call rate limit of your pricing tier", code="429"), "rate_limit"),
    },
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(("provider", "name"), [(provider, name) for provider, rows in ROWS.items() for name in rows])
def test_what_a_provider_says(provider: str, name: str, *, known: bool) -> None:
    status, body, expected, *headers = ROWS[provider][name]
    found = classify_response(status, headers[0] if headers else {}, body, provider=provider if known else None)
    assert found.error_class == expected, found


def test_every_provider_with_rules_has_its_rows() -> None:
    assert {*providers.PROVIDERS} - {*ROWS} == {"openai", "anthropic"}  # these have a file of their own


@pytest.mark.parametrize("message", ["x" * 5000 + " context_length_exceeded", "", "\x00"])
def test_words_that_say_nothing_leave_it_to_the_status(message: str) -> None:
    assert classify_response(400, {}, error(message)).error_class == "invalid_request"


LIES = {
    "a limit of the minute that sells a larger one": (
        429,
        "Rate limit reached on requests per minute. Please try again in 20s. Add a payment method to raise your limit.",
        "rate_limit",
    ),
    "a tool's schema": (400, "tools.0: for 'array' type, property 'maxItems' is not supported", "invalid_request"),
    "an unknown model in words of support": (400, "Model x is not supported. Supported models are a, b", "not_found"),
    "another server's status": (
        400,
        "Error while downloading the image. Upstream status code: 403.",
        "invalid_request",
    ),
    "output, not input": (
        400,
        "max_tokens: 9 > 8, which is the maximum allowed number of output tokens",
        "invalid_request",
    ),
    "tokens, but of a minute": (429, "Too many tokens per minute, please wait before trying again", "rate_limit"),
    "a lost reference is no lost model": (404, "Item with id 'msg_1' not found.", "invalid_request"),
    "nor is another provider's reasoning": (404, "Item with id 'rs_1' not found.", "unsupported"),
    "a burst of the day's rolling limit": (
        429,
        "Rate limit reached on requests per day (RPD). Please try again in 8.64s.",
        "rate_limit",
    ),
    "a parameter that only others have": (422, "Extra inputs are not permitted", "unsupported"),
    "a minute that lasts for days": (429, "Rate limit reached on TPM. Please try again in 114h2m.", "quota_exhausted"),
}


@pytest.mark.parametrize("name", LIES)
def test_words_that_lie_are_guarded_against(name: str) -> None:
    status, message, expected = LIES[name]
    assert classify_response(status, {}, error(message)).error_class == expected


def test_a_providers_numbers_say_nothing_elsewhere() -> None:
    body = error("x", code="1113")
    assert classify_response(429, {}, body, provider="zhipu").error_class == "quota_exhausted"
    assert classify_response(429, {}, body, provider="groq").error_class == "rate_limit"


@pytest.mark.parametrize(
    ("called", "name"),
    [("Together_AI", "together"), ("vertex-ai", "vertex"), ("Hosted vLLM", "vllm"), ("nobody", None), (None, None)],
)
def test_a_provider_has_one_name(called: str | None, name: str | None) -> None:
    assert providers.canonical(called) == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.groq.com", "groq"),
        ("eu.api.openai.com:443", "openai"),
        ("me.openai.azure.com", "azure"),
        ("us-central1-aiplatform.googleapis.com", "vertex"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        ("api.x.ai", "xai"),
        ("max.ai", None),
        ("localhost:8000", None),
        ("", None),
    ],
)
def test_a_host_gives_its_provider_away(host: str, name: str | None) -> None:
    assert providers.of_host(host) == name


def test_a_header_does_too() -> None:
    found = classify_response(429, {"x-groq-region": "dls"}, error("x", code="1113"))
    assert (found.provider, found.error_class) == ("groq", "rate_limit")


def test_the_caller_names_the_provider_of_an_exception() -> None:
    class Refused(Exception):
        status_code = 429
        body = error("x", code="1113")

    assert classify(Refused(), provider="zai").error_class == "quota_exhausted"
    assert classify(Refused(), provider="groq").error_class == "rate_limit"


LONGEST = 45
"""Characters of a piece: a provider's term, not its sentence."""


@pytest.mark.parametrize("provider", [None, *providers.PROVIDERS])
def test_no_rule_quotes_a_message(provider: str | None) -> None:
    for one in table_of(provider).rules:
        for term in (*one.says, *one.unless):
            assert max(map(len, term.pieces)) <= LONGEST, term
            assert all(piece == piece.lower() for piece in term.pieces), term
        assert all(code == code.lower() for code in one.codes)
        assert one.codes or one.says or one.check or one.headers
