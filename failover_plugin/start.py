"""An attempt as a driver sees it: whom to call, and how long to wait for what."""

from __future__ import annotations

import sys
from math import inf
from typing import TYPE_CHECKING

from failover_plugin.model import Attempt, Diagnosis, Skip, Target, Trail

if TYPE_CHECKING:
    from collections.abc import Collection

    from failover_plugin.lease import Lease
    from failover_plugin.ledger import Ledger
    from failover_plugin.model import Request
    from failover_plugin.policy import Policy
    from failover_plugin.tempo import Tempo

SLOWEST_START = 10.0
"""Seconds: an adaptive limit for the first content is never shorter (policy of the same name: four soft deadlines)."""


class Start:
    """Call this target now. Times are in seconds; ``deadline`` is on the flow's clock.

    No limit is longer than what is left of the request's deadline.
    """

    __slots__ = (
        "_before",
        "_policy",
        "_request",
        "_request_began",
        "_soft",
        "_tempo",
        "began",
        "content_after",
        "deadline",
        "diagnosis",
        "ended",
        "handled",
        "held",
        "hurried",
        "lease",
        "number",
        "prefix",
        "resumed",
        "streaming",
        "target",
        "wordless",
    )

    def __init__(
        self, lease: Lease, request: Request, ledger: Ledger, policy: Policy, deadline: float, tempo: Tempo
    ) -> None:
        self._request = request
        self._policy = policy
        self._request_began = ledger.began
        self._before = tuple(ledger.entries) if ledger.entries else ()
        self.lease = lease
        self.target: Target = lease.standing.target
        self.number = ledger.number
        self.began = lease.started
        self.held = False
        """Whether the request has not left: one that a client's cache answers never does."""
        self.deadline = deadline
        self.streaming = lease.streaming
        self._tempo = tempo
        self._soft: float | None = None
        self.hurried = inf
        """Seconds after which a plain call is given up for another target, though the policy would allow it more."""
        self.resumed = False
        """Whether it goes on with a stream that broke after its first content."""
        self.prefix: str | None = None
        """Text that was delivered before a stream broke, to be continued here; None if the answer starts here."""
        self.content_after: float | None = None
        self.ended: float | None = None
        self.diagnosis: Diagnosis | None = None
        self.handled = sys.exception()
        self.wordless = False
        """Whether its answer, though it is one, has no content: it was filtered, say."""

    def hold(self) -> None:
        """The request stays inside this process, as its caller asked it to (a client's own rate limiter, its cache):
        until it is let go it has not begun, and only the request's deadline counts. An answer meanwhile is no evidence.
        """
        self.began, self.held = inf, True

    def let_go(self, now: float) -> None:
        """The request leaves now: from here on its time counts."""
        lease = self.lease
        lease.expires += now - lease.started
        self.began = lease.started = now
        self.held = False

    @property
    def due(self) -> float:
        """When a plain call's time is over, on the flow's clock."""
        return min(self.began + self._policy.attempt_timeout, self.deadline)

    @property
    def content_due(self) -> float:
        """When a stream's first content is overdue, on the flow's clock."""
        return min(self.began + self._granted_for_content, self.deadline)

    @property
    def model(self) -> str:
        """The model to call here: the target's own, or what its model map makes of the one the request names."""
        names = self._policy.model_maps.get(self.target.id)
        if names is None or self._request.model is None:
            return self.target.model
        return names.get(self._request.model, self._request.model)

    @property
    def soft_timeout(self) -> float:
        """Seconds without content after which a backup may be worth its price."""
        if self._soft is None:
            prompt = self._request.input_tokens
            self._soft = self._tempo.soft_deadline(self.lease.standing, prompt, streaming=self.streaming)
        return self._soft

    @property
    def timeout(self) -> float:
        """What to hand to a client that knows one timeout per call: the whole time of a plain call, or, for a stream,
        the silence it may keep at any point.
        """
        if self.streaming:
            return min(self.first_content_timeout, self.idle_timeout)
        return min(self._policy.attempt_timeout, self.left, self.hurried)

    @property
    def first_content_timeout(self) -> float:
        """Until a stream's first content."""
        return min(self._granted_for_content, self.left)

    @property
    def idle_timeout(self) -> float:
        """Silence allowed between two chunks of a stream."""
        return self._policy.idle_timeout

    @property
    def trail(self) -> Trail:
        """What came before."""
        return trail(self._before)

    @property
    def granted(self) -> float:
        """Its time until content, or until the whole of a plain answer, had the request no deadline."""
        return self._granted_for_content if self.streaming else self._policy.attempt_timeout

    def attempt(self) -> Attempt:
        """Its entry in the trail, once it has ended."""
        began = self.lease.started
        return Attempt(
            number=self.number,
            target=self.target.id,
            started=began - self._request_began,
            duration=max(0.0, (self.ended or began) - began),
            first_content=self.content_after,
            diagnosis=self.diagnosis,
        )

    @property
    def left(self) -> float:
        """Seconds from its beginning to the request's deadline."""
        return self.deadline - self.lease.started

    @property
    def _granted_for_content(self) -> float:
        given = self._policy.first_content_timeout
        if given != "adaptive":
            return given
        soft = self.soft_timeout if self.streaming else self._policy.latency.soft_unknown
        return max(SLOWEST_START, 4 * soft)


_NOTHING_YET = Trail()


def trail(entries: Collection[Attempt | Skip | Start]) -> Trail:
    """The record of a request, for people."""
    if not entries:
        return _NOTHING_YET
    return Trail(tuple(entry.attempt() if isinstance(entry, Start) else entry for entry in entries))
