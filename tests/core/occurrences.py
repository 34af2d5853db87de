"""One of each kind of event, made by hand."""

from __future__ import annotations

from failover_plugin import Attempt, Diagnosis, ErrorClass, Scope, Target
from failover_plugin.events import (
    AttemptEnded,
    AttemptStarted,
    BackupStarted,
    BreakerClosed,
    BreakerHalfOpen,
    BreakerOpened,
    BudgetEmpty,
    Event,
    Exhausted,
    FailedOver,
    KeyBlocked,
)

A = Target("a", provider="openai", model="gpt-5.5")
B = Target("b", provider="bedrock", model="claude-sonnet-5")
BROKEN = Diagnosis(error_class=ErrorClass.SERVER_ERROR, scope=Scope.TARGET, status=500, message="oh no")
LEFT = Diagnosis(error_class=ErrorClass.CANCELLED, scope=Scope.REQUEST)


def ended(
    target: Target = A, diagnosis: Diagnosis | None = None, *, usage: dict[str, int] | None = None, number: int = 1
) -> AttemptEnded:
    attempt = Attempt(number=number, target=target.id, started=0.0, duration=0.5, diagnosis=diagnosis)
    return AttemptEnded(at=100.5, attempt=attempt, target=target, request_id=7, usage=usage)


STARTED = AttemptStarted(at=100.0, target=A, number=1, request_id=7)
ANSWERED = ended(B, number=2, usage={"prompt_tokens": 12, "completion_tokens": 30})
FAILED = ended(A, BROKEN)
FAILED_OVER = FailedOver(at=100.5, from_target=A, to_target=B, reason="server_error 500")
BACKUP = BackupStarted(at=101.0, target=B, slow_target=A, number=2)
OPENED = BreakerOpened(
    at=100.5, scope=Scope.TARGET, key="openai gpt-5.5", targets=("a", "c"), reason="server_error 500", until_in=2.0
)
REOPENED = BreakerOpened(
    at=103.0, scope=Scope.TARGET, key="a", targets=("a",), reason="timeout", until_in=4.0, probe_failed=True
)
HALF_OPEN = BreakerHalfOpen(at=102.5, scope=Scope.TARGET, key="openai gpt-5.5", targets=("a", "c"))
CLOSED = BreakerClosed(at=103.0, scope=Scope.TARGET, key="openai gpt-5.5", targets=("a", "c"))
BLOCKED = KeyBlocked(
    at=100.5, scope=Scope.CREDENTIAL, key="team-1", targets=("a", "c"), reason="auth 401", blocked_for=60.0
)
NO_BUDGET = BudgetEmpty(at=100.5, kind="failover")
EXHAUSTED = Exhausted(at=101.0, request_id=7, errors=("a: server_error 500", "b: disabled"), retry_after=1.5)

ALL: tuple[Event, ...] = (
    STARTED, ANSWERED, FAILED, FAILED_OVER, BACKUP, OPENED, REOPENED, HALF_OPEN, CLOSED, BLOCKED, NO_BUDGET, EXHAUSTED,
)  # fmt: skip
