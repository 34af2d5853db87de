"""One table says what each kind of failure means for health and for the next step; nobody else decides it.

Why a table: everything that follows a failure (whose health it is booked on, whether anybody waits, who is asked next)
hangs on its class alone, so it can be read, tested and printed in one piece. The README shows it, and a test keeps both
equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from failover_plugin.model import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping


class Hold(StrEnum):
    """What happens to the scope that is to blame.

    ``cool``: it rests until its Retry-After has passed, else for ``seconds`` if these are given. ``block``: it rests
    for ``seconds``, doubling up to an hour, and comes back with one probe. ``none``: the failure detector alone
    decides.
    """

    NONE = "none"
    COOL = "cool"
    BLOCK = "block"


class Route(StrEnum):
    """Who is asked next: any other target, only targets that may be able to (a larger window, the feature), one of
    another provider (or, if there is none, of another model), or nobody.
    """

    ANY = "any"
    CAPABLE = "capable"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one kind of failure means.

    ``weight`` is evidence for the failure detector: 1.0 a full failure, 0.0 none. ``seconds`` is how long a
    ``Hold.BLOCK`` lasts at first, and a ``Hold.COOL`` for which the provider names no time (None: 2 s, doubling).
    ``retry_same`` allows the same target once more when its tier has no other.
    """

    scope: Scope
    weight: float = 0.0
    hold: Hold = Hold.NONE
    seconds: float | None = None
    retry_same: bool = False
    route: Route = Route.ANY


VERDICTS: Mapping[ErrorClass, Verdict] = MappingProxyType(
    {
        ErrorClass.RATE_LIMIT: Verdict(scope=Scope.RATE, hold=Hold.COOL, retry_same=True),
        ErrorClass.QUOTA_EXHAUSTED: Verdict(scope=Scope.CREDENTIAL, hold=Hold.BLOCK, seconds=60.0),
        ErrorClass.AUTH: Verdict(scope=Scope.CREDENTIAL, hold=Hold.BLOCK, seconds=60.0),
        ErrorClass.PERMISSION: Verdict(scope=Scope.RATE, hold=Hold.BLOCK, seconds=60.0),
        ErrorClass.NOT_FOUND: Verdict(scope=Scope.TARGET, hold=Hold.BLOCK, seconds=600.0),
        ErrorClass.CONTEXT_WINDOW: Verdict(scope=Scope.REQUEST, route=Route.CAPABLE),
        ErrorClass.PAYLOAD_TOO_LARGE: Verdict(scope=Scope.REQUEST, route=Route.CAPABLE),
        ErrorClass.CONTENT_POLICY: Verdict(scope=Scope.REQUEST, route=Route.NONE),
        ErrorClass.UNSUPPORTED: Verdict(scope=Scope.REQUEST, route=Route.CAPABLE),
        ErrorClass.INVALID_REQUEST: Verdict(scope=Scope.REQUEST, route=Route.OTHER),
        ErrorClass.OVERLOADED: Verdict(scope=Scope.TARGET, weight=1.0, retry_same=True),
        ErrorClass.SERVER_ERROR: Verdict(scope=Scope.TARGET, weight=1.0, retry_same=True),
        ErrorClass.TIMEOUT: Verdict(scope=Scope.TARGET, weight=1.0),
        ErrorClass.NETWORK: Verdict(scope=Scope.TARGET, weight=1.0, retry_same=True),
        ErrorClass.STREAM_INTERRUPTED: Verdict(scope=Scope.TARGET, weight=1.0),
        ErrorClass.EMPTY_RESPONSE: Verdict(scope=Scope.TARGET, weight=1.0),
        ErrorClass.CANCELLED: Verdict(scope=Scope.REQUEST, route=Route.NONE),
        ErrorClass.UNKNOWN: Verdict(scope=Scope.TARGET, weight=0.5),
    }
)
"""Every error class has its row."""

MEANINGS: Mapping[ErrorClass, str] = MappingProxyType(
    {
        ErrorClass.RATE_LIMIT: "a limit that refills by itself within minutes",
        ErrorClass.QUOTA_EXHAUSTED: "no credits, or a cap of a day or a month: waiting is useless",
        ErrorClass.AUTH: "the key is missing, wrong or expired",
        ErrorClass.PERMISSION: "the key is valid and may not: region, role, organisation, data policy",
        ErrorClass.NOT_FOUND: "the model or deployment is missing or retired",
        ErrorClass.CONTEXT_WINDOW: "the prompt does not fit this model",
        ErrorClass.PAYLOAD_TOO_LARGE: "the request alone exceeds a size or a limit of the minute",
        ErrorClass.CONTENT_POLICY: "blocked by a safety system",
        ErrorClass.UNSUPPORTED: "the model lacks the feature: tools, images, a parameter, a format",
        ErrorClass.INVALID_REQUEST: "the caller's mistake, or what this provider is strict about",
        ErrorClass.OVERLOADED: "the provider is out of capacity",
        ErrorClass.SERVER_ERROR: "any other fault of the provider's, or a broken answer",
        ErrorClass.TIMEOUT: "too late: for the provider, for a deadline of ours or the client's",
        ErrorClass.NETWORK: "refused, reset, no such name, TLS",
        ErrorClass.STREAM_INTERRUPTED: "died or fell silent in mid-answer, or ended without a finish mark",
        ErrorClass.EMPTY_RESPONSE: "a success without any content where content was due",
        ErrorClass.CANCELLED: "the caller left",
        ErrorClass.UNKNOWN: "nothing matched",
    }
)
"""What each class says, in a line."""

FAULTS: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.REQUEST: "the request",
        Scope.CREDENTIAL: "the credential",
        Scope.ACCOUNT: "the account",
        Scope.RATE: "the credential with this model",
        Scope.TARGET: "the server: this model at this endpoint",
        Scope.LOCAL: "this process's own network",
    }
)
"""Who is to blame, and so on whom it is booked."""

_HEADER = ("error class", "means", "whose fault", "evidence", "rests", "same target again", "asked next")

_RESTS = {Hold.NONE: "no", Hold.COOL: "until Retry-After"}

_NEXT = {
    Route.ANY: "any other target",
    Route.CAPABLE: "targets that may be able to",
    Route.OTHER: "one of another provider or model",
    Route.NONE: "nobody: returned to the caller",
}


def verdict_table() -> str:
    """``VERDICTS`` as a Markdown table, one row per error class, without a final newline."""
    rows = [
        _HEADER,
        ("---",) * len(_HEADER),
        *(_row(error_class, verdict) for error_class, verdict in VERDICTS.items()),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(error_class: ErrorClass, verdict: Verdict) -> tuple[str, ...]:
    return (
        f"`{error_class}`",
        MEANINGS[error_class],
        FAULTS[verdict.scope],
        f"{verdict.weight:g}",
        _RESTS.get(verdict.hold) or f"{verdict.seconds:g} s, doubling to 1 h",
        "once" if verdict.retry_same else "no",
        _NEXT[verdict.route],
    )
