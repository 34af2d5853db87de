"""LiteLLM's Router as it comes: a random deployment of the group, two retries, then the next group.

As read in litellm 1.106.2 and run against the real one, 1.106.2 and 1.109.1, by a test that compares this model with it
case by case; names in brackets are theirs. One model group per tier, each later tier a fallback of the first; in a
group ``simple-shuffle``, by weight. ``num_retries`` 2 (``openai.DEFAULT_MAX_RETRIES``) for each group that is asked. A
group of one backs off before each retry and once more after the last (``_time_to_sleep_before_retry``); a larger one
retries at once, and may pick the deployment that has just failed.

What is out for some seconds (``cooldown_handlers.py``): a deployment that answers 401, 402 or 404; one that answers 429
and has siblings; one with siblings that failed more than half of at least 5 calls of its minute; any that failed all of
at least 1000. A dead group of one is therefore asked three times by every request. Mid-stream errors are counted, but
cool nothing. The minute of a counter starts with its first count. All out: straight to the next group.

Streams: an error before the first content leads straight to the next group, one after it to the caller. Continuing a
broken stream on another deployment exists from 1.109 on, and is off by default.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random

from failover_plugin.model import ErrorClass, Target
from failover_plugin.simulation.opponents.host import CALLERS_FAULT, call, seems_fine, tiers, was_opened
from failover_plugin.simulation.protocol import Outcome, Reply, SimRequest, Step, Wait, WorldView

NUM_RETRIES = 2
MAX_FALLBACKS = 5
"""``ROUTER_MAX_FALLBACKS``."""
COOLDOWN_TIME = 5.0
"""Seconds; ``DEFAULT_COOLDOWN_TIME_SECONDS``. A Retry-After goes before it."""
FAILURE_THRESHOLD = 0.5
"""``DEFAULT_FAILURE_THRESHOLD_PERCENT``, to be exceeded."""
MINIMUM_REQUESTS = 5
"""``DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS``."""
ALL_FAILED_REQUESTS = 1000
"""``SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD``."""
COUNTED_FOR = 60.0
"""Seconds from a counter's first count until it starts anew."""
INITIAL_RETRY_DELAY, MAX_RETRY_DELAY, JITTER, LONGEST_RETRY_AFTER = 0.5, 8.0, 0.75, 60.0
"""Seconds; ``calculate_retry_after``."""

_STATUS = {
    ErrorClass.RATE_LIMIT: 429,
    ErrorClass.QUOTA_EXHAUSTED: 429,
    ErrorClass.AUTH: 401,
    ErrorClass.PERMISSION: 403,
    ErrorClass.NOT_FOUND: 404,
    ErrorClass.TIMEOUT: 408,
    **dict.fromkeys(CALLERS_FAULT, 400),
}
"""The rest are 500 and up; a refused or reset connection is one of those (``InternalServerError``)."""


@dataclass(slots=True)
class _Counter:
    """A count in the router's cache, which forgets it as a whole."""

    count: int = 0
    until: float = -inf

    def add(self, now: float) -> None:
        if now > self.until:
            self.count, self.until = 0, now + COUNTED_FOR
        self.count += 1

    def read(self, now: float) -> int:
        return self.count if now <= self.until else 0


@dataclass(slots=True)
class _Cooldown:
    """An entry in the router's cache: a later one replaces what it says, but lives no longer than the first would."""

    until: float = -inf
    kept_until: float = -inf

    def start(self, now: float, seconds: float) -> None:
        if now > self.kept_until:
            self.kept_until = now + seconds
        self.until = now + seconds

    def is_over(self, now: float) -> bool:
        return now > self.kept_until or now >= self.until


@dataclass(slots=True, eq=False)
class _Deployment:
    target: Target
    has_siblings: bool
    successes: _Counter = field(default_factory=_Counter)
    failures: _Counter = field(default_factory=_Counter)
    cooldown: _Cooldown = field(default_factory=_Cooldown)

    def fail(self, outcome: Outcome, now: float) -> None:
        """``deployment_callback_on_failure``: count it, and perhaps cool down."""
        self.failures.add(now)
        seconds = COOLDOWN_TIME if outcome.retry_after is None else float(int(outcome.retry_after))
        if seconds > 0 and not was_opened(outcome) and self._is_to_cool(_status(outcome), now):
            self.cooldown.start(now, seconds)

    def _is_to_cool(self, status: int, now: float) -> bool:
        if status in (400, 403):
            return False
        if status in (401, 404) or (status == 429 and self.has_siblings):
            return True
        failures = self.failures.read(now)
        total = failures + self.successes.read(now)
        if failures == total and total >= ALL_FAILED_REQUESTS:
            return True
        return self.has_siblings and total >= MINIMUM_REQUESTS and failures / total > FAILURE_THRESHOLD


class LiteLLMRouter:
    """The groups, and what the cache knows of their deployments."""

    def __init__(self, targets: Sequence[Target], now: Callable[[], float], rng: Random) -> None:
        self._groups = [[_Deployment(target, len(tier) > 1) for target in tier] for tier in tiers(targets)]
        self._now = now
        self._rng = rng

    def handle(self, request: SimRequest) -> Generator[Step, Reply, bool]:  # noqa: ARG002 - nothing in it decides
        """``async_function_with_fallbacks``: the group, then its fallbacks."""
        for group in self._groups[: 1 + MAX_FALLBACKS]:
            ended = yield from self._with_retries(group)
            if ended is not None:
                return ended
        return False

    def _with_retries(self, group: list[_Deployment]) -> Generator[Step, Reply, bool | None]:
        """``async_function_with_retries``; None: the next group, please."""
        for attempt in range(1 + NUM_RETRIES):
            deployment = self._pick(group)
            if deployment is None:
                return None
            outcome = yield from self._call(deployment)
            if outcome.first or seems_fine(outcome):
                return outcome.ok
            if was_opened(outcome) or not self._is_to_retry(outcome, group):
                return None
            if len(group) == 1:
                yield Wait(self._backoff(outcome, attempt))
        return None

    def _call(self, deployment: _Deployment) -> Generator[Step, Reply, Outcome]:
        outcome = yield from call(deployment.target)
        if seems_fine(outcome):
            deployment.successes.add(self._now())
        else:
            deployment.fail(outcome, self._now())
        return outcome

    def _pick(self, group: list[_Deployment]) -> _Deployment | None:
        able = self._able(group)
        return self._rng.choices(able, [each.target.weight for each in able])[0] if able else None

    def _able(self, group: list[_Deployment]) -> list[_Deployment]:
        now = self._now()
        return [deployment for deployment in group if deployment.cooldown.is_over(now)]

    def _is_to_retry(self, outcome: Outcome, group: list[_Deployment]) -> bool:
        """``should_retry_this_error``."""
        status = _status(outcome)
        if status in (400, 404) or (status in (401, 403) and len(group) == 1):
            return False
        return bool(self._able(group))

    def _backoff(self, outcome: Outcome, attempt: int) -> float:
        jitter = JITTER * self._rng.random()
        named = outcome.retry_after
        if named is not None and 0 < int(named) <= LONGEST_RETRY_AFTER:
            return int(named) + jitter
        return min(INITIAL_RETRY_DELAY * 2.0**attempt, MAX_RETRY_DELAY) + jitter


def _status(outcome: Outcome) -> int:
    return _STATUS.get(outcome.error_class, 500)


def make(targets: Sequence[Target], now: Callable[[], float], rng: Random, _world: WorldView) -> LiteLLMRouter:
    """One for one worker: routers share nothing unless they are given a Redis."""
    return LiteLLMRouter(targets, now, rng)
