"""What happened in one lane, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import quantiles

from failover_plugin.demo.lane import Track


@dataclass(frozen=True, slots=True)
class Answer:
    """One served request: when it was asked (monotonic seconds), how long it took (seconds), and the text."""

    asked: float
    took: float
    text: str


@dataclass(slots=True)
class Record:
    """One lane's requests."""

    track: Track
    answers: list[Answer] = field(default_factory=list[Answer])
    errors: list[str] = field(default_factory=list[str])
    returned: float = float("inf")

    def lost(self, error: str) -> None:
        """A request was not answered."""
        self.errors.append(error)

    @property
    def asked(self) -> int:
        """Requests that have come to an end."""
        return len(self.answers) + len(self.errors)

    @property
    def dead_attempts(self) -> int:
        """Attempts that hit the primary while it was dead, counted at the provider."""
        return sum(1 for seen in self.track.primary.requests if seen.fault is not None)

    @property
    def back_after(self) -> float | None:
        """Seconds from the primary's return to its next answer; None if it was not used again."""
        times = [s.at for s in self.track.primary.requests if s.fault is None and s.at >= self.returned]
        return min(times) - self.returned if times else None

    def latency(self, percentile: int) -> float:
        """Seconds; 0 before there are two answers."""
        took = [answer.took for answer in self.answers]
        return quantiles(took, n=100)[percentile - 1] if len(took) > 1 else 0.0

    @property
    def last_answer(self) -> str:
        """Who answered last, in the provider's own words."""
        return self.answers[-1].text if self.answers else ""

    @property
    def state(self) -> str:
        """The targets' states, where the core is ours."""
        core = self.track.lane.core
        return "\n".join(f"{t.target}: {t.state}" for t in core.health().targets) if core else "keeps no health"

    @property
    def last_trail(self) -> str:
        """How the latest request went, where the core is ours."""
        core = self.track.lane.core
        ended = [t for t in core.recent_trails if t.attempts] if core else []
        return str(ended[-1]) if ended else ""
