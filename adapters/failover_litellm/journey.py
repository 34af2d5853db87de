"""One request's way through LiteLLM: the permits behind its attempts, each continuing the one before.

LiteLLM owns the loop and asks for one deployment at a time, without saying what it asked before. A journey ties these
questions together. It lives in a context variable: all attempts of a request, its fallback groups included, are made in
one task, in synchronous code too, where that task runs on the calling thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from failover_litellm.host import mapping
from failover_plugin import Failover, Permit, Request

current: ContextVar[Journey | None] = ContextVar("failover_litellm_journey", default=None)
"""The request that this task is making, if it is making one."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Journey:
    """The attempts of one request. Used by one task at a time, so it needs no lock."""

    def __init__(self, failover: Failover) -> None:
        self._failover = failover
        self._last: Permit | None = None
        self._errors: list[Exception] = []
        self.open: Permit | None = None
        """The permit of the attempt under way, None between attempts."""
        self.limit: asyncio.Timeout | None = None
        """Ends the attempt under way; None where only the client can."""
        self.may_be_silent = False
        """Whether an answer without content may be meant."""
        self.refused = False
        """Whether the latest question was answered with no."""

    def choose(self, request: Request, among: Collection[str], *, streaming: bool) -> Permit | None:
        """Leave to call one of these; None where the core gives up."""
        self.leave()
        self.open = self._failover.acquire(request, among=among, after=self._last, streaming=streaming)
        self.refused = self.open is None
        return self.open

    def failed(self, error: Exception) -> None:
        """The attempt under way ended with this error. LiteLLM asks again as often as the error says: as we might."""
        if self.open is None:
            return
        self.open.failure(error)
        self._last, self.open = self.open, None
        self._errors.append(error)
        mark(error, num_retries=self._failover.policy.max_attempts)

    def refusal(self, reason: Callable[[], Exception]) -> Exception:
        """What ends the host's loop after a no: the latest attempt's own error, the reason if there was no attempt."""
        if not self._errors:
            self._errors.append(reason())
        return self._errors[-1]

    def answered(self, response: Any) -> None:
        """The attempt under way brought an answer. One out of LiteLLM's cache says nothing of the target."""
        hidden = mapping(getattr(response, "_hidden_params", None))
        if self.open is not None and not hidden.get("cache_hit"):
            self.open.saw(_providers(mapping(hidden.get("additional_headers"))))
            self.open.success(usage_of(response))
        self.leave()

    def leave(self) -> None:
        """Let go of the attempt under way, without evidence if its outcome is not known."""
        if self.open is not None:
            self.open.cancel()
        self.open = None

    def end(self) -> None:
        """The request is over. Tasks and timers that LiteLLM started meanwhile hold the journey: it holds nothing."""
        self.leave()
        self._last = None
        self._errors.clear()

    def hand_over(self) -> None:
        """The attempt under way has become a stream, which settles its permit by itself."""
        self.open = None

    def concerns(self, error: Exception) -> bool:
        """Whether this error is about an attempt, or a question, of ours."""
        return any(error is ours for ours in self._errors)

    def verdict(self, error: Exception) -> BaseException:
        """What the caller gets for it: the first target's own error, with the trail, unless it is none of ours."""
        if self._last is None or not self.concerns(error):
            return error
        verdict = self._last.exhausted()
        mark(verdict, num_retries=len(self._last.trail.attempts) - 1)
        return verdict


def _providers(headers: Mapping[str, Any]) -> dict[str, str]:
    """The provider's own headers, which LiteLLM hands on under names of its own."""
    return {name.removeprefix("llm_provider-"): str(value) for name, value in headers.items()}


def usage_of(answer: Any) -> Mapping[str, int] | None:
    """The token counts of a response or a chunk."""
    usage = getattr(answer, "usage", None)
    counts = {name: getattr(usage, name, None) for name in _COUNTS}
    return {name: count for name, count in counts.items() if isinstance(count, int)} or None


def mark(error: BaseException, **marks: object) -> None:
    """Write on an error what LiteLLM, or the caller, reads off it; one with slots goes without."""
    with suppress(AttributeError):
        for name, value in marks.items():
            setattr(error, name, value)
