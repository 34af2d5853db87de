"""What a user may decide, with a default and its reason for everything: validated once, frozen for good.

All times are in seconds. The defaults suit one primary and one fallback. A wrong value raises ``ConfigError``, which
names the field, the value and the remedy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from failover_plugin._validation import config_error
from failover_plugin.classify import VERDICTS, Route
from failover_plugin.model import ErrorClass

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise config_error(error, type(self).__name__, type(self).model_fields) from None


class BreakerPolicy(_Part):
    """When a target is left alone, and how it comes back."""

    threshold: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.5
    """Clean failures in a row that open the breaker. 2.5: three within 15 s open it in spite of the half-life."""

    half_life: Seconds = 60.0
    """Evidence is forgotten by half in this time."""

    open_base: Seconds = 2.0
    """First time open; it doubles with every opening: a short outage is over soon, a long one costs few probes."""

    open_cap: Seconds = 30.0
    """Longest time open."""

    jitter: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """Times open are spread by this share, so that many processes do not come back in step."""

    half_open_probes: Annotated[int, Field(ge=1)] = 1
    """Requests let through at once to test a recovery; everybody else goes elsewhere meanwhile."""

    block_cap: Seconds = 3600.0
    """Longest time a dead key, an empty account or a missing model is left alone; the first is 60 s (model: 600 s)."""


class BudgetPolicy(_Part):
    """How many attempts beyond the first all requests together may spend, so that failover never feeds a storm."""

    capacity: Amount = 50.0
    """Attempts saved up at most, and at the start."""

    per_success: Amount = 0.2
    """Earned by a success: in steady state one request in five may be tried again."""

    per_second: Amount = 1.0
    """Earned by time, so that a quiet process is never locked out."""


class Policy(_Part):
    """How requests are routed, retried, timed out and given up."""

    strategy: Literal["p2c", "sequential"] = "p2c"
    """Who is asked within a tier: the better of two drawn at random (least busy, least failing), or the first that
    can.
    """

    fallback_on: frozenset[ErrorClass] | None = None
    """Only these errors go on to another target. None: as the verdict table says."""

    give_up_on: frozenset[ErrorClass] = frozenset()
    """These errors go straight to the caller."""

    max_attempts: Annotated[int, Field(ge=1)] = 5
    """Calls made for one request at most, over all targets."""

    same_target_retries: Annotated[int, Field(ge=0)] = 1
    """Times a target is asked again in one request, when its tier has no other, before the next tier is."""

    patience: Amount = 2.5
    """Longest wait for a target that says, or is known, when it will be back."""

    deadline: Seconds | None = None
    """The whole time for a request, all attempts and waits included. None: no limit."""

    attempt_timeout: Seconds = 120.0
    """Time for one plain call: long answers take long, and a shorter limit kills some of them."""

    first_content_timeout: Seconds | Literal["adaptive"] = "adaptive"
    """Time until a stream's first content. "adaptive" is at present 20 s, four times the 5 s that a first token may
    take.
    """

    idle_timeout: Seconds = 30.0
    """Silence allowed between two chunks of a stream: reasoning models pause."""

    stream_failover: Literal["off", "before_first_content"] = "before_first_content"
    """Whether a stream that dies before its first content is opened elsewhere."""

    breaker: BreakerPolicy = Field(default_factory=BreakerPolicy)
    """When a target is left alone."""

    budget: BudgetPolicy = Field(default_factory=BudgetPolicy)
    """What failover may spend."""

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a policy from a YAML or JSON file. Raises ``ConfigError`` for anything that does not fit."""
        from failover_plugin._files import read_mapping

        return cls(**read_mapping(path))

    def to_yaml(self) -> str:
        """This policy as YAML that ``from_file`` reads back."""
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    @field_serializer("fallback_on", "give_up_on", when_used="json-unless-none")
    def _in_order(self, classes: frozenset[ErrorClass]) -> list[str]:
        """The same in every process."""
        return sorted(classes)

    @property
    def first_content_limit(self) -> float:
        """``first_content_timeout`` in seconds."""
        return 20.0 if self.first_content_timeout == "adaptive" else self.first_content_timeout

    def route(self, error_class: ErrorClass) -> Route:
        """Where a request goes on after such an error: the verdict table, unless ``fallback_on`` or ``give_up_on``
        says.
        """
        asked_for = self.fallback_on is not None and error_class in self.fallback_on
        if error_class in self.give_up_on or (self.fallback_on is not None and not asked_for):
            return Route.NONE
        route = VERDICTS[error_class].route
        return Route.ANY if asked_for and route is Route.NONE else route
