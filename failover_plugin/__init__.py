"""Failover for LLM applications: health, circuit breaking, routing, retries, deadlines and streams, as one policy core.

The adapters are ``failover_langchain`` and ``failover_litellm``; this package imports no framework and no SDK.
"""

from typing import TYPE_CHECKING, Any

from failover_plugin.attempting import Result, current_attempt
from failover_plugin.classify import classify, classify_response
from failover_plugin.config import Config, load_config
from failover_plugin.errors import (
    AllTargetsFailed,
    AnswerFailed,
    ConfigError,
    DeadlineExceeded,
    EmptyResponse,
    FailoverError,
    StreamInterrupted,
)
from failover_plugin.failover import Explanation, Failover
from failover_plugin.health_report import Health, HealthReport
from failover_plugin.judgement import require_sound
from failover_plugin.model import Attempt, Diagnosis, ErrorClass, Request, Scope, Skip, Target, Trail
from failover_plugin.permit import Permit
from failover_plugin.policy import (
    BreakerPolicy,
    BudgetPolicy,
    LatencyPolicy,
    LimitsPolicy,
    Policy,
    VerdictPolicy,
)
from failover_plugin.start import Start

if TYPE_CHECKING:
    from failover_plugin import presets

__all__ = [
    "AllTargetsFailed",
    "AnswerFailed",
    "Attempt",
    "BreakerPolicy",
    "BudgetPolicy",
    "Config",
    "ConfigError",
    "DeadlineExceeded",
    "Diagnosis",
    "EmptyResponse",
    "ErrorClass",
    "Explanation",
    "Failover",
    "FailoverError",
    "Health",
    "HealthReport",
    "LatencyPolicy",
    "LimitsPolicy",
    "Permit",
    "Policy",
    "Request",
    "Result",
    "Scope",
    "Skip",
    "Start",
    "StreamInterrupted",
    "Target",
    "Trail",
    "VerdictPolicy",
    "classify",
    "classify_response",
    "current_attempt",
    "load_config",
    "presets",
    "require_sound",
]


def __getattr__(name: str) -> Any:
    """``presets`` is imported when it is first asked for: few need it."""
    if name == "presets":
        from importlib import import_module

        return import_module("failover_plugin.presets")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
