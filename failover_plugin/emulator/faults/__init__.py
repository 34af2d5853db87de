"""What can be wrong with a provider: each fault is a named change to the plan of one answer.

``site.fail(faults.overloaded())`` or ``site.script(faults.rate_limit(retry_after=2), None)``. A fault of your own is a
``Fault`` with a function that turns a ``Call`` into a plan.
"""

from __future__ import annotations

from failover_plugin.emulator.faults.answers import (
    cut,
    early_end,
    empty,
    error_body,
    failed,
    filtered,
    hang,
    malformed,
    no_sentinel,
    reset,
    slow_drip,
    slow_first_token,
    stall,
    stream_error,
)
from failover_plugin.emulator.faults.errors import (
    content_policy,
    context_length,
    credit_balance,
    documented,
    insufficient_quota,
    invalid_api_key,
    invalid_request,
    model_not_found,
    overloaded,
    payload_too_large,
    permission_denied,
    prefill_unsupported,
    rate_limit,
    server_error,
    status,
    unsupported,
)
from failover_plugin.emulator.faults.fault import Fault

__all__ = [
    "Fault",
    "content_policy",
    "context_length",
    "credit_balance",
    "cut",
    "documented",
    "early_end",
    "empty",
    "error_body",
    "failed",
    "filtered",
    "hang",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request",
    "malformed",
    "model_not_found",
    "no_sentinel",
    "overloaded",
    "payload_too_large",
    "permission_denied",
    "prefill_unsupported",
    "rate_limit",
    "reset",
    "server_error",
    "slow_drip",
    "slow_first_token",
    "stall",
    "status",
    "stream_error",
    "unsupported",
]
