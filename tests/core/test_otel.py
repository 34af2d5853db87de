"""What OpenTelemetry is told: metrics always, spans within a trace that is being recorded. Against the real SDK."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from runpy import run_path
from typing import Any

import pytest
from core.occurrences import (
    ALL,
    ANSWERED,
    BACKUP,
    BLOCKED,
    BROKEN,
    CLOSED,
    EXHAUSTED,
    FAILED,
    FAILED_OVER,
    HALF_OPEN,
    LEFT,
    NO_BUDGET,
    OPENED,
    STARTED,
    A,
    ended,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from failover_plugin import ConfigError, Target, otel
from failover_plugin.events import Event, Listeners
from failover_plugin.otel import PROVIDERS, otel_listener

DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"


@dataclass
class Backend:
    """An application's OpenTelemetry, all in memory, with our listener hearing events."""

    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    tracers: TracerProvider = field(default_factory=TracerProvider)
    operation: str = "chat"

    def __post_init__(self) -> None:
        self.meters = MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        listener = otel_listener(self.meters.get_meter("app"), self.tracer, operation=self.operation)
        self.listeners = Listeners(listener)

    @property
    def tracer(self) -> Tracer:
        return self.tracers.get_tracer("app")

    def hear(self, *events: Event) -> Backend:
        for event in events:
            self.listeners.emit(event)
        return self

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        scopes = [s for r in data.resource_metrics for s in r.scope_metrics] if data else []
        return {m.name: m for s in scopes for m in s.metrics}

    def points(self, metric: str) -> list[Any]:
        return list(self.metrics()[metric].data.data_points)

    def counts(self, metric: str) -> list[tuple[int, dict[str, Any]]]:
        return [(p.value, dict(p.attributes)) for p in self.points(metric)]

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture(name="backend")
def make_backend(caplog: pytest.LogCaptureFixture) -> Iterator[Backend]:
    """The listener never raises: that would be logged."""
    backend = Backend()
    yield backend
    backend.meters.shutdown()
    assert [r for r in caplog.records if r.name == "failover_plugin"] == []


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_an_answered_attempt_is_an_operation_of_the_conventions(backend: Backend) -> None:
    (point,) = backend.hear(ANSWERED).points(DURATION)
    assert isinstance(point, HistogramDataPoint)
    assert (point.count, point.sum) == (1, 0.5)
    assert point.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "claude-sonnet-5",
    }
    assert backend.metrics()[DURATION].unit == "s"


def test_a_failed_one_says_of_which_class(backend: Backend) -> None:
    (point,) = backend.hear(FAILED).points(DURATION)
    assert point.attributes["error.type"] == "server_error"


def test_the_buckets_are_those_of_the_conventions(backend: Backend) -> None:
    backend.hear(ANSWERED)
    durations, tokens = backend.points(DURATION)[0].explicit_bounds, backend.points(TOKENS)[0].explicit_bounds
    assert durations == (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    assert (tokens[:4], tokens[-1], len(tokens)) == ((1, 4, 16, 64), 67108864, 14)


def test_the_operation_is_what_the_user_says() -> None:
    backend = Backend(operation="embeddings").hear(ANSWERED)
    assert {p.attributes["gen_ai.operation.name"] for m in (DURATION, TOKENS) for p in backend.points(m)} == {
        "embeddings"
    }


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param({"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}, (12, 30), id="openai"),
        pytest.param({"input_tokens": 12, "output_tokens": 30}, (12, 30), id="anthropic"),
        pytest.param(
            {"input_tokens": 2, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 3, "output_tokens": 30},
            (12, 30),
            id="anthropic with its cache",
        ),
        pytest.param(
            {"prompt_tokens": 12, "input_tokens": 12, "cache_read_input_tokens": 7, "completion_tokens": 30},
            (12, 30),
            id="litellm, which has added them up",
        ),
        pytest.param({"prompt_token_count": 12, "candidates_token_count": 30}, (12, 30), id="gemini"),
        pytest.param({"input_tokens": 12, "cache_read_input_tokens": None}, (12, None), id="half of it"),
        pytest.param({"completion_tokens": 0}, (None, 0), id="nothing written is known, too"),
    ],
)
def test_tokens_are_counted_by_whatever_name(
    usage: dict[str, int], counted: tuple[int | None, int | None], backend: Backend
) -> None:
    points = backend.hear(ended(A, usage=usage)).points(TOKENS)
    sums = {p.attributes["gen_ai.token.type"]: p.sum for p in points}
    assert (sums.get("input"), sums.get("output")) == counted
    assert all(p.attributes["gen_ai.request.model"] == "gpt-5.5" for p in points)


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": 42}])
def test_tokens_that_nobody_reported_are_not_guessed(usage: dict[str, int] | None, backend: Backend) -> None:
    assert TOKENS not in backend.hear(ended(A, usage=usage)).metrics()


@pytest.mark.parametrize(("ours", "theirs"), [*PROVIDERS.items(), ("openai", "openai"), ("acme", "acme")])
def test_providers_are_named_as_the_conventions_name_them(ours: str, theirs: str, backend: Backend) -> None:
    (point,) = backend.hear(ended(Target("t", provider=ours, model="m"))).points(DURATION)
    assert point.attributes["gen_ai.provider.name"] == theirs


SCOPE = {"failover.scope": "target", "failover.key": "openai gpt-5.5"}


@pytest.mark.parametrize(
    ("event", "metric", "attributes"),
    [
        (
            ANSWERED,
            "failover.attempts",
            {
                "gen_ai.provider.name": "aws.bedrock",
                "gen_ai.request.model": "claude-sonnet-5",
                "failover.target": "b",
            },
        ),
        (
            FAILED,
            "failover.attempts",
            {
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5.5",
                "failover.target": "a",
                "error.type": "server_error",
            },
        ),
        (
            FAILED_OVER,
            "failover.failovers",
            {"failover.from": "a", "failover.to": "b", "failover.reason": "server_error 500"},
        ),
        (BACKUP, "failover.backups", {"failover.target": "b", "failover.slow_target": "a"}),
        (OPENED, "failover.breaker.transitions", SCOPE | {"failover.state": "open"}),
        (HALF_OPEN, "failover.breaker.transitions", SCOPE | {"failover.state": "half_open"}),
        (CLOSED, "failover.breaker.transitions", SCOPE | {"failover.state": "closed"}),
        (
            BLOCKED,
            "failover.blocked",
            {"failover.scope": "credential", "failover.key": "team-1", "failover.reason": "auth 401"},
        ),
        (NO_BUDGET, "failover.budget.empty", {"failover.budget": "failover"}),
        (EXHAUSTED, "failover.exhausted", {}),
    ],
)
def test_each_kind_is_counted(event: Event, metric: str, attributes: dict[str, str], backend: Backend) -> None:
    assert backend.hear(event, event).counts(metric) == [(2, attributes)]
    others = {name for name in backend.metrics() if name.startswith("failover.")} - {metric}
    assert others == set()


def test_an_attempt_is_counted_when_it_ends(backend: Backend) -> None:
    assert backend.hear(STARTED).metrics() == {}


def test_no_metric_tells_requests_apart(backend: Backend) -> None:
    """Else each request would be a time series of its own."""
    for _ in range(3):
        backend.hear(*ALL)
    assert {len(backend.points(m)) for m in ("failover.exhausted", "failover.failovers", DURATION)} == {1, 2}


# -- spans ------------------------------------------------------------------------------------------------------------


def test_within_a_trace_each_attempt_is_a_child_with_its_own_time(backend: Backend) -> None:
    with backend.tracer.start_as_current_span("answer the user"):
        backend.hear(STARTED, FAILED, FAILED_OVER, ANSWERED)
    spans = backend.spans()
    parent, failed, answered = spans["answer the user"], spans["attempt a"], spans["attempt b"]
    for child in (failed, answered):
        assert child.parent is not None
        assert child.parent.span_id == parent.context.span_id
        assert child.end_time - child.start_time == 500_000_000
        assert child.end_time <= parent.end_time
        assert child.kind is SpanKind.INTERNAL
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "server_error 500")
    assert answered.status.status_code is StatusCode.UNSET
    assert failed.attributes == {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5.5",
        "error.type": "server_error",
        "failover.target": "a",
        "failover.attempt": 1,
        "failover.request": 7,
    }


def test_what_happens_between_attempts_is_told_on_the_span_itself(backend: Backend) -> None:
    with backend.tracer.start_as_current_span("answer the user"):
        backend.hear(*ALL)
    told = [(event.name, event.attributes["failover.message"]) for event in backend.spans()["answer the user"].events]
    assert [name for name, _ in told] == [
        "failover.failed_over",
        "failover.backup_started",
        "failover.breaker.open",
        "failover.breaker.open",
        "failover.breaker.half_open",
        "failover.breaker.closed",
        "failover.blocked",
        "failover.budget.empty",
        "failover.exhausted",
    ]
    assert dict(told)["failover.exhausted"] == str(EXHAUSTED)


def test_a_caller_who_left_is_no_error(backend: Backend) -> None:
    with backend.tracer.start_as_current_span("answer the user"):
        backend.hear(ended(A, LEFT))
    span = backend.spans()["attempt a"]
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes is not None
    assert span.attributes["error.type"] == "cancelled"


def test_without_a_trace_no_span_is_begun(backend: Backend) -> None:
    backend.hear(*ALL)
    assert backend.spans() == {}
    assert len(backend.points("failover.attempts")) == 2


def test_nor_within_a_trace_that_is_not_recorded() -> None:
    backend = Backend(tracers=TracerProvider(sampler=ALWAYS_OFF))
    with backend.tracer.start_as_current_span("answer the user"):
        backend.hear(*ALL)
    assert backend.spans() == {}
    assert len(backend.points("failover.attempts")) == 2


def test_the_span_says_nothing_that_the_provider_quoted(backend: Backend) -> None:
    with backend.tracer.start_as_current_span("answer the user"):
        backend.hear(FAILED)
    assert BROKEN.message == "oh no"
    assert "oh no" not in "".join(span.to_json() for span in backend.exporter.get_finished_spans())


# -- how it is made ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_listener_of_the_global_providers_travels(how: Callable[[Any], Any]) -> None:
    twin = how(otel_listener(operation="embeddings"))
    assert twin.__reduce__() == (type(twin), (None, None, "embeddings"))
    twin(FAILED)


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def test_without_meter_and_tracer_the_global_providers_are_told() -> None:
    """In a process of its own: they can be set only once."""
    said = fresh("""
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from failover_plugin import Attempt, Target
from failover_plugin.events import AttemptEnded
from failover_plugin.otel import otel_listener
listener = otel_listener()
reader, exporter, tracers = InMemoryMetricReader(), InMemorySpanExporter(), TracerProvider()
tracers.add_span_processor(SimpleSpanProcessor(exporter))
metrics.set_meter_provider(MeterProvider([reader]))
trace.set_tracer_provider(tracers)
with trace.get_tracer("app").start_as_current_span("answer the user"):
    attempt = Attempt(number=1, target="a", started=0.0, duration=0.5)
    listener(AttemptEnded(at=0.0, attempt=attempt, target=Target("a", provider="p", model="m"), request_id=1))
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
print(scope.scope.name, scope.scope.version, len(scope.metrics), [span.name for span in exporter.get_finished_spans()])
""")
    assert said == f"failover_plugin {version('failover-plugin')} 2 ['attempt a', 'answer the user']"


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError, match=r'needs OpenTelemetry: pip install "failover-plugin\[otel\]".$'):
        run_path(otel.__file__)


def test_who_does_not_ask_for_it_does_not_load_it() -> None:
    code = "import sys, failover_plugin, failover_plugin.events; print('opentelemetry' in sys.modules)"
    assert fresh(code) == "False"
