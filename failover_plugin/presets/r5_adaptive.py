"""A breaker that takes unusual latency for evidence, and judges a recovery by several probes (R5).

The design of llmkit's ``circuit_breaker.rs``. Mended: one failure, or one slow answer, opens nothing, since both only
add to the evidence (see ``failover_plugin.evidence``); an open breaker becomes half-open by itself; statistics are
kept up in constant time and memory; the baseline is robust, in log space, of first contents and of successes only, so
neither outliers nor long answers poison it; an outcome that comes late changes nothing; and the probes are counted
when they are let in, so there are never more than that at once.
"""

from __future__ import annotations

from failover_plugin.policy import BreakerPolicy, LatencyPolicy, Policy
from failover_plugin.presets.checks import whole


def adaptive(
    *,
    failure_threshold_z_score: float = 2.5,
    half_open_requests: int = 10,
    success_rate_threshold: float = 0.8,
    anomaly_weight: float = 0.5,
) -> Policy:
    """Count a first content later than ``failure_threshold_z_score`` deviations as ``anomaly_weight`` of a failure, and
    close after ``half_open_requests`` probes of which ``success_rate_threshold`` succeeded.

    With the weight of 0.5 some eight anomalies in a row open, and one in a hundred never does. Raises ``ConfigError``.
    """
    return Policy(
        last_resort="off",
        breaker=BreakerPolicy(
            half_open_probes=whole("half_open_requests", half_open_requests),
            success_rate=success_rate_threshold,
            parole=False,
            ramp=False,
        ),
        latency=LatencyPolicy(anomaly_score=failure_threshold_z_score, anomaly_weight=anomaly_weight),
    )
