"""A scenario is data: a fleet, what befalls it, who asks, and what a good policy makes of it.

The fields are named as in the catalogue, so that a scenario is the same in prose, in YAML and in code. What cannot
happen is refused at once, with the field, the value and the remedy.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from failover_plugin._validation import config_error
from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.simulation.faults import Kind
from failover_plugin.simulation.figures import METRICS
from failover_plugin.simulation.sizes import Size

MAX_TARGETS = 100_000
MAX_REQUESTS = 2_000_000
DAY = 86_400.0

Time = Annotated[float, Field(ge=0, le=DAY, allow_inf_nan=False)]
Span = Annotated[float, Field(gt=0, le=DAY, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
PerMinute = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Word = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


def _listed(value: object) -> object:
    if value is None or isinstance(value, list | tuple):
        return cast("object", value)
    return (value,)


_Words = Annotated[tuple[_Word, ...] | None, BeforeValidator(_listed)]
_Numbers = Annotated[tuple[int, ...] | None, BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)


class Match(_Part):
    """Whom a fault strikes: every target that fits all that is given; nothing given is everybody."""

    name: _Words = None
    region: _Words = None
    key: _Words = None
    """The credential."""
    tier: _Numbers = None
    worker: Annotated[int, Field(ge=0)] | None = None
    """Only the calls of this worker: its own way to the targets is broken."""

    def fits(self, target: Target) -> bool:
        """Whether this target is meant."""
        return (
            (self.name is None or target.id in self.name)
            and (self.region is None or target.region in self.region)
            and (self.key is None or target.credential in self.key)
            and (self.tier is None or target.tier in self.tier)
        )


class Fault(_Part):
    """What befalls whom, and when. Times in seconds of the run."""

    kind: Annotated[Kind, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
    t0: Time = 0.0
    t1: Time | None = None
    """None: it stays to the end."""
    match: Match = Match()
    p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the calls that it strikes."""
    x: Factor = 1.0
    """Factor on time (slow) or capacity (cap); seconds per token (drip)."""
    retry_after: Annotated[float, Field(allow_inf_nan=False)] | tuple[Time, Time] | str | None = None
    """Of a 429: seconds, bounds in seconds, or the header as it is."""
    date_skew: Annotated[float, Field(allow_inf_nan=False, ge=-DAY, le=DAY)] | None = None
    """Of a 429: name a date, by a server clock that is wrong by so many seconds."""
    on: Span | None = None
    off: Span | None = None
    """Flapping: seconds there, seconds gone."""
    ramp: Time = 0.0
    """Seconds until a slow-down has reached ``x``."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: object) -> object:
        """YAML 1.1 takes ``on`` and ``off`` for booleans, even as names."""
        if not isinstance(data, dict):
            return data
        names = {True: "on", False: "off"}
        fields = cast("dict[object, object]", data)
        return {names[name] if isinstance(name, bool) else name: value for name, value in fields.items()}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.t1 is not None and self.t1 <= self.t0:
            raise ConfigError(f"faults: t1 = {self.t1:g} is not after t0 = {self.t0:g}: a fault ends after it begins.")
        if (self.on is None) != (self.off is None):
            raise ConfigError("faults: on and off belong together: give both, in seconds, or neither.")
        if isinstance(self.retry_after, tuple) and self.retry_after[1] < self.retry_after[0]:
            raise ConfigError(f"faults: retry_after = {list(self.retry_after)}: give the lower bound first.")
        return self


class Leaving(_Part):
    """Callers who lose patience: of those who arrive between ``t0`` and ``t1``, a share leaves ``within`` seconds."""

    t0: Time = 0.0
    t1: Time = DAY
    p: Share = 0.3
    within: Span = 3.0


class Load(_Part):
    """Who asks, how often and how much. ``rate`` in requests per second, ``T`` and ``deadline`` in seconds."""

    rate: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    T: Span = 300.0
    workers: Annotated[int, Field(ge=1, le=1000)] = 1
    deadline: Span = 120.0
    prompt: str | Annotated[float, Field(gt=0, le=1e7)] = "lognormal(800,1.0)"
    out: str | Annotated[float, Field(gt=0, le=1e7)] = "lognormal(200,0.8)<=2500"
    long: tuple[Share, Annotated[int, Field(gt=0, le=10_000_000)]] = (0.0, 1)
    """A share of the prompts, and their size in tokens instead."""
    needs: dict[str, Share] = Field(default_factory=dict)
    """Capabilities, and the share of the requests that need them."""
    leaving: Leaving | None = None

    @field_validator("prompt", "out")
    @classmethod
    def _is_size(cls, value: str | float) -> str | float:
        if Size.parse(value) is None:
            raise ConfigError(f"load: {value!r} is no size: write lognormal(median,sigma)<=cap, or a number of tokens.")
        return value

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.rate * self.T > MAX_REQUESTS:
            raise ConfigError(
                f"load: rate x T = {self.rate * self.T:.3g} requests: at most {MAX_REQUESTS} are simulated."
            )
        return self


class Server(_Part):
    """How a target's server answers when it is idle and well."""

    ttft: Span = 0.63
    """Median seconds to first content, of a short prompt."""
    tpot: Span = 0.0155
    """Seconds per output token. With the sizes of the catalogue a call takes 5.0 s in the mean."""
    cap: PerMinute | None = None
    """Calls at once that it takes without slowing down."""


class Multitude(_Part):
    """A fleet too large to write down: ``count`` targets in tier 0, spread evenly over ``regions``."""

    count: Annotated[int, Field(ge=1, le=MAX_TARGETS)]
    regions: Annotated[int, Field(ge=1, le=1000)] = 10


class Rotation(_Part):
    """At ``t`` the operator replaces a credential in the configuration of everybody."""

    t: Time
    key: str
    to: str


class Goal(_Part):
    """What our own policy must reach. ``over`` the seeds: their median, mean or worst."""

    metric: str
    max: float | None = None
    min: float | None = None
    over: Literal["median", "mean", "worst"] = "median"

    @field_validator("metric")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in METRICS:
            near = get_close_matches(name, METRICS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(METRICS)}."
            raise ConfigError(f"goals: metric = {name!r}: there is no such figure. {hint}")
        return name

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.max is None) == (self.min is None):
            raise ConfigError(f"goals: {self.metric}: give either max or min.")
        return self


class Scenario(_Part):
    """One run. Without ``fleet`` and ``targets`` it needs the targets of a ``failover.yaml``."""

    name: Annotated[str, Field(min_length=1)]
    number: _Word | None = None
    """In the catalogue."""
    about: str = ""
    """What an ideal policy does."""
    fleet: (
        Annotated[
            Annotated[Literal["std", "keyed", "solo"], Tag("name")] | Annotated[Multitude, Tag("many")],
            Discriminator(lambda value: "many" if isinstance(value, dict | Multitude) else "name"),
        ]
        | None
    ) = None
    targets: Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS)] | None = None
    """Own targets, as in a ``failover.yaml``."""
    servers: dict[str, Server] = Field(default_factory=dict)
    """By target id, where they differ from the default."""
    cap: PerMinute | None = None
    """Calls at once that every server takes without slowing down."""
    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    """Limits of every key, which nobody was told of."""
    capabilities: tuple[str, ...] = ()
    """Declared by all targets."""
    base_error: Share = 0.003
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.45
    """Standard deviation of the logarithm of the time to first content."""
    load: Load = Load()
    faults: tuple[Fault, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    policy: dict[str, Any] = Field(default_factory=dict)
    """What our own policy has that is not its default."""
    goals: tuple[Goal, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 1000

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise config_error(error, "scenario", _known(error)) from None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.fleet is not None and self.targets is not None:
            raise ConfigError("scenario: fleet and targets are both given: keep one.")
        if self.targets is not None and not self.targets:
            raise ConfigError("scenario.targets = []: there is nobody to ask. Give at least one target.")
        for i, fault in enumerate(self.faults):
            if fault.t0 >= self.load.T:
                raise ConfigError(f"scenario.faults.{i}.t0 = {fault.t0:g}: the run ends at T = {self.load.T:g}.")
        return self

    @property
    def is_of_the_catalogue(self) -> bool:
        """Whether it is one of the 20, by which releases are judged."""
        return self.number is not None and not self.number.startswith("F")

    @property
    def has_targets(self) -> bool:
        """Whether it says itself who can be asked."""
        return self.fleet is not None or self.targets is not None

    def having(self, **changes: Any) -> Scenario:
        """The same but for some fields."""
        return self.model_copy(update=changes)


_PARTS: dict[str, type[_Part]] = {
    "load": Load, "faults": Fault, "servers": Server, "fleet": Multitude, "goals": Goal, "rotations": Rotation,
}  # fmt: skip


def _known(error: ValidationError) -> list[str]:
    """The fields there are where the first mistake is."""
    location = [str(step) for step in error.errors(include_url=False)[0]["loc"]]
    part = _PARTS.get(location[0], Scenario) if len(location) > 1 else Scenario
    if "match" in location[:-1]:
        part = Match
    if location[:1] == ["targets"]:
        return list(Target.__dataclass_fields__)
    return list(part.model_fields)
