"""The provider's answer in an exception: its status, its headers, its body, and who gave it.

Why in so many places: each SDK keeps the answer its own way. The response's own bytes come first, because some SDKs
keep only a part of the body (OpenAI's drops all but the inner ``error``). Nothing here performs I/O: a body counts only
if it has already been read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from failover_plugin.classify.links import TRANSLATOR, class_names, hidden, raised_in
from failover_plugin.classify.providers import canonical, of_host, of_package
from failover_plugin.classify.strangers import attribute, held, held_arguments, item, lowered, text
from failover_plugin.classify.texts import MAX_BODY

_CONTENT: Final = ("_content", "_body", "content", "text")

_SIGNATURES: Final[Mapping[str, str]] = {
    "anthropic-organization-id": "anthropic",
    "anthropic-ratelimit-requests-limit": "anthropic",
    "mistral-correlation-id": "mistral",
    "nvcf-reqid": "nvidia",
    "openai-organization": "openai",
    "openai-processing-ms": "openai",
    "x-amzn-errortype": "bedrock",
    "x-amzn-requestid": "bedrock",
    "x-groq-region": "groq",
    "x-ms-deployment-name": "azure",
    "x-ms-region": "azure",
}
"""Headers that one provider alone sends."""

_UNMARSHALLER: Final = "Unmarshaller"
"""The title of pydantic's error when a generated SDK (Mistral's, OpenRouter's) cannot read an answer."""


def response_of(error: BaseException) -> object:
    """What an exception keeps as the response: its own, or that of the error it was raised in place of."""
    for name in ("response", "raw_response"):
        response = attribute(error, name)
        if response is not None:
            return response
    return attribute(hidden(error), "response")


def status_of(error: BaseException, response: object) -> int | None:
    """The HTTP status, 200 included; None if there was no answer."""
    return next(filter(None, map(as_status, _statuses(error, response))), None)


def _statuses(error: BaseException, response: object) -> Iterator[object]:
    yield attribute(error, "status_code")
    yield attribute(error, "status")
    yield attribute(error, "code")
    yield attribute(response, "status_code")
    yield attribute(response, "status")
    yield item(item(response, "ResponseMetadata"), "HTTPStatusCode")


def as_status(value: object) -> int | None:
    """An HTTP status that is a number, or three digits."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return int(value) if isinstance(value, int) and 100 <= value <= 599 else None


def headers_of(error: BaseException, response: object) -> dict[str, str]:
    """What the provider sent. LiteLLM rebuilds ``response`` without headers and keeps the real ones aside."""
    sources = (
        attribute(error, "litellm_response_headers"),
        attribute(error, "headers"),
        attribute(response, "headers"),
        item(item(response, "ResponseMetadata"), "HTTPHeaders"),
    )
    found: dict[str, str] = {}
    for source in sources:
        if source is not None:
            found = lowered(source) | found
    return found


def body_of(error: BaseException, response: object, status: int | None) -> object:
    """The richest body at hand, parsed or not; None if there is none."""
    wire = next(filter(None, map(_as_text, map(held(response).get, _CONTENT))), None)
    if wire is not None and len(wire) <= MAX_BODY and (status or 0) >= 400:
        return wire
    kept = [attribute(error, "body"), attribute(error, "details"), next(iter(held_arguments(error)), None), response]
    parsed = next((value for value in kept if _is_parsed(value)), None)
    if parsed is not None:
        return parsed
    return _unreadable(error) or _as_text(kept[0]) or wire


def _as_text(value: object) -> str | bytes | bytearray | None:
    return value if isinstance(value, str | bytes | bytearray) and value else None


def _is_parsed(value: object) -> bool:
    return isinstance(value, Mapping | list) and bool(cast("object", value))


def provider_of(error: BaseException, response: object, headers: Mapping[str, str]) -> str | None:
    """Who answered, by its one name: what LiteLLM says, the host that was asked, a header, or whose SDK it is."""
    package = class_names(error)[0].partition(".")[0]
    asked = None if package == TRANSLATOR else _host(error, response)
    return (
        canonical(text(attribute(error, "llm_provider")) or None)
        or (of_host(asked) if asked else None)
        or signed(headers)
        or of_package(package)
        or (of_package(raised_in(error)) if package == "builtins" else None)
    )


def signed(headers: Mapping[str, str]) -> str | None:
    """Whom a header of its own gives away."""
    return next((provider for name, provider in _SIGNATURES.items() if name in headers), None)


def _host(error: BaseException, response: object) -> str | None:
    """The host that was asked. LiteLLM names one that never was."""
    for owner in (attribute(response, "request"), attribute(error, "request"), attribute(error, "request_info")):
        url = attribute(owner, "url")
        if url is not None:
            return text(attribute(url, "host")) or _between(text(url, 300))
    return None


def _between(url: str) -> str | None:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or None


def is_unreadable(error: BaseException) -> bool:
    """Whether an SDK, not its caller, could make nothing of an answer."""
    return attribute(error, "title") == _UNMARSHALLER


def _unreadable(error: BaseException) -> object:
    """The answer that an SDK could not read, as pydantic keeps it."""
    errors = attribute(error, "errors")
    if not is_unreadable(error) or not callable(errors):
        return None
    faults = errors(include_url=False, include_context=False)
    found = item(cast("list[object]", faults)[0], "input") if isinstance(faults, list) and faults else None
    return found if _is_parsed(found) else None
