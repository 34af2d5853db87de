"""What a user may decide, with a default and its reason for everything: validated once, frozen for good.

All times are in seconds. The defaults suit one primary and one fallback. A wrong value raises ``ConfigError``, which
names the field, the value and the remedy.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from failover_plugin._validation import config_error
from failover_plugin.classify import VERDICTS, Hold, Route, Verdict
from failover_plugin.model import NUMBER, ErrorClass, Scope

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), NUMBER]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False), NUMBER]


def _endless(value: object) -> object:
    """JSON has no number for it."""
    return inf if value == "Infinity" else value


StrategyName = Literal[
    "p2c", "sequential", "sticky", "round_robin", "random", "weighted", "least_busy", "cost", "affinity"
]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True, ser_json_inf_nan="strings"
    )

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise config_error(error, type(self).__name__, type(self).model_fields) from None


class BreakerPolicy(_Part):
    """When a target is left alone, and how it comes back."""

    threshold: Annotated[float, Field(ge=1, allow_inf_nan=False), NUMBER] = 2.5
    """Clean failures in a row that open the breaker. 2.5: three within 15 s open it in spite of the half-life."""

    half_life: Annotated[float, Field(gt=0), NUMBER, BeforeValidator(_endless)] = 60.0
    """Evidence is forgotten by half in this time; ``.inf``: never."""

    caution: Annotated[float, Field(ge=1, allow_inf_nan=False), NUMBER] = 1.5
    """Times the ``threshold`` that opens for errors that come at once, from a server that answers in between or while
    others are full: going elsewhere is cheap then, and leaving a server alone for nothing is not.
    """

    success_clears: bool = False
    """One success clears all evidence: the classic count of consecutive failures, blind to a brownout."""

    degraded_at: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.5
    """Share of the evidence that opens from which on a target is degraded: asked only if nobody better can be."""

    open_base: Seconds = 2.0
    """First time open; it doubles with every opening: a short outage is over soon, a long one costs few probes."""

    open_cap: Seconds = 12.5
    """Longest time open."""

    jitter: Annotated[float, Field(ge=0, le=0.9), NUMBER] = 0.2
    """Times open are spread by this share, so that many processes do not come back in step."""

    half_open_probes: Annotated[int, Field(ge=1), NUMBER] = 1
    """Requests let through to test a recovery; everybody else goes elsewhere meanwhile."""

    success_rate: Annotated[float, Field(gt=0, le=1), NUMBER] = 1.0
    """Share of the probes that must succeed to close; as soon as that cannot be reached it opens again."""

    parole: bool = True
    """After a recovery one further failure opens again (of errors that come at once, two), until successes have earned
    more.
    """

    ramp: bool = True
    """After a recovery calls at once start at two and double with every answer: a server just up is easily felled."""

    block_cap: Seconds = 3600.0
    """Longest time a dead key, an empty account or a missing model is left alone; the first is 60 s (model: 600 s)."""

    block_look: Seconds | None = 60.0
    """How often one request looks whether a key or an account that is left alone is good again: money is paid in, and
    quotas are reset, before anybody said. None: never.
    """


class LatencyPolicy(_Part):
    """When slow is too slow. Slowness alone never opens a breaker: slow service beats none."""

    soft_deviations: Annotated[float, Field(gt=0, allow_inf_nan=False), NUMBER] = 3.0
    """The soft deadline lies so many deviations above the usual: 0.15 % of healthy calls get a backup."""

    soft_min: Seconds = 1.0
    """Shortest soft deadline."""

    soft_max: Seconds = 2.5
    """A soft deadline is no longer, unless one healthy call in six takes longer: a backup then still brings a first
    token within five seconds.
    """

    soft_unknown: Seconds = 5.0
    """Soft deadline while nothing is known. Raise it for models that think longer before their first token."""

    slow_factor: Annotated[float, Field(gt=1, allow_inf_nan=False), NUMBER] = 3.0
    """A target so many times slower than the fleet's usual is degraded, and probed singly until it is below 2.5."""

    anomaly_score: Annotated[float, Field(gt=0, allow_inf_nan=False), NUMBER] | None = None
    """A z-score from which a late first content counts as a failure by ``anomaly_weight``. None: never."""

    anomaly_weight: Annotated[float, Field(ge=0, le=1), NUMBER] = 0.25
    """How much of a failure an anomaly is."""


class LimitsPolicy(_Part):
    """How many calls at once, where a server shows that it has too many."""

    adaptive: bool = True
    """Limit a target's calls at once when it says it is overloaded, writes slower than with little to do, or begins
    later and later; and let them grow back.
    """

    open_after: Seconds = 30.0
    """After so long without a plain "overloaded" a limit that only latency suggests gives way to a queued request; one
    that follows the pace of the target's streams, while they tell it, after twenty times as long.
    """


class BudgetPolicy(_Part):
    """How many repeats and backups all requests together may spend, so that failover never feeds a storm."""

    capacity: Amount = 50.0
    """Attempts saved up at most, and at the start."""

    per_success: Amount = 0.2
    """Earned by a success: in steady state one request in five may be tried again."""

    per_second: Amount = 1.0
    """Earned by time, so that a quiet process is never locked out."""

    backup_capacity: Amount = 10.0
    """Backups for slow calls saved up at most, and at the start."""

    backups_per_success: Amount = 0.05
    """Backups earned by a success."""

    backup_share: Annotated[float, Field(ge=0, le=1), NUMBER] = 0.05
    """Share of all spend that backups for slow calls may have, beyond the first ``backup_capacity``."""


class VerdictPolicy(_Part):
    """One row of the verdict table, as far as it is to differ. See the README for the table."""

    scope: Scope | None = None
    """Whose health such an error speaks of."""

    weight: Annotated[float, Field(ge=0, le=1), NUMBER] | None = None
    """How much of a failure it is."""

    hold: Hold | None = None
    """Whether the scope rests: "none", "cool" (until Retry-After, else ``seconds``) or "block" (doubling)."""

    seconds: Seconds | None = None
    """How long it rests, where the provider names no time."""

    retry_same: bool | None = None
    """Whether the same target may be asked again when its tier has no other."""

    route: Route | None = None
    """Who is asked next: "any", "capable" or "none"."""


class Policy(_Part):
    """How requests are routed, retried, timed out and given up."""

    strategy: StrategyName | Callable[..., Any] = "p2c"
    """Who is asked within a tier: a name, or a function of your own (see ``failover_plugin.strategy``)."""

    degraded_spill: bool = True
    """A degraded target ranks below the healthy ones of every tier; False: of its own tier only."""

    auto_rotate: bool = True
    """False: all requests go to one target of the first tier, well or not, until ``Failover.rotate`` moves them on."""

    last_resort: Literal["each", "off", "earliest"] = "each"
    """When nobody is left who can be asked: ask each of those set aside once, the likeliest first; or fail; or ask who
    is due back first, one call at a time.
    """

    fallback_on: frozenset[ErrorClass] | None = None
    """Only these errors go on to another target. None: as the verdict table says."""

    give_up_on: frozenset[ErrorClass] = frozenset()
    """These errors go straight to the caller."""

    verdicts: dict[ErrorClass, VerdictPolicy] = Field(default_factory=dict[ErrorClass, VerdictPolicy])
    """Rows of the verdict table that are to differ."""

    max_attempts: Annotated[int, Field(ge=1), NUMBER] | None = None
    """Calls made for one request at most, over all targets, backups included. None: 5, or the number of tiers where
    that is more.
    """

    same_target_retries: Annotated[int, Field(ge=0), NUMBER] | None = None
    """Times a target is asked again in one request, when its tier has no other, before the next tier is. None: once, if
    more attempts are left than targets that have not been asked.
    """

    patience: Amount = 2.5
    """Longest wait for a target that is due back or full, before a request fails fast."""

    deadline: Seconds | None = None
    """The whole time for a request, all attempts and waits included. None: no limit."""

    attempt_timeout: Seconds = 120.0
    """Time for one plain call: long answers take long, and a shorter limit kills some of them."""

    first_content_timeout: Seconds | Literal["adaptive"] = "adaptive"
    """Time until a stream's first content. "adaptive": four soft deadlines, at least 10 s; 20 s while nothing is known.
    """

    idle_timeout: Seconds = 30.0
    """Silence allowed between two chunks of a stream: reasoning models pause."""

    sync_deadlines: Literal["client", "thread"] = "client"
    """Who ends a late call in sync code: the client, handed its timeout; or we, by leaving it alone in a thread of its
    own, which also allows backups. A thread costs some 100 µs, and an abandoned call runs on until its client ends it.
    """

    backups: Literal["auto", "off"] = "auto"
    """Whether a call that is late gets a backup at another target, the first content winning."""

    stream_failover: Literal["off", "before_first_content", "resume"] = "before_first_content"
    """Whether a stream that dies is opened elsewhere: never, before its first content, or later too, where that cannot
    corrupt the text.
    """

    model_maps: dict[str, dict[str, str]] = Field(default_factory=dict[str, dict[str, str]])
    """For a target's id: the model to call there for the model a request names. What is not listed passes through."""

    breaker: BreakerPolicy = Field(default_factory=BreakerPolicy)
    """When a target is left alone."""

    latency: LatencyPolicy = Field(default_factory=LatencyPolicy)
    """When slow is too slow."""

    limits: LimitsPolicy = Field(default_factory=LimitsPolicy)
    """How many calls at once."""

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

    def __hash__(self) -> int:
        others = (getattr(self, name) for name in type(self).model_fields if name not in ("verdicts", "model_maps"))
        return hash((*others, frozenset(self.verdicts), frozenset(self.model_maps)))

    @field_serializer("strategy", when_used="json")
    def _by_name(self, strategy: str | Callable[..., Any]) -> str:
        return strategy if isinstance(strategy, str) else f"{strategy.__module__}:{strategy.__qualname__}"

    @field_validator("strategy", mode="before")
    @classmethod
    def _found(cls, strategy: object) -> object:
        """A function of one's own may be named in a file, as "package.module:function"."""
        names = get_args(StrategyName)
        if callable(strategy) or strategy in names:
            return strategy
        if isinstance(strategy, str) and ":" in strategy:
            with suppress(ImportError, AttributeError, ValueError):
                return pkgutil.resolve_name(strategy)
            raise ValueError("there is no such function")
        raise ValueError(f"it should be {', '.join(names)}, or a function (in a file: package.module:function)")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.breaker.open_base > self.breaker.open_cap:
            raise ValueError(f"breaker.open_base = {self.breaker.open_base}: it should be at most breaker.open_cap")
        return self

    def route(self, error_class: ErrorClass) -> Route:
        """Where a request goes on after such an error: the verdict table, unless ``fallback_on`` or ``give_up_on``
        says.
        """
        asked_for = self.fallback_on is not None and error_class in self.fallback_on
        if error_class in self.give_up_on or (self.fallback_on is not None and not asked_for):
            return Route.NONE
        route = self.verdict(error_class).route
        return Route.ANY if asked_for and route is Route.NONE else route

    def verdict(self, error_class: ErrorClass) -> Verdict:
        """What such an error means, with ``verdicts`` applied."""
        verdict, own = VERDICTS[error_class], self.verdicts.get(error_class)
        return replace(verdict, **own.model_dump(exclude_none=True)) if own else verdict
