"""The figures of the catalogue by name: how each is shown, and which way is better."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Figures: TypeAlias = dict[str, float]
"""Of one run, by name; infinite: it never came. What has no meaning for the run is not there."""


class Metric(NamedTuple):
    """How a figure is shown, and which way is better."""

    title: str
    digits: int
    high_is_good: bool = False


METRICS = {
    "ok": Metric("ok%", 2, high_is_good=True),
    "slo": Metric("slo%", 2, high_is_good=True),
    "ok_during": Metric("ok% during", 2, high_is_good=True),
    "slo_during": Metric("slo% during", 2, high_is_good=True),
    "ok_after": Metric("ok% after", 2, high_is_good=True),
    "slo_after": Metric("slo% after", 2, high_is_good=True),
    "ttft_p50": Metric("TTFT p50", 2),
    "ttft_p95": Metric("TTFT p95", 2),
    "ttft_p99": Metric("TTFT p99", 2),
    "e2e_p99": Metric("e2e p99", 1),
    "waste": Metric("waste", 4),
    "sick": Metric("sick%", 2),
    "ttd": Metric("TTD", 1),
    "requests_to_detect": Metric("requests to detect", 0),
    "ttr_first": Metric("TTR first", 1),
    "ttr_share": Metric("TTR share", 1),
    "ttr_fleet": Metric("TTR fleet", 1),
    "cost": Metric("cost", 1),
    "cost_ratio": Metric("cost/oracle", 3),
    "ttft_p99_ratio": Metric("TTFT p99/oracle", 2),
    "e2e_p99_ratio": Metric("e2e p99/oracle", 2),
    "slo_gap": Metric("slo% behind oracle", 2),
    "ok_lead": Metric("ok% before with_fallbacks", 2, high_is_good=True),
    "opens": Metric("openings", 0),
    "false_opens": Metric("false opens per 10k", 2),
    "failures_to_open": Metric("failures to open", 0),
    "requests_to_open": Metric("requests to open", 0),
    "backoff_growth": Metric("back-off growth", 1, high_is_good=True),
    "early_retries": Metric("asked before Retry-After", 0),
    "key_probes": Metric("probes/min per key", 2),
    "alerts": Metric("alerts", 0, high_is_good=True),
    "leaked": Metric("leaked calls", 0),
}
