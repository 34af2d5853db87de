"""What targets share: breakers by credential, account, rate window and server, made when something is first booked.

A healthy fleet has none, so asking it looks at none. Changed only by ``FleetHealth``, under its lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from failover_plugin.breaker import Breaker, Era
from failover_plugin.limits import Meter
from failover_plugin.model import Scope, Target
from failover_plugin.policy import BreakerPolicy
from failover_plugin.standing import Key, Rates, Standing, scope_keys


class Scopes:
    """The breakers and rate windows of a fleet, each by the key it is shared under."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self.era = Era()
        self.breakers: dict[tuple[Scope, Key], Breaker] = {}
        self._rates: dict[Key, Rates] = {}
        self._sharers: dict[tuple[Scope, Key], list[Standing]] = {}
        self._present: Mapping[str, Standing] = {}

    def adopt(self, present: Mapping[str, Standing]) -> None:
        """These are the targets now: what they share is kept, and what nobody shares any more is forgotten."""
        breakers, rates, self._sharers, self._present = self.breakers, self._rates, {}, present
        self.breakers, self._rates = {}, {}
        for standing in present.values():
            keys = scope_keys(standing.target)
            for full in keys.items():
                if full[1][0] is not None:
                    self._sharers.setdefault(full, []).append(standing)
                if breaker := breakers.get(full):
                    self.breakers[full] = breaker
                    standing.breakers = (*standing.breakers, (full[0], breaker))
            key = keys[Scope.RATE]
            if found := rates.get(key) or self._rates.get(key):
                self._rates[key] = standing.rates = found
                _meter(found, standing.target)
            elif _metered(standing.target):
                self.rates(standing)

    def breaker(self, standing: Standing, scope: Scope) -> Breaker:
        """The breaker of this scope of a target. An account that it does not name is known by its credential."""
        for own, breaker in standing.breakers:
            if own is scope:
                return breaker
        keys = scope_keys(standing.target)
        if scope not in keys:
            return self.breaker(standing, Scope.CREDENTIAL)
        full = scope, keys[scope]
        breaker = self.breakers.get(full) or self.breakers.setdefault(full, Breaker(self._policy, self.era))
        for sharer in (standing, *self.sharers(full)):
            if all(own is not scope for own, _ in sharer.breakers):
                sharer.breakers = (*sharer.breakers, (scope, breaker))
        return breaker

    def rates(self, standing: Standing) -> Rates:
        """The limits of a target's rate window."""
        if standing.rates is None:
            key = scope_keys(standing.target)[Scope.RATE]
            rates = self._rates.setdefault(key, Rates())
            for sharer in (standing, *self.sharers((Scope.RATE, key))):
                sharer.rates = rates
                _meter(rates, sharer.target)
        return standing.rates or Rates()

    def sharers(self, full: tuple[Scope, Key]) -> list[Standing]:
        """Everybody who shares this now."""
        scope, (name, *own) = full
        if name is not None:
            return self._sharers.get(full, [])
        standing = self._present.get(own[0] or "")
        return [standing] if standing and scope_keys(standing.target).get(scope) == full[1] else []

    def companions(self, standing: Standing, scope: Scope) -> list[Standing]:
        """Everybody who shares this scope of a target with it, itself included."""
        keys = scope_keys(standing.target)
        known = scope if scope in keys else Scope.CREDENTIAL
        return self.sharers((known, keys[known])) or [standing]

    def __iter__(self) -> Iterator[tuple[Scope, Key, Breaker]]:
        return ((scope, key, breaker) for (scope, key), breaker in self.breakers.items())


def label(key: Key) -> str:
    """A key for people."""
    return " ".join(filter(None, key))


def _metered(target: Target) -> bool:
    return target.rpm is not None or target.tpm is not None


def _meter(rates: Rates, target: Target) -> None:
    """Of different limits for one window the first holds."""
    if target.rpm is not None and rates.requests is None:
        rates.requests = Meter(target.rpm)
    if target.tpm is not None and rates.tokens is None:
        rates.tokens = Meter(target.tpm)
