"""The nouns: what a target is, what a request asks, what went wrong, and the record of how it went.

Everything here is frozen: a value that travels between threads, event loops and adapters must not change under anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from failover_plugin._html import table


def _no_text(value: object) -> object:
    if isinstance(value, bool | str):
        raise PydanticCustomError("number", "Input should be a number, not a text and not yes or no")
    return value


NUMBER = BeforeValidator(_no_text)
"""What a file means by ``yes`` or "3" is no number, though Python would take it for one."""

_Label = Annotated[str, Field(min_length=1)]
_Count = Annotated[int, Field(gt=0), NUMBER]
_Amount = Annotated[float, Field(gt=0, allow_inf_nan=False), NUMBER]

_CHECKED = ConfigDict(extra="forbid", revalidate_instances="always")


class ErrorClass(StrEnum):
    """What went wrong, in the words of the field; ``classify`` turns exceptions and responses into one of these."""

    RATE_LIMIT = "rate_limit"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONTEXT_WINDOW = "context_window"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    CONTENT_POLICY = "content_policy"
    UNSUPPORTED = "unsupported"
    INVALID_REQUEST = "invalid_request"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    NETWORK = "network"
    STREAM_INTERRUPTED = "stream_interrupted"
    EMPTY_RESPONSE = "empty_response"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Whose health an error speaks of. Targets that name the same credential or account share that scope's health."""

    REQUEST = "request"
    CREDENTIAL = "credential"
    ACCOUNT = "account"
    RATE = "rate"
    TARGET = "target"
    LOCAL = "local"
    """This process: its own way to the network is broken, which is evidence against nobody."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place that can answer: a model at a provider, reached with one credential.

    ``credential`` is a label or a fingerprint, never the secret itself. Targets that name the same ``credential`` or
    ``account`` share that scope's health; None is shared with nobody. ``endpoint`` is the base URL and, with ``model``
    and ``region`` (or location), what a server's failures are booked on. Tiers are asked in order, 0 first; within a
    tier the strategy chooses, and gives more calls at once to more ``weight``. ``cost`` is relative. ``rpm`` and
    ``tpm`` (requests and tokens per minute, shared by targets of one credential, model and region) and
    ``max_parallel`` (calls at once) are kept. ``context_window`` is in tokens. Empty ``capabilities`` mean that nothing
    is known, not that there are none.

    Values are checked, with a ``ConfigError``, when a ``Failover`` or a configuration file takes the target.
    """

    __pydantic_config__ = _CHECKED

    id: _Label
    _: KW_ONLY
    provider: _Label
    model: _Label
    credential: _Label | None = None
    account: _Label | None = None
    endpoint: _Label | None = None
    region: _Label | None = None
    tier: Annotated[int, Field(ge=0), NUMBER] = 0
    weight: _Amount = 1.0
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False), NUMBER] | None = None
    rpm: _Count | None = None
    tpm: _Count | None = None
    max_parallel: _Count | None = None
    context_window: _Count | None = None
    capabilities: frozenset[str] = frozenset()
    enabled: bool = True
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Facts about one request, without its payload.

    ``deadline`` is the whole time the caller grants, in seconds from the start, and overrides the policy's.
    ``input_tokens`` and ``output_tokens`` are estimates and keep the request from targets whose window they exceed.
    ``needs`` are capabilities a target must have, where its capabilities are known. A target is asked only if it
    carries all ``require_tags`` and none of ``forbid_tags``: a request never reaches a target that these exclude.
    ``affinity`` names what the request belongs to, such as a conversation: the strategy ``affinity`` keeps it at one
    target. ``model`` is the caller's name for the model; a policy's ``model_maps`` translate it.
    """

    __pydantic_config__ = _CHECKED

    model: str | None = None
    input_tokens: Annotated[int, Field(ge=0)] | None = None
    output_tokens: Annotated[int, Field(ge=0)] | None = None
    needs: frozenset[str] = frozenset()
    require_tags: frozenset[str] = frozenset()
    forbid_tags: frozenset[str] = frozenset()
    affinity: _Label | None = None
    deadline: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What an error was, whose fault it was, and why we think so.

    ``retry_after`` is in seconds, clamped to [0, 3600], or None where the provider named no time. ``message`` is
    redacted and capped. ``evidence`` names the rule that decided.
    """

    error_class: ErrorClass
    scope: Scope
    retry_after: float | None = None
    status: int | None = None
    code: str | None = None
    provider: str | None = None
    message: str = ""
    evidence: str = ""

    @property
    def title(self) -> str:
        """Class and status, in a word or two."""
        return f"{self.error_class} {self.status}" if self.status else str(self.error_class)

    def __str__(self) -> str:
        wait = f", retry after {self.retry_after:g} s" if self.retry_after is not None else ""
        message = f": {self.message}" if self.message else ""
        return f"{self.title}{wait}{message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was made. Times are in seconds; ``started`` counts from the start of the request.

    ``first_content`` is how long the first content took, for a stream. ``diagnosis`` is None for a success.
    """

    number: int
    target: str
    started: float
    duration: float
    first_content: float | None = None
    diagnosis: Diagnosis | None = None

    @property
    def ok(self) -> bool:
        """Whether this attempt answered the request."""
        return self.diagnosis is None

    def __str__(self) -> str:
        outcome = "ok" if self.diagnosis is None else str(self.diagnosis)
        return f"#{self.number} {self.target} at {self.started:.2f} s, {self.duration:.2f} s: {outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A target that was not asked, and why. ``returns_in`` is in seconds, None if it is not known or never."""

    target: str
    reason: str
    returns_in: float | None = None

    def __str__(self) -> str:
        back = f", back in {self.returns_in:.1f} s" if self.returns_in is not None else ""
        return f"   {self.target} not asked: {self.reason}{back}"


@dataclass(frozen=True, slots=True)
class Trail:
    """How a request went: each attempt and each target passed over with its reason, in order."""

    entries: tuple[Attempt | Skip, ...] = ()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The calls that were made, in order."""
        return tuple(e for e in self.entries if isinstance(e, Attempt))

    @property
    def skips(self) -> tuple[Skip, ...]:
        """The targets that were passed over, in order."""
        return tuple(e for e in self.entries if isinstance(e, Skip))

    @property
    def failed_over(self) -> bool:
        """Whether more than one target was asked."""
        return len({a.target for a in self.attempts}) > 1

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for logs and JSON."""
        attempts: list[dict[str, Any]] = []
        skips: list[dict[str, Any]] = []
        for entry in self.entries:
            (attempts if isinstance(entry, Attempt) else skips).append(_plain(entry))
        return {"attempts": attempts, "skips": skips}

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries)) or "nothing was asked"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's protocol
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = [_row(entry) for entry in self.entries]
        return table("Trail", ("#", "target", "started", "took", "outcome"), rows)


def _plain(entry: Attempt | Skip) -> dict[str, Any]:
    """As ``asdict``, which takes several times as long; adapters do this for every answer."""
    facts = {name: getattr(entry, name) for name in entry.__slots__}
    if isinstance(entry, Attempt) and entry.diagnosis:
        facts["diagnosis"] = asdict(entry.diagnosis)
    return facts


def _row(entry: Attempt | Skip) -> tuple[object, ...]:
    if isinstance(entry, Skip):
        return None, entry.target, None, None, str(entry).strip()
    outcome = "ok" if entry.diagnosis is None else entry.diagnosis
    return entry.number, entry.target, f"{entry.started:.2f} s", f"{entry.duration:.2f} s", outcome


Usage = Mapping[str, int]
"""Token counts as the provider reports them, by its own names."""
