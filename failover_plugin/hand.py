"""What people change by hand: taking a target out, testing it, resetting it, moving on. Under the fleet's lock."""

from __future__ import annotations

from failover_plugin.health import FleetHealth
from failover_plugin.model import Scope
from failover_plugin.standing import Standing, scope_keys


class Hand:
    """Manual operations on a fleet. Safe for any number of threads; told the time, in monotonic seconds."""

    def __init__(self, health: FleetHealth) -> None:
        self._health = health

    def rotate(self, now: float) -> None:
        """Go on after the one whose turn it is."""
        with self._health.lock:
            self._health.roster.catch_up(now)
            self._health.selection.rotate(now)

    def disable(self, standing: Standing, *, disabled: bool, now: float) -> None:
        """Take a target out, or back in."""
        with self._health.lock:
            standing.disabled = disabled
            self._health.review(standing, now)
        self._health.news.tell()

    def force_open(self, standing: Standing, seconds: float, now: float) -> None:
        """Leave its server alone."""
        with self._health.lock:
            self._health.scopes.breaker(standing, Scope.TARGET).force_open(seconds, now)
            self._health.trouble.changed(standing, Scope.TARGET, now)
        self._health.news.tell()

    def half_open(self, standing: Standing, now: float) -> None:
        """Let it be tested: each of its breakers that is open, or else its server's; no cooldown keeps it away."""
        with self._health.lock:
            if standing.rates:
                standing.rates.cooldown.hold(0, now)
                standing.rates.used_up = now
                self._health.trouble.changed(standing, Scope.RATE, now)
            open_ones = [scope for scope, breaker in standing.breakers if breaker.until is not None]
            for scope in open_ones or [Scope.TARGET]:
                self._health.scopes.breaker(standing, scope).half_open(now)
                self._health.trouble.changed(standing, scope, now)
        self._health.news.tell()

    def reset(self, standing: Standing | None, now: float) -> None:
        """Forget what was held against it, or against all."""
        health = self._health
        with health.lock:
            for each in [standing] if standing else health.roster.standings:
                if standing or each.counts.in_flight:
                    self._make_breakers(each)
                for scope, breaker in each.breakers:
                    breaker.reset()
                    health.trouble.changed(each, scope, now)
                if each.rates:
                    each.rates.cooldown.hold(0, now)
                    each.rates.used_up = now
                    health.trouble.changed(each, Scope.RATE, now)
                each.absolve()
                health.review(each, now)
            if standing is None:
                health.scopes.era.reset = health.scopes.era.turn()
                for tier in health.roster.tiers:
                    tier.cursor = -1
        health.news.tell()

    def _make_breakers(self, standing: Standing) -> None:
        """Those that calls under way would make by failing, so that a reset can overrule them."""
        for scope in scope_keys(standing.target):
            if scope is not Scope.RATE:
                self._health.scopes.breaker(standing, scope)

    def cool(self, standing: Standing, seconds: float, now: float) -> None:
        """Let its rate window rest."""
        with self._health.lock:
            cooldown = self._health.scopes.rates(standing).cooldown
            cooldown.hold(seconds, now)
            cooldown.why = "cooling by hand"
            self._health.trouble.changed(standing, Scope.RATE, now)
        self._health.news.tell()
