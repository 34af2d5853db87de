"""Leave to call one target, and what is noted of the call."""

from __future__ import annotations

from failover_plugin.breaker import Breaker
from failover_plugin.standing import Standing


class Lease:
    """Leave to call one target, until it is settled, or expires because a host forgot it.

    ``born`` is the epoch it was given in: what has opened since makes its outcome worthless.
    """

    __slots__ = (
        "aside",
        "backup",
        "blind",
        "born",
        "content",
        "doubt",
        "expires",
        "generation",
        "late",
        "probes",
        "settled",
        "standing",
        "started",
        "streaming",
        "test",
        "tokens",
    )  # fmt: skip

    def __init__(self, standing: Standing, born: int, now: float, expires: float, generation: int) -> None:
        self.standing = standing
        self.born = born
        self.started = now
        self.expires = expires
        self.generation = generation
        self.streaming = False
        self.backup = False
        self.aside = False
        """Whether its target would not have been asked, had there been anybody else."""
        self.probes: tuple[Breaker, ...] = ()
        """The half-open breakers that it tests."""
        self.test = False
        """Whether it tests a degraded target."""
        self.tokens = 0.0
        """As estimated, until the real number is known."""
        self.doubt = 0.0
        """How much of a failure was booked because it is late."""
        self.blind = False
        """Whether it was doubted while nobody knew how long an answer takes here."""
        self.late = False
        """Whether its soft deadline has passed without content."""
        self.content = False
        self.settled = False

    @property
    def probe(self) -> bool:
        """Whether this call tests a target that may not be well."""
        return self.test or bool(self.probes)
