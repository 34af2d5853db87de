"""How to say here what was said there: one row for each operation of the five designs that the presets stand for.

Data, so that a test can run what the table promises and another can hold the README to it. In the right column ``fo``
is a ``Failover``, ``permit`` what ``fo.acquire`` gave, ``id`` a target's id and ``error`` what a call raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PHRASES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "R1: endpoints with three health states (api_xai)": (
            (
                "FailoverManager::new(urls, FailoverConfig::default())",
                'fo = Failover(presets.endpoint_targets(urls, provider="xai", model="grok-4"), presets.endpoints())',
            ),
            (
                ".with_max_failures(5).with_retry_after(30 s)",
                "presets.endpoints(max_failures=5, retry_after=30)",
            ),
            (".with_auto_rotate(false)", "presets.endpoints(auto_rotate=False)"),
            ("current_endpoint()", "fo.current().endpoint"),
            ("current_index()", "fo.targets.index(fo.current())"),
            ("endpoint_count()", "len(fo.targets)"),
            ("record_success()", "permit.success()"),
            ("record_failure()", "permit.failure(error)"),
            ("let rotated = record_failure()", "rotated = fo.current() != permit.target"),
            ("rotate()", "fo.rotate()"),
            ("endpoint_health()", "[(line.target, line.health) for line in fo.health().targets]"),
            ("reset()", "fo.reset()"),
            ("manager.clone()", "same = fo"),
        ),
        "R2: several keys of a provider (rustyclaw)": (
            (
                "AuthProfile { name, provider, api_key, base_url, enabled, rate_limit_rpm }",
                'presets.Profile(name="work", provider="openai", api_key=SecretStr(key), rate_limit_rpm=60)',
            ),
            (
                "register(provider, FailoverConfig { profiles, fallback_models, … })",
                'targets = presets.profile_targets(profiles, model="gpt-5.5", fallback_models=["gpt-5.4-mini"])',
            ),
            (
                "FailoverConfig { strategy, circuit_break_secs, max_retries, … }",
                "fo = Failover(targets, presets.profiles(circuit_break_secs=60, max_retries=3))",
            ),
            ("the same from the configuration file", 'openai = presets.read_profiles("profiles.yaml")["openai"]'),
            ("FailoverStrategy::{Sequential, RoundRobin, Random}", 'presets.profiles(strategy="round_robin")'),
            ("select_profile(provider)", "permit = fo.acquire()"),
            ("profile.api_key", "presets.api_keys(profiles)[permit.target.credential].get_secret_value()"),
            ("record_success(provider, name)", "permit.success()"),
            ("record_failure(provider, name)", "permit.failure(error)"),
            ("is_circuit_open()", 'fo.health()[id].state == "open"'),
            ("fallback_models(provider)", "[target.model for target in fo.targets if target.tier]"),
            ("health_report()", "fo.health().as_dict()"),
            (
                "stats.{total_requests, total_failures, consecutive_failures}",
                "fo.health()[id].attempts, fo.health()[id].failures, fo.health()[id].consecutive_failures",
            ),
            ("circuit_open_since", "fo.health()[id].returns_in"),
            ("has_failover(provider)", "len(fo.targets) > 1"),
            ("profile.enabled = false", "fo.disable(id)"),
        ),
        "R3: a pool of nodes that take turns (zeph)": (
            (
                "GonkaEndpoint { base_url, address }",
                'presets.Node("https://node1.example", "address-1")',
            ),
            (
                "EndpointPool::new(nodes)?",
                'fo = Failover(presets.node_targets(nodes, provider="gonka", model="qwen3"), presets.pool())',
            ),
            ("next()", "fo.acquire().target"),
            ("let (index, node) = next_indexed()", "permit = fo.acquire()"),
            ("mark_failed(index, cooldown_of(&error))", "permit.failure(error)"),
            ("mark_failed(index, 30 s)", "fo.cool(id, 30)"),
            ("mark_failed(index, Duration::ZERO)", "fo.cool(id, 0)"),
            (
                "30 s after an error, 60 s after a timeout",
                "presets.pool(cooldown=30, cooldowns={ErrorClass.TIMEOUT: 60})",
            ),
            ("len()", "len(fo.targets)"),
            ("is_empty()", "not fo.targets"),
            ("trace_span!(…)", "Failover(fo.targets, fo.policy, on_event=print)"),
        ),
        "R4: failover by error class (llmkit)": (
            (
                "FailoverConfig::new(name, primary).add_fallback(FallbackProvider::new(name, fallback))",
                "fo = Failover(presets.fallback_targets(primary, fallback), presets.triggers())",
            ),
            (
                ".with_triggers(vec![RateLimit, ServerError]), .trigger_on(…)",
                'presets.triggers("rate_limit", "server_error")',
            ),
            ("Timeout, NetworkError, AuthError", 'presets.triggers("timeout", "network_error", "auth_error")'),
            ("AnyError", 'presets.triggers("any_error")'),
            (".with_max_attempts(2)", "presets.triggers(max_attempts=2)"),
            (".retry_primary(1)", "presets.triggers(primary_retries=1)"),
            (
                '.with_model_mapping("gpt-5.5", "claude-sonnet-5")',
                'presets.triggers(model_maps={"anthropic": {"gpt-5.5": "claude-sonnet-5"}})',
            ),
            ("map_model(model)", "current_attempt().model"),
            ("should_failover(&error)", "classify(error).error_class in fo.policy.fallback_on"),
            (
                "FailoverProvider::new(config).complete(request)",
                'fo.run(call, Request(model="gpt-5.5")).value',
            ),
            ("complete_stream(request)", 'fo.stream(open_, Request(model="gpt-5.5"))'),
            ("the last error", "AllTargetsFailed.first_error"),
            ("primary_name(), fallback_names()", "[target.id for target in fo.targets]"),
            ("supports_tools(), supports_vision(), …", '"tools" in fo.targets[0].capabilities'),
            ("a request with tools", 'fo.run(call, Request(needs=frozenset({"tools"})))'),
            ("count_tokens(request), create_batch(requests)", "fo.run(call, presets.PRIMARY_ONLY)"),
            (
                "presets::simple_failover(…)",
                "fo = Failover(*presets.simple_failover(primary, fallback))",
            ),
            ("presets::openai_to_anthropic(…)", "fo = Failover(*presets.openai_to_anthropic())"),
            ("presets::anthropic_to_openai(…)", "fo = Failover(*presets.anthropic_to_openai())"),
        ),
        "R5: a breaker that watches latency (llmkit)": (
            (
                "CircuitBreaker::new(provider, CircuitBreakerConfig::default())",
                "fo = Failover(targets, presets.adaptive())",
            ),
            (
                "CircuitBreakerConfig { failure_threshold_z_score, half_open_requests, success_rate_threshold, … }",
                "presets.adaptive(failure_threshold_z_score=2.5, half_open_requests=10, success_rate_threshold=0.8)",
            ),
            ("history_size", "# not needed: constant memory"),
            ("check_request()?", "permit = fo.acquire(streaming=True)"),
            ("record_result(latency_ms, true)", "permit.first_content(); permit.success()"),
            ("record_result(latency_ms, false)", "permit.failure(error)"),
            ("state()", "fo.health()[id].state"),
            ("metrics().mean_latency, .std_dev_latency", "fo.health()[id].usual, fo.health()[id].deviation"),
            ("metrics().error_rate", "fo.health()[id].failures / fo.health()[id].attempts"),
            ("metrics().latencies", "fo.health()[id].p50, fo.health()[id].p95, fo.health()[id].p99"),
            ("metrics().errors", "[trail.attempts for trail in fo.recent_trails]"),
            ("is_anomaly(latency_ms, z)", "fo.health()[id].anomalies"),
            ("open()", "fo.force_open(id)"),
            ("half_open()", "fo.half_open(id)"),
            ("reset()", "fo.reset(id)"),
            ("breaker.clone()", "same = fo"),
        ),
    }
)
"""For each design what was written there, and what is written here."""


def table() -> str:
    """``PHRASES`` as Markdown, one table for each design, without a final newline."""
    return "\n\n".join(_section(design, rows) for design, rows in PHRASES.items())


def _section(design: str, rows: tuple[tuple[str, str], ...]) -> str:
    lines = [f"| {_code(there)} | {_code(here)} |" for there, here in rows]
    return "\n".join([f"**{design}**", "", "| there you wrote | here you write |", "| --- | --- |", *lines])


def _code(text: str) -> str:
    """In backticks, with the bars that would end a cell escaped."""
    return f"`{text}`".replace("|", r"\|")
