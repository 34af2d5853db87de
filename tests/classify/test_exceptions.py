"""What exceptions mean: those of HTTP clients, the system and the event loop; alone, chained, grouped and hostile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from failover_plugin.classify import classify
from failover_plugin.errors import DeadlineExceeded, StreamInterrupted
from failover_plugin.model import ErrorClass, Scope

CLIENTS = {
    "httpx": {
        "timeout": ["ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"],
        "network": ["ConnectError", "ReadError", "WriteError", "CloseError", "RemoteProtocolError", "ProxyError"],
        "server_error": ["DecodingError"],
    },
    "httpx2": {
        "timeout": ["ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"],
        "network": ["ConnectError", "ReadError", "WriteError", "CloseError", "RemoteProtocolError", "ProxyError"],
        "server_error": ["DecodingError"],
    },
    "httpcore": {
        "timeout": ["ConnectTimeout", "ReadTimeout", "PoolTimeout"],
        "network": ["ConnectError", "ReadError", "RemoteProtocolError", "ProxyError"],
    },
    "h11": {"network": ["RemoteProtocolError"]},
    "aiohttp": {
        "timeout": ["ServerTimeoutError", "ConnectionTimeoutError", "SocketTimeoutError"],
        "network": [
            "ClientConnectionError",
            "ClientConnectionResetError",
            "ClientOSError",
            "ClientPayloadError",
            "ServerDisconnectedError",
        ],
    },
    "requests": {
        "timeout": ["Timeout", "ReadTimeout", "ConnectTimeout"],
        "network": ["ConnectionError"],
    },
    "requests.exceptions": {"network": ["SSLError", "ProxyError", "ChunkedEncodingError"]},
    "urllib3.exceptions": {"timeout": ["TimeoutError"], "network": ["ProtocolError", "SSLError"]},
}

RAISED = [
    (module, name, expected) for module, rows in CLIENTS.items() for expected, names in rows.items() for name in names
]


@pytest.mark.parametrize(("module", "name", "expected"), RAISED)
def test_http_clients(module: str, name: str, expected: str) -> None:
    error = getattr(import_module(module), name)("something about the connection")
    found = classify(error)
    assert found.error_class == expected
    assert found.message == "something about the connection"


def test_what_a_client_derives_a_name_from_matters_less_than_the_name() -> None:
    exceptions = import_module("urllib3.exceptions")
    refused = exceptions.NewConnectionError(None, "refused")
    assert isinstance(refused, exceptions.ConnectTimeoutError)
    assert classify(refused).error_class == "network"
    assert classify(exceptions.ReadTimeoutError(None, "/", "slow")).error_class == "timeout"
    assert classify(exceptions.MaxRetryError(None, "/")).error_class == "network"


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("EndpointConnectionError", {"endpoint_url": "x"}, "network"),
        ("ConnectionClosedError", {"endpoint_url": "x"}, "network"),
        ("SSLError", {"endpoint_url": "x", "error": "y"}, "network"),
        ("ReadTimeoutError", {"endpoint_url": "x"}, "timeout"),
        ("ConnectTimeoutError", {"endpoint_url": "x"}, "timeout"),
        ("HTTPClientError", {"error": "x"}, "network"),
    ],
)
def test_botocore(name: str, arguments: dict[str, str], expected: str) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    assert classify(getattr(exceptions, name)(**arguments)).error_class == expected


def test_botocore_says_its_status_and_headers_in_a_dict() -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    answer = {
        "Error": {"Code": "ThrottlingException", "Message": "Slow."},
        "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"Retry-After": "2"}},
    }
    found = classify(exceptions.ClientError(answer, "Converse"))
    assert (found.error_class, found.code, found.retry_after) == ("rate_limit", "ThrottlingException", 2.0)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), "timeout"),
        (concurrent.futures.TimeoutError(), "timeout"),
        (DeadlineExceeded("too late"), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "network"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "network"),
        (BrokenPipeError(), "network"),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "network"),
        (ssl.SSLError("handshake"), "network"),
        (ssl.SSLCertVerificationError("expired"), "network"),
        (OSError(errno.ENETUNREACH, "no way"), "network"),
        (OSError(errno.EHOSTUNREACH, "no way"), "network"),
        (http.client.RemoteDisconnected("gone"), "network"),
        (http.client.IncompleteRead(b"half"), "network"),
        (asyncio.IncompleteReadError(b"half", 9), "network"),
        (json.JSONDecodeError("broken", "{", 0), "server_error"),
        (StreamInterrupted("silent"), "stream_interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_standard_library_and_our_own(error: BaseException, expected: str) -> None:
    assert classify(error).error_class == expected


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        GeneratorExit(),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_caller_left(error: BaseException) -> None:
    error.__context__ = ConnectionResetError()
    assert classify(error).error_class == "cancelled"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ContextOverflowError", "context_window"),
        ("ModelRateLimitError", "rate_limit"),
        ("ModelAPIError", "server_error"),
        ("ModelTimeoutError", "timeout"),
        ("ModelConnectionError", "network"),
        ("ModelError", "unknown"),
    ],
)
def test_langchains_own_family_is_believed_last(name: str, expected: str) -> None:
    family = getattr(import_module("langchain_core.exceptions"), name)
    assert classify(family("x")).error_class == expected
    of_an_sdk = type("OfAnSdk", (Answered, family), {})
    fact = {"body": {"error": {"code": "insufficient_quota"}}}
    assert classify(of_an_sdk(429, **fact)).error_class == "quota_exhausted"


def test_strangers_who_bear_an_sdks_name_are_not_that_sdk() -> None:
    """A cache's AuthenticationError, raised inside a call, must not block a provider's key."""
    for name in ("AuthenticationError", "RateLimitError", "APIError"):
        assert classify(type(name, (Exception,), {"__module__": "cache.errors"})()).error_class == "unknown"


def test_a_graph_takes_over() -> None:
    errors = import_module("langgraph.errors")
    for error in (errors.GraphInterrupt(), errors.ParentCommand(SimpleNamespace()), errors.GraphBubbleUp()):
        assert classify(error).error_class == "cancelled"


def test_a_timeout_made_of_a_cancellation_is_a_timeout() -> None:
    error = TimeoutError()
    error.__cause__ = asyncio.CancelledError()
    assert classify(error).error_class == "timeout"


@pytest.mark.parametrize(
    "error",
    [
        TypeError("connection refused"),
        KeyError("rate_limit_error"),
        AttributeError("context_length_exceeded"),
        ValueError("the engine is currently overloaded"),
        RuntimeError("prompt is too long"),
        RuntimeError("{'error': {'code': 'insufficient_quota'}}"),
        RuntimeError('{"error": {"code": 429}}'),
        ZeroDivisionError(),
        FileNotFoundError(errno.ENOENT, "no such file"),
        Exception(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_programming_errors_stay_unknown_whatever_they_say(error: BaseException) -> None:
    found = classify(error)
    assert found.error_class == "unknown"
    name = f"builtins.{type(error).__name__}"
    mistaken = isinstance(error, TypeError | KeyError | ValueError)
    assert found.evidence == (f"how the call was made: {name}" if mistaken else f"nothing known about {name}")
    assert found.scope == ("request" if mistaken else "target")


def chained(raising: Callable[[], NoReturn], over: BaseException, *, explicitly: bool) -> BaseException:
    def handle() -> NoReturn:
        try:
            raise over
        except type(over):
            raising()

    with pytest.raises((KeyError, RuntimeError)) as caught:
        handle()
    if explicitly:
        caught.value.__cause__ = over
    return caught.value


def slip() -> NoReturn:
    raise KeyError("choices")


def wrap() -> NoReturn:
    raise RuntimeError("the call failed")


def test_what_lies_beneath_is_asked() -> None:
    assert classify(chained(wrap, ConnectionResetError(), explicitly=True)).error_class == "network"
    assert classify(chained(wrap, ConnectionResetError(), explicitly=False)).error_class == "network"


def test_a_slip_while_handling_an_error_is_not_that_error() -> None:
    assert classify(chained(slip, ConnectionResetError(), explicitly=False)).error_class == "unknown"
    assert classify(chained(slip, ConnectionResetError(), explicitly=True)).error_class == "network"


def test_suppressed_context_explains_nothing() -> None:
    error = chained(wrap, ConnectionResetError(), explicitly=False)
    error.__suppress_context__ = True
    assert classify(error).error_class == "unknown"


class Answered(Exception):
    """What any SDK might raise."""

    def __init__(self, status: int, **more: object) -> None:
        super().__init__(f"status {status}")
        self.status_code = status
        vars(self).update(more)


def test_an_answer_outweighs_the_error_that_was_handled_before() -> None:
    error = Answered(401)
    error.__context__ = TimeoutError()
    assert classify(error).error_class == "auth"


def test_the_wait_belongs_to_the_error_that_decided() -> None:
    limited = Answered(429, response=SimpleNamespace(headers={"Retry-After": "9"}))
    assert classify(chained(wrap, limited, explicitly=True)).retry_after == 9.0
    later = ConnectionResetError()
    later.__context__ = limited
    assert classify(later).retry_after is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"status_code": 429},
        {"status_code": "429"},
        {"status": 429},
        {"code": 429},
        {"code": "429"},
        {"response": SimpleNamespace(status_code=429)},
        {"response": SimpleNamespace(status=429)},
        {"body": {"error": {"status_code": 429, "message": "x"}}},
        {"response": {"ResponseMetadata": {"HTTPStatusCode": 429}}},
    ],
    ids=str,
)
def test_statuses_are_found_wherever_sdks_put_them(attributes: dict[str, object]) -> None:
    error = OSError()
    vars(error).update(attributes)
    assert classify(error).error_class == "rate_limit"


@pytest.mark.parametrize(
    "attributes",
    [
        {"headers": {"Retry-After": "3"}},
        {"headers": [("Retry-After", "3"), ("Retry-After", "9"), "junk", ("a", "b", "c")]},
        {"headers": {b"retry-after": b"3"}},
        {"headers": {"retry-after": 3}},
        {"response": SimpleNamespace(headers={"retry-after": "3"})},
        {"litellm_response_headers": {"retry-after": "3"}, "response": SimpleNamespace(headers={})},
        {"litellm_response_headers": {"retry-after": "3"}, "headers": {"retry-after": "9"}},
    ],
    ids=str,
)
def test_headers_are_found_wherever_sdks_put_them(attributes: dict[str, object]) -> None:
    assert classify(Answered(429, **attributes)).retry_after == 3.0


@pytest.mark.parametrize("headers", [None, 7, "retry-after: 3", object(), [None], {"retry-after": None}])
def test_headers_of_no_kind(headers: object) -> None:
    assert classify(Answered(429, headers=headers)).retry_after is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"body": {"error": {"code": "insufficient_quota"}}},
        {"body": {"code": "insufficient_quota"}},
        {"body": '{"error": {"code": "insufficient_quota"}}'},
        {"body": b'{"error": {"code": "insufficient_quota"}}'},
        {"code": "insufficient_quota"},
        {"type": "insufficient_quota"},
        {"error_code": "insufficient_quota"},
        {"message": "Error code: 429 - {'error': {'code': 'insufficient_quota'}}"},
        {"message": b"{'code': 'insufficient_quota'}"},
        {"response": SimpleNamespace(_content=b'{"error": {"code": "insufficient_quota"}}')},
        {"response": SimpleNamespace(text='{"error": {"code": "insufficient_quota"}}')},
    ],
    ids=str,
)
def test_codes_are_found_wherever_sdks_put_them(attributes: dict[str, object]) -> None:
    assert classify(Answered(429, **attributes)).code == "insufficient_quota"


def test_an_error_dict_raised_as_an_argument() -> None:
    body = {"message": "Nothing left.", "type": "insufficient_quota"}
    found = classify(ValueError(body))
    assert (found.error_class, found.message) == ("quota_exhausted", "Nothing left.")


class Unread:
    """A response whose body still lies in the socket."""

    status_code = 503
    _content = False

    @property
    def content(self) -> bytes:
        raise AssertionError("this would read the socket")

    text = content


def test_a_body_that_was_not_read_is_left_alone() -> None:
    error = OSError()
    error.response = Unread()  # type: ignore[attr-defined]
    assert classify(error).error_class == "overloaded"


def test_groups_are_opened() -> None:
    group = ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("x"), Answered(429)])
    assert classify(group).error_class == "rate_limit"


def test_chains_may_be_cyclic() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert classify(first).error_class == "unknown"
    itself = Answered(503)
    itself.original_exception = itself  # type: ignore[attr-defined]
    assert classify(itself).error_class == "overloaded"


def test_chains_may_be_endless() -> None:
    class Hydra(Exception):
        @property
        def original_exception(self) -> Hydra:
            return Hydra()

    assert classify(Hydra()).error_class == "unknown"


def test_the_evidence_is_the_class_that_decided() -> None:
    class Mine(ConnectionResetError):
        pass

    assert classify(Mine()).evidence == "builtins.ConnectionError"
    assert classify(import_module("httpx").ReadTimeout("x")).evidence == "httpx.ReadTimeout"
    assert classify(OSError(errno.ENETUNREACH, "x")).evidence == f"errno {errno.ENETUNREACH}"


class Hostile(Exception):
    """Every attribute raises, and so do words."""

    def __getattribute__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class HostileMapping(dict[str, object]):
    def get(self, *_: object) -> NoReturn:
        raise ZeroDivisionError


class HostileHeaders:
    def items(self) -> Iterator[tuple[str, str]]:
        yield "retry-after", "3"
        raise ZeroDivisionError


class HostileModule(Exception):
    pass


HostileModule.__module__ = None  # type: ignore[assignment]


class Falsy(Exception):
    def __bool__(self) -> NoReturn:
        raise ZeroDivisionError

    def __len__(self) -> NoReturn:
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", [Hostile, HostileModule, Falsy])
def test_classifying_never_raises(kind: type[Exception]) -> None:
    assert classify(kind()).error_class == "unknown"


@pytest.mark.parametrize(
    "attributes",
    [
        {"body": HostileMapping(error="x")},
        {"headers": HostileHeaders()},
        {"headers": SimpleNamespace(items=lambda: None)},
        {"message": object(), "code": object(), "type": 3, "body": object(), "response": object()},
    ],
    ids=["body", "header values", "headers", "everything"],
)
def test_what_cannot_be_read_is_missing_and_the_rest_counts(attributes: dict[str, object]) -> None:
    assert classify(Answered(429, **attributes)).error_class == "rate_limit"


def test_a_hostile_cause_does_not_hide_the_error_above() -> None:
    error = Answered(429)
    error.__cause__ = Hostile()
    assert classify(error).error_class == "rate_limit"
    late = import_module("langchain_core.exceptions").ModelRateLimitError("slow")
    late.__cause__ = Hostile()
    assert classify(late).error_class == "rate_limit"
    outer = RuntimeError()
    outer.__cause__ = Falsy()
    outer.__cause__.__cause__ = TimeoutError()
    assert classify(outer).error_class == "timeout"


def test_the_provider_is_handed_through() -> None:
    assert classify(Answered(500), provider="mine").provider == "mine"
    assert classify(Answered(500, llm_provider="together_ai")).provider == "together"
    assert classify(Answered(500)).provider is None


def test_an_answer_that_its_caller_cannot_parse_blames_nobody() -> None:
    from langchain_core.exceptions import OutputParserException
    from pydantic import TypeAdapter, ValidationError

    with pytest.raises(ValidationError) as unfit:
        TypeAdapter(int).validate_python("many")

    for error in (unfit.value, OutputParserException("not JSON")):
        diagnosis = classify(error)
        assert (diagnosis.error_class, diagnosis.scope) == (ErrorClass.UNKNOWN, Scope.REQUEST)
