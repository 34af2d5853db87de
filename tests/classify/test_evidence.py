"""What an exception knows beside its own words: who answered, the answer it hides, and the one it only stands for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from failover_plugin.classify import classify

REQUEST = httpx.Request("POST", "https://api.groq.com/openai/v1/chat/completions")


class Answered(Exception):
    """What any SDK might raise."""

    def __init__(self, status: int = 500, **more: object) -> None:
        super().__init__(f"status {status}")
        self.status_code = status
        vars(self).update(more)


def of_package(package: str, base: type[Exception] = Answered) -> Any:
    """An exception class of a package that is not imported."""
    return type("SomeError", (base,), {"__module__": f"{package}.errors"})


WHO = {
    "the response's request": (Answered(response=httpx.Response(500, request=REQUEST)), "groq"),
    "the exception's request": (Answered(request=REQUEST), "groq"),
    "a URL that is text": (Answered(request=SimpleNamespace(url="https://u:p@api.mistral.ai:443/v1?x")), "mistral"),
    "aiohttp's request": (
        Answered(request_info=SimpleNamespace(url=httpx.URL("https://openrouter.ai/x"))),
        "openrouter",
    ),
    "what LiteLLM says": (Answered(llm_provider="together_ai"), "together"),
    "a header of one provider's": (Answered(headers={"X-Amzn-RequestId": "1"}), "bedrock"),
    "whose SDK it is": (of_package("cohere")(), "cohere"),
    "whose LangChain package it is": (of_package("langchain_google_genai")(), "gemini"),
    "nobody": (Answered(request=SimpleNamespace(url="http://127.0.0.1:8000/v1")), None),
    "an SDK that speaks to many": (of_package("openai")(), None),
    "a host that LiteLLM makes up": (of_package("litellm")(request=REQUEST), None),
}


@pytest.mark.parametrize(("error", "provider"), WHO.values(), ids=WHO)
def test_who_answered(error: Exception, provider: str | None) -> None:
    assert classify(error).provider == provider


LIMITED = Answered(429, response=httpx.Response(429, headers={"retry-after": "3"}, request=REQUEST))


def raised(error: Exception, over: Exception, cause: Exception | None) -> Exception:
    """``error``, raised from ``cause`` while ``over`` is handled."""

    def fail() -> NoReturn:
        try:
            raise over
        except type(over):
            raise error from cause

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value


def test_an_sdk_that_raises_from_none_still_holds_the_answer() -> None:
    """Ollama's does, and NVIDIA's package: what they raise has no headers."""
    hiding = raised(of_package("ollama")(429), LIMITED, None)
    assert classify(hiding).retry_after == 3.0


def test_what_anybody_else_raises_from_none_has_nothing_to_do_with_it() -> None:
    assert classify(raised(of_package("cache")(429), LIMITED, None)).retry_after is None


def test_what_is_raised_from_an_error_hides_no_other() -> None:
    own = raised(of_package("ollama")(503), LIMITED, of_package("ollama")(503))
    assert classify(own).error_class == "overloaded"
    assert classify(own).retry_after is None


def test_an_error_without_an_answer_gives_way_to_the_one_it_was_raised_from() -> None:
    """LangChain's wrappers quote a code, and do not carry the time to wait."""
    wrapper = of_package("langchain_google_genai", Exception)("Error calling model: {'code': 'insufficient_quota'}")
    found = classify(raised(wrapper, LIMITED, LIMITED))
    assert (found.error_class, found.status, found.retry_after) == ("rate_limit", 429, 3.0)


def in_package(package: str, error: Exception) -> Exception:
    """An error of Python's own, raised by the code of a package."""
    place: dict[str, Any] = {"__name__": f"{package}.chat_models"}
    exec("def fail(error): raise error", place)
    fail: Callable[[Exception], NoReturn] = place["fail"]
    with pytest.raises(type(error)) as caught:
        fail(error)
    return caught.value


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("server_is_overloaded: Busy.", "overloaded"),
        ("ResponseError(code='rate_limit_exceeded', message='Slow.')", "rate_limit"),
    ],
)
def test_the_words_of_a_bare_error_count_if_an_sdk_raised_it(said: str, expected: str) -> None:
    assert classify(in_package("langchain_openai", ValueError(said))).error_class == expected
    assert classify(in_package("application", ValueError(said))).error_class == "unknown"


def test_an_sdk_that_stumbles_says_nothing_about_the_provider() -> None:
    stumbled = in_package("google", TypeError("'<=' not supported between instances of 'int' and 'str'"))
    assert classify(stumbled).error_class == "unknown"


def test_an_answer_that_a_generated_sdk_cannot_read_is_the_providers_failure() -> None:
    with pytest.raises(ValidationError) as callers:
        TypeAdapter(int).validate_python({"error": {"code": "server_is_overloaded"}})
    errors = callers.value.errors()
    sdks = ValidationError.from_exception_data("Unmarshaller", [{**errors[0], "type": "int_type"}])  # type: ignore[typeddict-item]
    assert classify(sdks).error_class == "overloaded"
    assert classify(callers.value).scope == "request"


class Loud:
    """Fails a test that spells it out."""

    spelt = 0

    def __repr__(self) -> str:
        Loud.spelt += 1
        return "loud"


@pytest.mark.parametrize(
    "error", [Exception(Loud()), Exception({"error": Loud()}, 2), KeyError(Loud()), OSError(Loud())]
)
def test_what_an_exception_holds_is_not_spelt_out(error: Exception) -> None:
    """Python would: half a second for 50 MB."""
    classify(error)
    assert Loud.spelt == 0
