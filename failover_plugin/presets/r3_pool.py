"""Nodes take turns, and one that fails rests for a time that its error names (R3).

The design of zeph's ``gonka/endpoints.rs``: round robin over the nodes that do not rest; if all rest, the one whose
rest ends first, so that a caller always gets one. Mended: the turn does not move on over nodes that are skipped, so the
others get even shares; time is monotonic; a rest is only ever prolonged, except by an explicit 0; a Retry-After is
kept; a dead key is not treated like a blip; and with all nodes resting, calls at the same time are spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from failover_plugin.classify import VERDICTS, Hold
from failover_plugin.errors import ConfigError
from failover_plugin.model import ErrorClass, Target
from failover_plugin.policy import Policy, VerdictPolicy
from failover_plugin.presets.checks import http_url, seconds

TIMEOUT_RESTS: Mapping[ErrorClass, float] = MappingProxyType({ErrorClass.TIMEOUT: 60.0})
"""Seconds, where they differ from ``cooldown``: as in ``gonka/provider.rs``."""

BLAMED = (ErrorClass.RATE_LIMIT, *(each for each, verdict in VERDICTS.items() if verdict.weight))
"""What sends a node to rest: the errors that speak of it, and not of a request or a key."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a network: its base URL and its address there, which is who it is."""

    base_url: str
    address: str


def pool(*, cooldown: float = 30.0, cooldowns: Mapping[ErrorClass, float] = TIMEOUT_RESTS) -> Policy:
    """Let a node rest for ``cooldown`` seconds after one failure, or for what ``cooldowns`` says of its error.

    Up to a tenth is added at random, so that not all callers come back in the same instant. A Retry-After goes before
    both. Raises ``ConfigError``.
    """
    usual = seconds("cooldown", cooldown)
    if strange := next((each for each in cooldowns if each not in BLAMED), None):
        known = ", ".join(BLAMED)
        raise ConfigError(f"cooldowns: {str(strange)!r} sends no node to rest. Those that do: {known}.")
    rests = {each: seconds(f"cooldowns[{each}]", cooldowns.get(each, usual)) for each in BLAMED}
    return Policy(
        strategy="round_robin",
        last_resort="earliest",
        patience=0,
        verdicts={each: VerdictPolicy(hold=Hold.COOL, seconds=rest) for each, rest in rests.items()},
    )


def node_targets(nodes: Iterable[Node], *, provider: str, model: str) -> tuple[Target, ...]:
    """One target for each node, equal in rank, with the address as its id.

    Raises ``ConfigError`` for an empty list, a URL that is none, and a scheme other than http and https.
    """
    listed = tuple(nodes)
    if not listed:
        raise ConfigError("nodes = []: there is nobody to ask. Give at least one Node.")
    urls = [http_url(f"nodes[{i}].base_url", node.base_url) for i, node in enumerate(listed)]
    return tuple(
        Target(node.address, provider=provider, model=model, endpoint=url)
        for node, url in zip(listed, urls, strict=True)
    )
