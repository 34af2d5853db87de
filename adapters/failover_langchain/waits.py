"""Waits that a caller asked for: a model's own rate limiter holds the attempt back, and its target is not late by that.

What runs out meanwhile is the request's deadline alone. Async code interrupts a limiter then; sync code asks it again
and again without blocking, for nothing else ends its wait.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import BaseRateLimiter

from failover_plugin import current_attempt
from failover_plugin.clock import SystemClock

if TYPE_CHECKING:
    from failover_plugin.start import Start

ASK_AGAIN = 0.05
"""Seconds between two questions of a thread with a deadline."""


def with_told_waits(model: BaseChatModel) -> BaseChatModel:
    """The model itself if it has no rate limiter, else a copy whose limiter tells the attempt that it makes it wait."""
    limiter = model.rate_limiter
    if limiter is None or isinstance(limiter, TellingLimiter):
        return model
    return model.model_copy(update={"rate_limiter": TellingLimiter(limiter)})


class TellingLimiter(BaseRateLimiter):
    """The given limiter, whose waits are told to the attempt being made."""

    def __init__(self, given: BaseRateLimiter) -> None:
        self.given = given

    def acquire(self, *, blocking: bool = True) -> bool:
        with _held() as attempt:
            if attempt is None or not blocking or attempt.deadline == inf:
                return self.given.acquire(blocking=blocking)
            return self._acquired_by(attempt.deadline)

    async def aacquire(self, *, blocking: bool = True) -> bool:
        with _held():
            return await self.given.aacquire(blocking=blocking)

    def _acquired_by(self, deadline: float) -> bool:
        while not self.given.acquire(blocking=False):
            left = deadline - SystemClock.monotonic()
            if left <= 0:
                raise TimeoutError("The deadline passed while the model's rate_limiter made the request wait.")
            time.sleep(min(ASK_AGAIN, left))
        return True


@contextmanager
def _held() -> Generator[Start | None]:
    """The attempt being made, held meanwhile; None outside of one."""
    try:
        attempt = current_attempt()
    except LookupError:
        yield None
        return
    attempt.hold()
    try:
        yield attempt
    finally:
        attempt.let_go(SystemClock.monotonic())
