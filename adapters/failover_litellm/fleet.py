"""A router's deployments and the core that chooses among them, kept in step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from failover_litellm.host import Host
from failover_litellm.targets import Deployment, facts_of, given_id, target_id, targets_of
from failover_plugin import Failover, Permit, Policy


class Fleet:
    """Safe for any number of threads and event loops: LiteLLM asks from whichever it is on."""

    def __init__(self, host: Host, policy: Policy | None) -> None:
        """Raises ``ConfigError`` for a deployment whose facts are not understood, and for no deployment at all."""
        self._host = host
        self._lock = Lock()
        self._known = _known(host.deployments)
        self._dropped = deque[Permit]()
        self.failover = Failover(targets_of(host.deployments), policy)

    def offer(self, deployments: Iterable[Deployment]) -> dict[str, Deployment]:
        """These deployments by the ids of their targets. New and changed ones are made known to the core first."""
        while self._dropped:
            self._dropped.popleft().cancel()
        offered = list(deployments)
        known = self._known
        if any(known.get(given_id(d), (None, None))[1] != facts_of(d) for d in offered):
            known = self._refresh(offered)
        return {known[given_id(d)][0]: d for d in offered}

    def watch(self, stream: Any, permit: Permit) -> None:
        """Give the permit back, at the next choice, if the stream is dropped unread."""
        stream.failover_watch = _Watch(permit, self._dropped)

    def _refresh(self, offered: list[Deployment]) -> Mapping[str, tuple[str, Any]]:
        """Look at the router again. What it offers without having it, such as a team's own, is added."""
        with self._lock:
            deployments = {given_id(d): d for d in (*offered, *self._host.deployments)}.values()
            self.failover.replace_targets(targets_of(deployments))
            self._known = _known(deployments)
            return self._known


class _Watch:
    """Dies with the stream that holds it. Nobody else may: a permit leads, by the errors before it, back to the stream.

    The permit is given back later: this may be in the middle of a garbage collection, where no lock should be taken.
    """

    def __init__(self, permit: Permit, dropped: deque[Permit]) -> None:
        self._permit = permit
        self._dropped = dropped

    def __del__(self) -> None:
        if not self._permit.settled:
            self._dropped.append(self._permit)


def _known(deployments: Iterable[Deployment]) -> Mapping[str, tuple[str, Any]]:
    return {given_id(d): (target_id(d), facts_of(d)) for d in deployments}
