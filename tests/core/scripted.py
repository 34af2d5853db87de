"""What the core's stories share: errors as SDKs raise them, fleets on a fake clock, one request told step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from failover_plugin.classify import VERDICTS
from failover_plugin.failover import Failover
from failover_plugin.flow import Flow, GiveUp, Sleep
from failover_plugin.health import FleetHealth
from failover_plugin.health_report import TargetHealth
from failover_plugin.model import Diagnosis, ErrorClass, Request, Target
from failover_plugin.policy import BreakerPolicy, Policy
from failover_plugin.start import Start
from failover_plugin.testing import FakeClock


class ProviderError(Exception):
    """An HTTP error as SDKs raise it."""

    def __init__(
        self, status: int, message: str = "no", *, code: str | None = None, retry_after: object = None
    ) -> None:
        super().__init__(message)
        self.status_code = status
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.body = {"error": {"message": message, "code": code}}


def rate_limited(retry_after: float | None = None) -> ProviderError:
    return ProviderError(429, "slow down", retry_after=retry_after)


def broken(message: str = "internal error") -> ProviderError:
    return ProviderError(500, message)


def overloaded(retry_after: float | None = None) -> ProviderError:
    return ProviderError(503, "no capacity", retry_after=retry_after)


def unauthorized() -> ProviderError:
    return ProviderError(401, "who are you?")


def too_long() -> ProviderError:
    return ProviderError(400, "too many tokens", code="context_length_exceeded")


def blocked() -> ProviderError:
    return ProviderError(400, "not this", code="content_filter")


def invalid() -> ProviderError:
    return ProviderError(400, "no such role")


FAULTS: Mapping[ErrorClass, Callable[[], BaseException]] = {
    ErrorClass.RATE_LIMIT: rate_limited,
    ErrorClass.QUOTA_EXHAUSTED: lambda: ProviderError(429, "pay first", code="insufficient_quota"),
    ErrorClass.AUTH: unauthorized,
    ErrorClass.PERMISSION: lambda: ProviderError(403, "not you"),
    ErrorClass.NOT_FOUND: lambda: ProviderError(404, "no such model"),
    ErrorClass.CONTEXT_WINDOW: too_long,
    ErrorClass.PAYLOAD_TOO_LARGE: lambda: ProviderError(413, "too large"),
    ErrorClass.CONTENT_POLICY: blocked,
    ErrorClass.UNSUPPORTED: lambda: ProviderError(400, "no tools here", code="unsupported_parameter"),
    ErrorClass.INVALID_REQUEST: invalid,
    ErrorClass.OVERLOADED: overloaded,
    ErrorClass.SERVER_ERROR: broken,
    ErrorClass.TIMEOUT: lambda: TimeoutError("too slow"),
    ErrorClass.NETWORK: lambda: ConnectionRefusedError("nobody home"),
    ErrorClass.UNKNOWN: lambda: RuntimeError("odd"),
}
"""An error of each class that a provider can cause by itself."""


def diagnosis(error_class: ErrorClass | str, retry_after: float | None = None) -> Diagnosis:
    """What ``classify`` would make of such an error."""
    error_class = ErrorClass(error_class)
    return Diagnosis(error_class=error_class, scope=VERDICTS[error_class].scope, retry_after=retry_after)


def target(id_: str, tier: int = 0, **facts: object) -> Target:
    """A target that shares nothing with the others unless told to."""
    return Target(id_, **({"provider": f"{id_}-provider", "model": f"{id_}-model", "tier": tier} | facts))  # type: ignore[arg-type]


def chain(count: int) -> list[Target]:
    """An order of preference: a, b, c ..., each its own tier."""
    return [target("abcdefgh"[i], i) for i in range(count)]


def tier(count: int) -> list[Target]:
    """Equals: a, b, c ... in one tier."""
    return [target("abcdefgh"[i]) for i in range(count)]


def fleet_health(*targets: Target, seed: int = 0, **breaker: float) -> FleetHealth:
    """The health of these targets, all well."""
    return FleetHealth(targets, Policy(breaker=BreakerPolicy(**breaker)), Random(seed))


LONG = 1e6
"""Seconds: a lease that lives so long never expires in a story."""


class World:
    """A fleet on a fake clock."""

    def __init__(self, targets: Iterable[Target], policy: Policy | None = None, *, seed: int = 0) -> None:
        self.clock = FakeClock()
        policy = policy or Policy(strategy="sequential")
        self.failover = Failover(targets, policy, clock=self.clock, rng=Random(seed))
        self.fleet = self.failover._fleet

    def request(self, request: Request | None = None, *, streaming: bool = False) -> Story:
        return Story(self, request or Request(), streaming=streaming)

    def line(self, target_id: str) -> TargetHealth:
        """A target's line in the health report."""
        return self.failover.health()[target_id]

    @property
    def in_flight(self) -> int:
        return self.failover.health().in_flight

    def wear_out(
        self, target_id: str, error_class: ErrorClass | str, *, times: int = 1, after: float | None = None
    ) -> None:
        """Have a target fail, all at once."""
        health, now = self.fleet.health, self.clock.now
        standing = health.roster.by_id[target_id]
        leases = [health.admit(standing, Request(), now, LONG) for _ in range(times)]
        for lease in leases:
            assert lease is not None
            health.failed(lease, diagnosis(error_class, after), now)

    def acquaint(self, target_id: str, seconds: float, *, times: int = 20, streaming: bool = False) -> None:
        """Have a target answer often enough for its usual time to be known."""
        health = self.fleet.health
        standing = health.roster.by_id[target_id]
        for _ in range(times):
            lease = health.admit(standing, Request(), self.clock.now, LONG, streaming=streaming)
            assert lease is not None
            self.clock.advance(seconds)
            if streaming:
                health.answered(lease, self.clock.now, LONG)
            health.succeeded(lease, self.clock.now, timed=True)


class Story:
    """One request, told step by step: what the flow says is checked, what happened is reported.

    What is reported is about the call that began last, unless another one is named.
    """

    def __init__(self, world: World, request: Request, *, streaming: bool = False) -> None:
        self.clock = world.clock
        self.flow = Flow(world.fleet, request, self.clock.now, streaming=streaming)
        self.call: Start | None = None

    def next(self) -> Start | Sleep | GiveUp:
        step = self.flow.next(self.clock.now)
        if isinstance(step, Start):
            self.call = step
        return step

    def starts(self) -> Start:
        command = self.next()
        assert isinstance(command, Start), command
        return command

    def waits_and_starts(self) -> Start:
        command = self.next()
        while isinstance(command, Sleep):
            self.clock.advance(command.seconds)
            command = self.next()
        assert isinstance(command, Start), command
        return command

    def asks(self, target_id: str) -> Story:
        assert self.starts().target.id == target_id
        return self

    def sleeps(self) -> float:
        command = self.next()
        assert isinstance(command, Sleep), command
        self.clock.advance(command.seconds)
        return command.seconds

    def gives_up(self) -> BaseException:
        command = self.next()
        assert isinstance(command, GiveUp), command
        return command.error

    def backs_up(self, start: Start | None = None, *, after: float = 0.0) -> Start | None:
        """The call is overdue."""
        self.clock.advance(after)
        return self.flow.overdue(self._of(start), self.clock.now)

    def evacuates(self, start: Start | None = None) -> Start | None:
        """The call's target may have failed meanwhile."""
        return self.flow.evacuate(self._of(start), self.clock.now)

    def speaks(self, start: Start | None = None, *, after: float = 0.0) -> list[Start]:
        """First content arrives; returns the calls that have lost."""
        self.clock.advance(after)
        return self.flow.first_content(self._of(start), self.clock.now)

    def fails(self, error: BaseException, start: Start | None = None, *, after: float = 0.0) -> Story:
        self.clock.advance(after)
        self.flow.failed(self._of(start), error, self.clock.now)
        return self

    def succeeds(self, start: Start | None = None, *, after: float = 0.0) -> Story:
        self.clock.advance(after)
        self.flow.succeeded(self._of(start), self.clock.now)
        return self

    def leaves(self, start: Start | None = None) -> Story:
        self.flow.abandoned(self._of(start), self.clock.now)
        return self

    def _of(self, start: Start | None) -> Start:
        call = start or self.call
        assert call is not None, "no call was made"
        return call
