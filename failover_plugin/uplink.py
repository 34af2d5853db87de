"""Is it them or is it us? Connections that fail to different servers at the same time speak of our own network.

Without this a process that loses its network would condemn every target one after the other, and stay away from all of
them when it is back.
"""

from __future__ import annotations

from math import inf

from failover_plugin.model import Target

AT_THE_SAME_TIME = 2.0
"""Seconds."""


class Uplink:
    """This process's way to its targets. Told the time, in monotonic seconds; not safe for concurrent use."""

    __slots__ = ("_failed", "_heard")

    def __init__(self) -> None:
        self._failed: dict[str, float] = {}
        self._heard = -inf

    def worked(self, began: float) -> None:
        """A call that began then has been answered: connections could be made. That an older one goes on says no more:
        a connection that is there outlives the way to new ones.
        """
        if began > self._heard:
            self._heard = began

    def broken(self, target: Target, now: float) -> bool:
        """A connection to this target failed; says whether those to others did too, and nobody was reached since."""
        server = target.endpoint or target.provider
        self._failed[server] = now
        since = max(self._heard, now - AT_THE_SAME_TIME)
        return any(failed > since for other, failed in self._failed.items() if other != server)
