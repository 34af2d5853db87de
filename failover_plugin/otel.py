"""A listener for OpenTelemetry: metrics always, spans only within a trace that is being recorded.

Metrics are named by the semantic conventions for generative AI where these have a name for it (status: development),
each attempt being one of their operations, and ``failover.*`` elsewhere. An attempt's span is written when it ends,
with the time it started: so none is left open by a call that never came back. It is of the kind INTERNAL, since the
client's own instrumentation, where there is one, tells of the same call as CLIENT. Needs the extra ``otel``.

Source of names and bucket boundaries: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from time import time_ns
from typing import Any

from failover_plugin.errors import ConfigError
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
from failover_plugin.model import ErrorClass, Target, Usage

try:
    from opentelemetry import metrics, trace
except ImportError:
    raise ConfigError('otel_listener needs OpenTelemetry: pip install "failover-plugin[otel]".') from None

Facts = dict[str, str | int]
"""Attributes of a measurement or a span."""

DURATIONS = tuple(0.01 * 2**n for n in range(14))
"""Bucket boundaries in seconds, as the conventions recommend."""
TOKENS = tuple(4**n for n in range(14))
"""Bucket boundaries in tokens, likewise."""

PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""The conventions' names for providers that LangChain or LiteLLM call otherwise."""

STATES: Mapping[type[Event], str] = {BreakerOpened: "open", BreakerHalfOpen: "half_open", BreakerClosed: "closed"}
"""What each transition of a breaker leads to."""

_INPUT = "prompt_tokens", "prompt_token_count"
_OUTPUT = "completion_tokens", "output_tokens", "candidates_token_count"
_INPUT_IN_PARTS = "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"
"""Anthropic reports beside the new tokens those it read from its cache or wrote to it; the conventions want the sum."""


def otel_listener(
    meter: metrics.Meter | None = None, tracer: trace.Tracer | None = None, *, operation: str = "chat"
) -> Callable[[Event], None]:
    """A listener that reports to OpenTelemetry; without ``meter`` and ``tracer``, to the global providers.

    ``operation`` is what the conventions call ``gen_ai.operation.name``, for example ``embeddings``.
    """
    return _Telemetry(meter, tracer, operation)


class _Telemetry:
    """The instruments. Safe for any number of threads; copies and pickles by what it was made from."""

    def __init__(self, meter: metrics.Meter | None, tracer: trace.Tracer | None, operation: str) -> None:
        self._made_from = (meter, tracer, operation)
        self._operation = operation
        own = "failover_plugin", version("failover-plugin")
        self._tracer = tracer or trace.get_tracer(*own)
        meter = meter or metrics.get_meter(*own)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        count = meter.create_counter
        self._attempts = count("failover.attempts", "{attempt}", "Calls that ended, well or badly.")
        self._failovers = count("failover.failovers", "{failover}", "Requests that went on at another target.")
        self._backups = count("failover.backups", "{attempt}", "Calls started beside a slow one.")
        self._transitions = count("failover.breaker.transitions", "{transition}", "Breakers' changes of state.")
        self._blocked = count("failover.blocked", "{block}", "Keys found dead, not allowed or out of money.")
        self._empty = count("failover.budget.empty", "{refusal}", "Attempts not made for want of budget.")
        self._exhausted = count("failover.exhausted", "{request}", "Requests that nobody could answer.")

    def __call__(self, event: Event) -> None:
        """Count it; and, if a span is being recorded, tell that as well."""
        match event:
            case AttemptStarted():
                pass  # counted when it ends
            case AttemptEnded():
                self._attempt_ended(event)
            case FailedOver(from_target=left, to_target=target, reason=reason):
                facts: Facts = {"failover.from": left.id, "failover.to": target.id, "failover.reason": reason}
                self._count(self._failovers, "failed_over", event, facts)
            case BackupStarted(target=target, slow_target=slow):
                facts = {"failover.target": target.id, "failover.slow_target": slow.id}
                self._count(self._backups, "backup_started", event, facts)
            case BreakerOpened() | BreakerHalfOpen() | BreakerClosed():
                state = STATES[type(event)]
                self._count(self._transitions, f"breaker.{state}", event, _scope(event) | {"failover.state": state})
            case KeyBlocked(reason=reason):
                self._count(self._blocked, "blocked", event, _scope(event) | {"failover.reason": reason})
            case BudgetEmpty(kind=kind):
                self._count(self._empty, "budget.empty", event, {"failover.budget": kind})
            case Exhausted():  # pragma: no branch - there are no more, the type checkers know
                self._count(self._exhausted, "exhausted", event, {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_from

    @staticmethod
    def _count(counter: metrics.Counter, name: str, event: Event, facts: Facts) -> None:
        """What differs from event to event, such as seconds, goes into the span's message and not into the metric."""
        counter.add(1, facts)
        trace.get_current_span().add_event(f"failover.{name}", {**facts, "failover.message": str(event)})

    def _attempt_ended(self, event: AttemptEnded) -> None:
        facts = _callee(event.target)
        failed: Facts = {"error.type": str(event.attempt.diagnosis.error_class)} if event.attempt.diagnosis else {}
        ours: Facts = {**facts, **failed, "failover.target": event.target.id}
        operation: Facts = {**facts, "gen_ai.operation.name": self._operation}
        self._attempts.add(1, ours)
        self._duration.record(event.attempt.duration, operation | failed)
        if trace.get_current_span().is_recording():
            self._span(event, ours | {"failover.attempt": event.attempt.number, "failover.request": event.request_id})
        for kind, count in _token_counts(event.usage or {}).items():
            self._tokens.record(count, operation | {"gen_ai.token.type": kind})

    def _span(self, event: AttemptEnded, facts: Facts) -> None:
        now, diagnosis = time_ns(), event.attempt.diagnosis
        start = now - round(event.attempt.duration * 1e9)
        span = self._tracer.start_span(f"attempt {event.target.id}", attributes=facts, start_time=start)
        if diagnosis and diagnosis.error_class is not ErrorClass.CANCELLED:
            span.set_status(trace.StatusCode.ERROR, diagnosis.title)
        span.end(now)


def _callee(target: Target) -> Facts:
    provider = PROVIDERS.get(target.provider, target.provider)
    return {"gen_ai.provider.name": provider, "gen_ai.request.model": target.model}


def _scope(event: BreakerOpened | BreakerHalfOpen | BreakerClosed | KeyBlocked) -> Facts:
    return {"failover.scope": str(event.scope), "failover.key": event.key}


def _token_counts(usage: Usage) -> dict[str, int]:
    """Tokens by the conventions' ``gen_ai.token.type``, whatever the provider calls them; only what it reported."""
    read = _first(usage, _INPUT)
    if read is None and "input_tokens" in usage:
        read = sum(usage.get(name) or 0 for name in _INPUT_IN_PARTS)
    counts = {"input": read, "output": _first(usage, _OUTPUT)}
    return {kind: count for kind, count in counts.items() if count is not None}


def _first(usage: Usage, names: tuple[str, ...]) -> int | None:
    return next((usage[name] for name in names if name in usage), None)
