"""The parts of a scenario: who is asked and how they answer, what befalls them, and who asks.

Named as in the catalogue, checked one by one; what concerns several of them is the scenario's to check.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

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
Word = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


def _listed(value: object) -> object:
    if value is None or isinstance(value, list | tuple):
        return cast("object", value)
    return (value,)


Words = Annotated[tuple[Word, ...] | None, BeforeValidator(_listed)]
Numbers = Annotated[tuple[int, ...] | None, BeforeValidator(_listed)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)


class Match(Part):
    """Whom a fault strikes: every target that fits all that is given; nothing given is everybody."""

    name: Words = None
    region: Words = None
    key: Words = None
    """The credential."""
    tier: Numbers = None
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


class Fault(Part):
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


class Leaving(Part):
    """Callers who lose patience: of those who arrive between ``t0`` and ``t1``, a share leaves ``within`` seconds."""

    t0: Time = 0.0
    t1: Time = DAY
    p: Share = 0.3
    within: Span = 3.0


class Burst(Part):
    """So many requests more at the time ``t``, all at once."""

    t: Time
    count: Annotated[int, Field(gt=0, le=100_000)]


class Stall(Part):
    """A process that asks stands still for ``seconds`` from ``t`` on, and again ``every`` so many: it hears nothing and
    does nothing meanwhile. ``worker`` None: all do.
    """

    t: Time
    seconds: Span
    every: Span | None = None
    worker: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.every is not None and self.every <= self.seconds:
            raise ConfigError(f"stalls: every = {self.every:g} is no more than seconds = {self.seconds:g}.")
        return self


class Load(Part):
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
    bursts: tuple[Burst, ...] = ()
    bugs: Share = 0.0
    """Share of the calls with a bug of the caller's: every client raises a TypeError, and nothing is sent."""
    stalls: tuple[Stall, ...] = ()

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


class Server(Part):
    """How a target's server answers when it is idle and well."""

    ttft: Span = 0.63
    """Median seconds to first content, of a short prompt."""
    tpot: Span = 0.0155
    """Seconds per output token. With the sizes of the catalogue a call takes 5.0 s in the mean."""
    cap: PerMinute | None = None
    """Calls at once that it takes without slowing down."""


class Multitude(Part):
    """A fleet too large to write down: ``count`` targets in tier 0, spread evenly over ``regions``."""

    count: Annotated[int, Field(ge=1, le=MAX_TARGETS)]
    regions: Annotated[int, Field(ge=1, le=1000)] = 10


class Rotation(Part):
    """At ``t`` the operator replaces a credential in the configuration of everybody."""

    t: Time
    key: str
    to: str


class Goal(Part):
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
