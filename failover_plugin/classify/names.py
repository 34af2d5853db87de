"""What the class of an exception says by itself, by name, so that no library has to be imported to know it.

A key is ``package.Class``, or ``*.Class`` where the name means the same in every library that has it (generated SDKs
share their layout, and httpx lives on under other names). The inheritance line is searched from the most derived class
up, so urllib3's NewConnectionError is a network error although it derives from a timeout.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CANCELLED: Final[Mapping[str, ErrorClass]] = dict.fromkeys(
    (
        "asyncio.CancelledError",
        "concurrent.CancelledError",
        "builtins.GeneratorExit",
        "builtins.KeyboardInterrupt",
        "builtins.SystemExit",
        "trio.Cancelled",
        "langgraph.GraphBubbleUp",
    ),
    ErrorClass.CANCELLED,
)
"""The caller left, or the graph around the model takes over."""

UNPARSED: Final[Mapping[str, ErrorClass]] = dict.fromkeys(
    ("langchain_core.OutputParserException", "pydantic_core.ValidationError", "pydantic.ValidationError"),
    ErrorClass.UNKNOWN,
)
"""The provider has answered, and the answer does not fit what its caller wants of it: somebody else's may."""

_TIMEOUT: Final = (
    "builtins.TimeoutError",
    "aiohttp.ServerTimeoutError",
    "botocore.ConnectTimeoutError",
    "botocore.ReadTimeoutError",
    "litellm.Timeout",
    "requests.Timeout",
    "urllib3.TimeoutError",
    "*.APITimeoutError",
    "*.ConnectTimeout",
    "*.PoolTimeout",
    "*.ReadTimeout",
    "*.TimeoutException",
    "*.WriteTimeout",
)

_NETWORK: Final = (
    "builtins.ConnectionError",
    "socket.gaierror",
    "socket.herror",
    "ssl.SSLError",
    "asyncio.IncompleteReadError",
    "http.BadStatusLine",
    "http.IncompleteRead",
    "aiohttp.ClientConnectionError",
    "aiohttp.ClientPayloadError",
    "anyio.BrokenResourceError",
    "anyio.EndOfStream",
    "botocore.ConnectionClosedError",
    "botocore.ConnectionError",
    "botocore.ResponseStreamingError",
    "h2.ProtocolError",
    "httpcore.ProxyError",
    "httpx.ProxyError",
    "httpx2.ProxyError",
    "requests.ChunkedEncodingError",
    "requests.ConnectionError",
    "urllib3.NewConnectionError",
    "urllib3.ProtocolError",
    "urllib3.ProxyError",
    "urllib3.SSLError",
    "*.APIConnectionError",
    "*.NetworkError",
    "*.RemoteProtocolError",
)

TELLING: Final[Mapping[str, ErrorClass]] = {
    **dict.fromkeys(_TIMEOUT, ErrorClass.TIMEOUT),
    **dict.fromkeys(_NETWORK, ErrorClass.NETWORK),
    "failover_plugin.AnswerFailed": ErrorClass.SERVER_ERROR,
    "failover_plugin.EmptyResponse": ErrorClass.EMPTY_RESPONSE,
    "failover_plugin.StreamInterrupted": ErrorClass.STREAM_INTERRUPTED,
    "google.GoogleAuthError": ErrorClass.AUTH,
    "google.TransportError": ErrorClass.NETWORK,
    "huggingface_hub.OverloadedError": ErrorClass.OVERLOADED,
    "langchain_core.ContextOverflowError": ErrorClass.CONTEXT_WINDOW,
    "langchain_openai.OpenAIRefusalError": ErrorClass.CONTENT_POLICY,
    "litellm.BlockedPiiEntityError": ErrorClass.CONTENT_POLICY,
    "litellm.BudgetExceededError": ErrorClass.QUOTA_EXHAUSTED,
    "litellm.ContentPolicyViolationError": ErrorClass.CONTENT_POLICY,
    "litellm.ContextWindowExceededError": ErrorClass.CONTEXT_WINDOW,
    "litellm.GuardrailRaisedException": ErrorClass.CONTENT_POLICY,
    "litellm.PaymentRequiredError": ErrorClass.QUOTA_EXHAUSTED,
    "litellm.RejectedRequestError": ErrorClass.CONTENT_POLICY,
    "litellm.UnsupportedParamsError": ErrorClass.UNSUPPORTED,
    "openai.ContentFilterFinishReasonError": ErrorClass.CONTENT_POLICY,
}
"""Names that say more than the HTTP status does."""

LAST: Final[Mapping[str, ErrorClass]] = {
    "aiohttp.ContentTypeError": ErrorClass.SERVER_ERROR,
    "httpx2.SSEError": ErrorClass.SERVER_ERROR,
    "huggingface_hub.TextGenerationError": ErrorClass.SERVER_ERROR,
    "json.JSONDecodeError": ErrorClass.SERVER_ERROR,
    "ollama.ResponseError": ErrorClass.SERVER_ERROR,
    "botocore.EventStreamError": ErrorClass.SERVER_ERROR,
    "botocore.HTTPClientError": ErrorClass.NETWORK,
    "pydantic_core.Unmarshaller": ErrorClass.SERVER_ERROR,
    "langchain_core.ModelAPIError": ErrorClass.SERVER_ERROR,
    "langchain_core.ModelAuthenticationError": ErrorClass.AUTH,
    "langchain_core.ModelConnectionError": ErrorClass.NETWORK,
    "langchain_core.ModelInvalidRequestError": ErrorClass.INVALID_REQUEST,
    "langchain_core.ModelNotFoundError": ErrorClass.NOT_FOUND,
    "langchain_core.ModelPermissionDeniedError": ErrorClass.PERMISSION,
    "langchain_core.ModelRateLimitError": ErrorClass.RATE_LIMIT,
    "langchain_core.ModelTimeoutError": ErrorClass.TIMEOUT,
    "urllib3.MaxRetryError": ErrorClass.NETWORK,
    "*.APIResponseValidationError": ErrorClass.SERVER_ERROR,
    "*.ResponseValidationError": ErrorClass.SERVER_ERROR,
    **dict.fromkeys(
        (
            "anthropic.APIError",
            "fireworks.APIError",
            "groq.APIError",
            "openai.APIError",
            "perplexity.APIError",
            "httpx.DecodingError",
            "httpx2.DecodingError",
        ),
        ErrorClass.SERVER_ERROR,
    ),
}
"""Names that count only when nothing else spoke, neither this exception nor one beneath it.

An SDK's bare APIError is an error inside a stream with a code nobody knows; JSON that does not parse is a broken
answer.
"""

STATUS_INVENTED: Final[Mapping[str, ErrorClass]] = {
    "litellm.APIConnectionError": ErrorClass.NETWORK,
    "litellm.MidStreamFallbackError": ErrorClass.STREAM_INTERRUPTED,
}
"""Names that count before their own HTTP status, which nobody sent."""

_UNREACHABLE: Final = frozenset(
    (errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETRESET)
)


def find(
    names: Iterable[str], table: Mapping[str, ErrorClass], *, exact: bool = False
) -> tuple[ErrorClass, str] | None:
    """What the most derived known name means, and that name as ``package.Class``.

    ``exact`` is for exceptions that stand for others: they bear names that they do not always deserve, so only an entry
    that names their package counts.
    """
    for name in names:
        meaning = table.get(name) or (None if exact else table.get(f"*.{name.partition('.')[2]}"))
        if meaning is not None:
            return meaning, name
    return None


def unreachable(number: int | None) -> bool:
    """Whether an operating system's error number says that no way leads there."""
    return number in _UNREACHABLE
