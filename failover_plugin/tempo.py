"""When a target has become slow, compared with itself and with the rest of the fleet, and when a call is overdue.

Slow is judged by the fast mean against the fleet's usual: a factor of three, confirmed by the latest sample, makes a
target degraded; a test that takes less than 2.5 times the usual ends that. A soft deadline is what a target, or the
fleet while little is known of it, exceeds in one healthy call of seven hundred; but no later than a caller likes to
wait (``soft_max``), unless one healthy call in six takes longer.

Used under the lock of a ``FleetHealth``; told the time, in monotonic seconds.
"""

from __future__ import annotations

from math import exp, inf, log

from failover_plugin.concurrency import ConcurrencyLimit
from failover_plugin.latency import PREFILL, Baseline
from failover_plugin.lease import Lease
from failover_plugin.policy import Policy
from failover_plugin.standing import PROTECTS, Standing

COMMON = 1.0
"""Deviations that one healthy call in six exceeds: a backup for each would use up the budget for nothing."""
SURPRISING = 2.0
"""Deviations that one healthy call in forty exceeds: what is later speaks against its target."""
SILENT = 1.5
"""The same where nothing that began later has been answered either: one healthy call in fifteen exceeds them."""
RECOVERED = 2.5
"""Times the fleet's usual below which a slow target is well again."""
DOUBLE = 0.7
"""What the latest sample must exceed the fleet's usual by to confirm slowness, in log units."""
ENOUGH, ENOUGH_OF_ALL = 10, 20
"""Samples of the target and of the fleet before anybody is called slow."""
ENOUGH_TO_GUESS = 5
"""Samples of the fleet before anybody's silence is measured by them."""
CLEAR_ANOMALY = 2.5
"""z-score from which a late first content is counted as an anomaly in the report (the threshold of R5, llmkit)."""
PLAIN_UNKNOWN = 25.0
"""Seconds that hardly any healthy plain answer takes: the soft deadline of plain calls while nothing is known."""
LONGEST_SOFT = 20.0
"""Seconds: no prompt is so long that its first content is not overdue then."""


class Tempo:
    """The fleet's latency, and each target's place in it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy.latency
        self._slow = log(policy.latency.slow_factor)
        self._ramps = policy.breaker.ramp and policy.limits.adaptive
        self.fleet = Baseline()

    def observe(self, standing: Standing, lease: Lease, seconds: float, now: float) -> bool:
        """Take a target's time to first content, as if for a short prompt; says whether it is an anomaly."""
        own = standing.latency
        assert own is not None  # noqa: S101 - for the type checker: the caller has seen to it
        anomalous = own.count >= ENOUGH and own.anomaly(seconds) > (self._policy.anomaly_score or CLEAR_ANOMALY)
        standing.counts.anomalies += anomalous
        own.observe(seconds, now)
        self.fleet.observe(seconds, now)
        if standing.slow:
            self._recovering(standing, lease, seconds, now)
        elif own.fast - self.fleet.floor > DOUBLE:
            standing.slow = self._is_slow(own, seconds)
        return anomalous and self._policy.anomaly_score is not None

    def soft_deadline(self, standing: Standing, prompt: int | None, *, streaming: bool) -> float:
        """Seconds after which a call to this target is overdue."""
        policy = self._policy
        if not streaming:
            whole = standing.whole
            known = whole is not None and whole.known
            return max(policy.soft_min, whole.within(policy.soft_deviations)) if whole and known else PLAIN_UNKNOWN
        limit = max(policy.soft_min, self._expected(standing.latency))
        return max(limit, min(LONGEST_SOFT, limit * (1 + prompt / PREFILL))) if prompt else limit

    def _expected(self, own: Baseline | None) -> float:
        fleet = self.fleet
        if own is not None and own.known:
            expected = self._patience(own)
            return min(expected, 1.5 * self._patience(fleet)) if fleet.count >= ENOUGH_OF_ALL else expected
        return self._patience(fleet) if fleet.count >= ENOUGH_TO_GUESS else self._policy.soft_unknown

    def _patience(self, baseline: Baseline) -> float:
        """What hardly any healthy call takes; where tails are heavy, as long as a caller likes to wait, unless many
        healthy calls take longer.
        """
        policy = self._policy
        return min(baseline.within(policy.soft_deviations), max(policy.soft_max, baseline.within(COMMON)))

    def surprising(self, lease: Lease, now: float) -> bool:
        """Whether the lateness of a call without content speaks against its target, rather than of a heavy tail."""
        usual = self._usual(lease.standing)
        common = SILENT if lease.standing.heard_of < lease.started else SURPRISING
        return not lease.streaming or usual is None or now - lease.started >= usual.within(common)

    def knows(self, lease: Lease) -> bool:
        """Whether it is known how long such a call takes."""
        if lease.streaming:
            return self._usual(lease.standing) is not None
        return lease.standing.whole is not None and lease.standing.whole.known

    def _usual(self, standing: Standing) -> Baseline | None:
        own = standing.latency
        return own if own is not None and own.known else self.fleet if self.fleet.count >= ENOUGH_TO_GUESS else None

    @property
    def usual(self) -> float:
        """The fleet's time to first content, as a logarithm."""
        return min(self.fleet.mean, self.fleet.fast)

    def _is_slow(self, own: Baseline, seconds: float) -> bool:
        enough = own.count > ENOUGH and self.fleet.count > ENOUGH_OF_ALL
        confirmed = log(max(seconds, 1e-3)) - self.fleet.mean > DOUBLE
        return enough and confirmed and own.fast - self.usual > self._slow

    def _recovering(self, standing: Standing, lease: Lease, seconds: float, now: float) -> None:
        own = standing.latency
        if own is not None and seconds < RECOVERED * exp(self.usual):
            standing.slow, standing.waits, standing.probe_at = False, 0, inf
            own.restart(self.usual)
            if not self._ramps:
                return
            standing.limit = ConcurrencyLimit()
            standing.limit.ramp(standing.counts.in_flight, standing.counts.in_flight)
        elif lease.test:
            standing.waits += 1
            standing.probe_at = now + PROTECTS * 2.0 ** min(standing.waits, 4)
