"""What clients raise, deed by deed: the SDKs' real exceptions, made of the bodies that the providers document."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from failover_plugin.emulator.catalogue import documented

from .world import Deed

STRICT = (
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "temperature: range: 0..1",
    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for this model",
    "Invalid schema for response_format: 'minLength' is not permitted.",
    "Error while downloading https://example.com/a.png: the URL could not be fetched",
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "messages.1.content.0: Invalid `signature` in `thinking` block",
)
"""What only one provider minds, each in its own words: a 400 that another one may well answer."""

_STATUS = {"permission_denied": 403, "model_not_found": 404, "unsupported": 400, "context_length": 400}


def said(provider: str, deed: Deed) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of a refusal."""
    if deed.does in ("strict", "unexplained"):
        words = STRICT[int(deed.seconds) % len(STRICT)] if deed.does == "strict" else "Bad request"
        kind = {"type": "invalid_request_error", "message": words}
        return 400, {"type": "error", "error": kind} if provider == "anthropic" else {"error": kind}, {}
    if deed.does == "payload_too_large" and provider != "anthropic":
        return 413, {"error": {"message": "Request Entity Too Large", "type": "invalid_request_error"}}, {}
    name = "rate_limit" if deed.does == "named" else deed.does
    entry = documented(name, provider, "anthropic" if provider == "anthropic" else "openai")
    headers = {name: value for name, value in entry.headers.items() if name != "retry-after"}
    if deed.does == "named":
        headers["retry-after"] = f"{deed.seconds:g}"
    return entry.status, entry.body, headers


def raised(provider: str, deed: Deed) -> Exception:
    """The exception with which a client reports this deed."""
    if make := _HERE.get(deed.does):
        return make(provider)
    status, body, headers = said(provider, deed)
    if provider == "bedrock":
        return _of_amazon(status, body, headers)
    import httpx2

    request = httpx2.Request("POST", f"https://{provider}.example/v1/chat")
    content = json.dumps(body).encode() if not isinstance(body, str) else body.encode()
    response = httpx2.Response(status, headers=headers, content=content, request=request)
    error: Exception = _client(provider)._make_status_error_from_response(response)
    return error


def _of_amazon(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Exception:
    from botocore.exceptions import ClientError

    code = headers.get("x-amzn-errortype", "ValidationException").partition(":")[0]
    told: Any = {"Error": {"Code": code, "Message": body["message"]}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "Converse")


def _sdk(provider: str) -> Any:
    import anthropic
    import openai

    return anthropic if provider == "anthropic" else openai


@cache
def _client(provider: str) -> Any:
    sdk = _sdk(provider)
    return sdk.Anthropic(api_key="none") if provider == "anthropic" else sdk.OpenAI(api_key="none")


def _not_connected(provider: str, cause: Exception) -> Exception:
    """What the SDKs make of anything that goes wrong below them."""
    import httpx2

    if provider == "bedrock":
        from botocore.exceptions import EndpointConnectionError

        return EndpointConnectionError(endpoint_url="https://bedrock.example", error=cause)
    request = httpx2.Request("POST", f"https://{provider}.example/v1/chat")
    error: Exception = _sdk(provider).APIConnectionError(request=request)
    error.__cause__ = cause
    return error


def timed_out(provider: str) -> Exception:
    """The client's own limit was reached."""
    import httpx2

    if provider == "bedrock":
        from botocore.exceptions import ReadTimeoutError

        return ReadTimeoutError(endpoint_url="https://bedrock.example")
    error: Exception = _sdk(provider).APITimeoutError(httpx2.Request("POST", f"https://{provider}.example/v1/chat"))
    return error


def broken_off(_provider: str) -> Exception:
    """The connection closed in mid-answer."""
    import httpx2

    return httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


def _httpx(name: str, words: str) -> Callable[[str], Exception]:
    def make(provider: str) -> Exception:
        import httpx2

        return _not_connected(provider, getattr(httpx2, name)(words))

    return make


_HERE: dict[str, Callable[[str], Exception]] = {
    "reset": _httpx("ReadError", "[Errno 104] Connection reset by peer"),
    "refused": _httpx("ConnectError", "[Errno 111] Connection refused"),
    "offline": _httpx("ConnectError", "[Errno -3] Temporary failure in name resolution"),
    "pool_timeout": _httpx("PoolTimeout", ""),
    "too_many_files": lambda provider: _not_connected(provider, OSError(errno.EMFILE, "Too many open files")),
    "no_memory": lambda _: MemoryError(),
    "no_thread": lambda _: RuntimeError("can't start new thread"),
    "loop_closed": lambda provider: _not_connected(provider, RuntimeError("Event loop is closed")),
    "other_loop": lambda _: RuntimeError("Task got Future <Future pending> attached to a different loop"),
    "type_error": lambda _: TypeError("Completions.create() got an unexpected keyword argument 'foo'"),
    "value_error": lambda _: ValueError("Unexpected message type: 'robot'. Use one of 'human', 'ai', or 'system'."),
    "key_error": lambda _: KeyError("role"),
}
