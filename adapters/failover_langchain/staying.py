"""Requests that do not leave, or not at once: a model's own rate limiter or cache tells the attempt being made.

A limiter's wait was asked for, and its target is not late by that; what a cache answers is no evidence of its target.

What runs out while a limiter waits is the request's deadline alone. Async code interrupts a limiter then; sync code
asks it again and again without blocking, for nothing else ends its wait.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING, Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
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


def with_told_hits(model: BaseChatModel, cache_of_all: BaseCache | None) -> BaseChatModel:
    """The model itself if it has no cache, else a copy whose cache tells the attempt what it knew the answer to.

    ``cache_of_all`` is the cache of models that name none of their own.
    """
    cache = model.cache if isinstance(model.cache, BaseCache) else None if model.cache is False else cache_of_all
    if cache is None or isinstance(cache, TellingCache):
        return model
    return model.model_copy(update={"cache": TellingCache(cache)})


class TellingCache(BaseCache):
    """The given cache, whose hits are told to the attempt being made: its request never leaves."""

    def __init__(self, given: BaseCache) -> None:
        self.given = given

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return _told(self.given.lookup(prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        self.given.update(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        self.given.clear(**kwargs)

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return _told(await self.given.alookup(prompt, llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        await self.given.aupdate(prompt, llm_string, return_val)

    async def aclear(self, **kwargs: Any) -> None:
        await self.given.aclear(**kwargs)


def _told(found: RETURN_VAL_TYPE | None) -> RETURN_VAL_TYPE | None:
    if isinstance(found, list):
        with suppress(LookupError):  # nobody's attempt
            current_attempt().hold()
    return found


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
