"""One request's way through a router: the permits behind its attempts, each continuing the one before.

LiteLLM owns the loop and asks for one deployment at a time, without saying what it asked before. A ``RouterRequest``
ties these questions together. It lives in a context variable, for LiteLLM makes all attempts of a request in one task,
or on one thread, its fallback groups included.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from typing import Any, TypeVar

from failover_litellm.host import mapping
from failover_plugin import Failover, Permit, Request

current: ContextVar[RouterRequest | None] = ContextVar("litellm_failover_request", default=None)
"""The request that this task has made last; ``RouterRequest.over`` says whether it is still under way."""

_TOKEN = "failover_request"  # noqa: S105 - a name, no secret
ATTEMPTS = "failover_attempts"
"""Where, in what LiteLLM keeps of a request, it stands how many calls have been made for it."""
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens")
_numbers = count(1)

T = TypeVar("T")


Choosing = Generator[dict[str, Any], Permit | None, T]
"""A choice: gives what is to be asked of ``Failover.acquire``, is sent the answer, and returns what was chosen. So it
is the same where a task waits for a place, where a thread does, and where nobody does.
"""


class RouterRequest:
    """The attempts of one request. Used by one task at a time, so it needs no lock."""

    __slots__ = (
        "_among",
        "_drop",
        "_errors",
        "_failover",
        "_last",
        "_metadata",
        "_number",
        "_owner",
        "_refusals",
        "_refused",
        "_refused_for",
        "_set_aside",
        "_trace",
        "calling",
        "limit",
        "offered",
        "open",
        "over",
        "to_be_called",
    )

    def __init__(self, failover: Failover, drop: Callable[[Permit], None]) -> None:
        """``drop`` gets the permit of a call that LiteLLM never made; it is called in a garbage collection."""
        self._failover = failover
        self._drop = drop
        self._owner = _here()
        self._number = next(_numbers)
        self._metadata: dict[str, Any] = {}
        self._trace: Any = None
        self._among: Collection[str] = ()
        self._last: Permit | None = None
        self._errors: list[Exception] = []
        self._refusals: list[Exception] = []
        self._refused_for: tuple[str | None, frozenset[str]] | None = None
        self._set_aside: set[str] = set()
        self._refused = 0
        self.open: Permit | None = None
        """The permit of the attempt under way, None between attempts."""
        self.offered: Mapping[str, Mapping[str, Any]] = {}
        """What LiteLLM offered at its latest question, by the ids of the targets."""
        self.to_be_called = False
        """Whether LiteLLM will make a call for it: to count tokens it asks for a deployment, too."""
        self.calling = False
        """Whether a call is being made: a callback of the user's may make another request meanwhile."""
        self.limit: float | None = None
        """Seconds that the caller allows each call, None if he did not say."""
        self.over = False
        """Whether it has been answered."""

    # -- which request is this? ---------------------------------------------------------------------------------------

    def sign(self, asked: Mapping[str, Any]) -> None:
        """Leave a mark in what LiteLLM hands on from attempt to attempt, by which ``continues`` knows the request."""
        metadata = routing_metadata(asked)
        self.to_be_called = bool(metadata)
        self._metadata = metadata
        metadata[_TOKEN] = self._number
        self._trace = asked.get("litellm_trace_id")

    def continues(self, asked: Mapping[str, Any], *, counts_late: bool) -> bool:
        """Whether this question is about the same request, under way.

        LiteLLM writes into the caller's own metadata, which may be used for the next request, or by several at once;
        so may a trace id. The task that asks tells these apart, and LiteLLM's count of retries, which starts anew with
        a request. (``counts_late``: at the first retry it has not been raised yet.)
        """
        if self.over or not self.mine:
            return False
        metadata = routing_metadata(asked)
        if metadata.get(_TOKEN) != self._number or asked.get("litellm_trace_id") != self._trace:
            return False
        first_retry = counts_late and len(self._errors) == 1 and bool(metadata.get("request_retry_count"))
        return not self._errors or _tried_before(metadata) or first_retry

    @property
    def mine(self) -> bool:
        """Whether it is this task's own, and not that of a task that began this one."""
        return self._owner == _here()

    # -- its attempts -------------------------------------------------------------------------------------------------

    def choosing(
        self,
        request: Request,
        among: Collection[str],
        *,
        streaming: bool,
        later: Iterable[str] = (),
        patience: float = 0.0,
    ) -> Choosing[Permit | None]:
        """Leave to call one of these; None where the core gives up, or leaves it to one that comes ``later``."""
        self.leave()
        if self._refused_for is not None and self._refused_for == (request.model, frozenset(among)):
            return None  # LiteLLM asks again and again until its own count is used up
        left = among
        if self._set_aside:
            left = [target for target in among if target not in self._set_aside] or among
        self._among = left
        offer = {"among": left, "after": self._last, "later": later, "patience": patience}
        self.open = yield {"request": request, "streaming": streaming, **offer}
        self._refused_for = None if self.open else (request.model, frozenset(among))
        return self.open

    def another(self) -> Permit | None:
        """After an answer that says nothing: leave to ask one other of the same deployments whether it has more to say,
        None if there is to be no other.
        """
        return self._failover.acquire(among=self._among, after=self._last) if self._last else None

    @property
    def permit(self) -> Permit:
        """The permit of the attempt under way. Raises ``RuntimeError`` between attempts."""
        if self.open is None:
            raise RuntimeError("no attempt is under way")
        return self.open

    def covers(self, target: str, asked: Mapping[str, Any]) -> bool:
        """Whether the attempt under way is this call."""
        signed = routing_metadata(asked).get(_TOKEN) == self._number
        return self.open is not None and self.open.target.id == target and signed

    @contextmanager
    def unbooked(self) -> Generator[None]:
        """Around a call for which there is no permit: how it ends is remembered for this request, and nowhere else."""
        try:
            yield
        except Exception as error:
            self._errors.append(error)
            raise
        self.end()

    def failed(self, error: Exception) -> None:
        """The attempt under way ended with this error."""
        if self.open is None:
            return
        self.open.failure(error)
        self._last, self.open = self.open, None
        self._errors.append(error)
        trail = self._last.trail
        self._count(len(trail.attempts))
        mark(error, trail=trail)
        for refused in self._refusals:  # LiteLLM raises it, whatever its fallbacks raise: let it tell the whole story
            mark(refused, trail=trail, __cause__=self._errors[0])

    def refusal(self, reason: Callable[[], Exception]) -> Exception:
        """What to answer to a question that the core has answered with no: the first target's own error, with the trail
        and ``retry_after``; the ``reason`` if nobody was asked.
        """
        if self._last is None:
            self._refusals = self._errors[:1] or [reason()]
            return self._refusals[0]
        verdict = self._last.exhausted()
        return verdict if isinstance(verdict, Exception) else self._errors[0]

    def has_more_tries(self) -> bool:
        """Whether LiteLLM, whose own choice is refused once more, will choose again often enough to need no error yet
        that its caller can read.
        """
        self._refused += 1
        return len(self._errors) + self._refused <= self._failover.max_attempts

    @property
    def latest_error(self) -> Exception | None:
        """How the latest attempt ended, None if there was none."""
        return self._errors[-1] if self._errors else None

    def answered(self, response: Any) -> None:
        """The attempt under way brought an answer. One out of LiteLLM's cache says nothing of the target."""
        hidden = mapping(getattr(response, "_hidden_params", None))
        if self.open is not None and not hidden.get("cache_hit"):
            self.open.saw(_providers(mapping(hidden.get("additional_headers"))))
            self.open.success(usage_of(response))
            self.tell(response)
        self.end()

    def hand_over(self, stream: Any) -> None:
        """The attempt under way has become this stream, which settles its permit by itself."""
        self.tell(stream)
        self.open = None
        self.end()

    def tell(self, answer: Any) -> None:
        """Write into an answer who was asked for it, and why it was not somebody else."""
        if self.open is None:
            return
        told = self.open.trail.as_dict()
        self._count(max(self.open.number, len(told["attempts"])))
        hidden = getattr(answer, "_hidden_params", None)
        if isinstance(hidden, dict):
            hidden["failover"] = {"target": self.open.target.id, **told}

    def _count(self, attempts: int) -> None:
        """So many calls have been made: LiteLLM's proxy says so in a header."""
        self._metadata[ATTEMPTS] = attempts

    def set_aside(self) -> None:
        """The attempt under way is made with credentials of the caller's own: it is no evidence about the target, which
        is not asked again for this request while there are others.
        """
        if self.open is not None:
            self._set_aside.add(self.open.target.id)
            self.leave()

    def leave(self) -> None:
        """Let go of the attempt under way, without evidence if its outcome is not known."""
        if self.open is not None:
            self.open.cancel()
        self.open = None

    def __del__(self) -> None:
        if self.open is not None:
            self._drop(self.open)

    def end(self) -> None:
        """The request is over. Its task may live on and hold it: it holds nothing."""
        self.leave()
        self.over = True
        self._last, self.offered = None, {}
        self._errors.clear()
        self._refusals.clear()


def chosen(choosing: Choosing[T], acquire: Callable[..., Permit | None]) -> T:
    """What comes of a choice whose questions ``acquire`` answers."""
    try:
        asked = next(choosing)
        while True:
            asked = choosing.send(acquire(**asked))
    except StopIteration as end:
        found: T = end.value
        return found


def routing_metadata(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The dict in which LiteLLM keeps what it has done for a request; a new one where no call will be made for it."""
    for name in ("litellm_metadata", "metadata"):
        metadata = asked.get(name)
        if isinstance(metadata, dict) and "model_group" in metadata:
            return metadata  # pyright: ignore[reportUnknownVariableType] - the host's
    return {}


def usage_of(answer: Any) -> Mapping[str, int] | None:
    """The token counts of a response or a chunk."""
    usage = getattr(answer, "usage", None)
    counts = {name: getattr(usage, name, None) for name in _COUNTS}
    return {name: count for name, count in counts.items() if isinstance(count, int)} or None


def mark(error: BaseException, **marks: object) -> None:
    """Write on an error what the caller reads off it; one with slots goes without."""
    with suppress(AttributeError):
        for name, value in marks.items():
            setattr(error, name, value)


def _here() -> object:
    """The task that runs this, not kept alive by us, or the thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident() if task is None else weakref.ref(task)


def _tried_before(metadata: Mapping[str, Any]) -> bool:
    return bool(metadata.get("attempted_retries") or metadata.get("attempted_fallbacks"))


def _providers(headers: Mapping[str, Any]) -> dict[str, str]:
    """The provider's own headers, which LiteLLM hands on under names of its own."""
    return {name.removeprefix("llm_provider-"): str(value) for name, value in headers.items()}
