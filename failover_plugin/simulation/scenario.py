"""A scenario is data: a fleet, what befalls it, who asks, and what a good policy makes of it.

The fields are named as in the catalogue, so that a scenario is the same in prose, in YAML and in code. What cannot
happen is refused at once, with the field, the value and the remedy.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from failover_plugin._validation import config_error
from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.simulation.parts import (
    MAX_TARGETS,
    Fault,
    Goal,
    Load,
    Match,
    Multitude,
    Part,
    PerMinute,
    Rotation,
    Server,
    Share,
    Word,
)


class Scenario(Part):
    """One run. Without ``fleet`` and ``targets`` it needs the targets of a ``failover.yaml``."""

    name: Annotated[str, Field(min_length=1)]
    number: Word | None = None
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
    lacks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By target id: capabilities that it does not have, which no policy was told."""
    base_error: Share = 0.003
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.45
    """Standard deviation of the logarithm of the time to first content."""
    scatter: Annotated[float, Field(ge=0, le=3)] = 0.2
    """Standard deviation of the logarithm of the seconds per token that a client measures over a few tokens: the server
    writes evenly, and the network delivers in bursts.
    """
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


_PARTS: dict[str, type[Part]] = {
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
