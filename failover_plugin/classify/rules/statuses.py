"""What an HTTP status says by itself: much where it is rare, little where everything shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping

TELLING: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTH,
    402: ErrorClass.QUOTA_EXHAUSTED,
    405: ErrorClass.NOT_FOUND,
    407: ErrorClass.NETWORK,  # a proxy of our own wants a password; neither the provider nor the request is wrong
    408: ErrorClass.TIMEOUT,
    410: ErrorClass.NOT_FOUND,  # gone: a retired model
    414: ErrorClass.PAYLOAD_TOO_LARGE,
    415: ErrorClass.UNSUPPORTED,  # a media type that this target does not take
    425: ErrorClass.SERVER_ERROR,  # too early: about the connection, not the request
    431: ErrorClass.PAYLOAD_TOO_LARGE,
    451: ErrorClass.PERMISSION,  # unavailable for legal reasons: here, not everywhere
    498: ErrorClass.OVERLOADED,  # Groq's: out of flexible capacity
    499: ErrorClass.TIMEOUT,  # somebody in between gave up waiting; had it been us, we would not see it
    504: ErrorClass.TIMEOUT,
    522: ErrorClass.TIMEOUT,  # the edge waited for the origin in vain; the same again would wait again
    524: ErrorClass.TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
"""One meaning each: no words change it."""

SHARED: Final[Mapping[int, ErrorClass]] = {
    403: ErrorClass.PERMISSION,
    404: ErrorClass.NOT_FOUND,
    409: ErrorClass.SERVER_ERROR,  # a lock the provider failed to get; the SDKs repeat it
    413: ErrorClass.PAYLOAD_TOO_LARGE,
    424: ErrorClass.SERVER_ERROR,  # something behind the provider failed
    429: ErrorClass.RATE_LIMIT,
    503: ErrorClass.OVERLOADED,
}
"""What they mean where no word says otherwise. Any other 4xx is the caller's, any other 5xx the server's (RFC 9110
§15).
"""


OF_THE_REQUEST: Final = frozenset((405, 409))
"""What was asked for is not there for this method, or is in use: another request may well be answered."""


def shared(status: int) -> ErrorClass:
    """What an error status means where no word says otherwise."""
    other = ErrorClass.INVALID_REQUEST if status < 500 else ErrorClass.SERVER_ERROR
    return SHARED.get(status, other)
