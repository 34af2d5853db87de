"""Several keys of one provider: the first healthy one, or one after the other, or any; then other models (R2).

The design of rustyclaw's ``models/failover.rs``: a profile whose calls fail three times in a row is left alone for
``circuit_break_secs`` and then let in again. Mended: ``rate_limit_rpm`` is kept; half-open lets one request in, not
everybody; a late outcome neither prolongs an opening nor ends it; time is monotonic; "random" draws from the
``Failover``'s own ``rng``; a caller's own mistake counts against nobody; and a key is never shown: targets carry its
fingerprint, and the ``SecretStr`` stays with the caller.

A server's failure is booked on key and model (on ``base_url`` and model, where there is one), a dead or empty key on
the key, so that a fallback model is there when one model fails, and is not when the key does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from failover_plugin._files import mapping, read_mapping
from failover_plugin._validation import config_error
from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.policy import BreakerPolicy, Policy
from failover_plugin.presets.checks import http_url, seconds, whole
from failover_plugin.presets.r1_endpoints import consecutive

FAILURES = 3
"""In a row, that open a profile's circuit."""

Choice = Literal["sequential", "round_robin", "random"]
_Name = Annotated[str, Field(min_length=1)]


class Profile(BaseModel):
    """A key and what belongs to it. Raises ``ConfigError`` for a wrong value, without showing the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)

    name: _Name
    """Unique within its provider."""

    provider: _Name
    """Whose key it is."""

    api_key: Annotated[SecretStr, Field(min_length=1)]
    """Kept here and nowhere else: a target has its fingerprint."""

    base_url: str | None = None
    """Where to go instead of the provider's usual place."""

    enabled: bool = True
    """Whether it may be used."""

    rate_limit_rpm: Annotated[int, Field(ge=0)] = 0
    """Requests per minute; 0: no limit."""

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise config_error(error, "Profile", Profile.model_fields) from None

    @property
    def id(self) -> str:
        """The id of its target."""
        return f"{self.provider}/{self.name}"

    @property
    def credential(self) -> str:
        """The fingerprint of its key."""
        return fingerprint(self.provider, self.api_key)


class _Section(BaseModel):
    """A provider in a file."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    model: _Name
    profiles: tuple[dict[str, Any], ...] = ()
    strategy: Choice = "sequential"
    fallback_models: tuple[_Name, ...] = ()
    circuit_break_secs: float = 60.0
    max_retries: int = 3


@dataclass(frozen=True, slots=True)
class Provider:
    """What a file says of one provider: ``Failover(provider.targets, provider.policy)``."""

    targets: tuple[Target, ...]
    policy: Policy
    keys: Mapping[str, SecretStr]
    """By ``Target.credential``."""


def profiles(*, strategy: Choice = "sequential", circuit_break_secs: float = 60.0, max_retries: int = 3) -> Policy:
    """Leave a profile alone for ``circuit_break_secs`` after three failures in a row.

    ``max_retries`` are attempts beyond a request's first. Raises ``ConfigError``.
    """
    return Policy(
        strategy=strategy,
        last_resort="off",
        max_attempts=1 + whole("max_retries", max_retries, 0),
        breaker=BreakerPolicy(
            threshold=consecutive(FAILURES),
            half_life=inf,
            success_clears=True,
            caution=1,
            open_base=seconds("circuit_break_secs", circuit_break_secs),
            open_cap=circuit_break_secs,
            jitter=0,
            parole=False,
            ramp=False,
        ),
    )


def profile_targets(
    profiles: Iterable[Profile], *, model: str, fallback_models: Iterable[str] = ()
) -> tuple[Target, ...]:
    """A target for each profile, equal in rank, and below them, tier by tier, the same profiles with other models.

    Raises ``ConfigError`` for no profiles, a name given twice, or a ``base_url`` that is none.
    """
    listed = tuple(profiles)
    named = [profile.id for profile in listed]
    if not named:
        raise ConfigError("profiles = []: there is nobody to ask. Give at least one Profile.")
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise ConfigError(f"profiles: {twice!r} is given twice. Give every profile of a provider a name of its own.")
    models = [model, *fallback_models]
    return tuple(_target(profile, each, tier) for tier, each in enumerate(models) for profile in listed)


def api_keys(profiles: Iterable[Profile]) -> dict[str, SecretStr]:
    """The keys by ``Target.credential``: ``keys[target.credential].get_secret_value()``, inside of a call."""
    return {profile.credential: profile.api_key for profile in profiles}


def fingerprint(provider: str, api_key: SecretStr) -> str:
    """What tells a key from others and does not tell the key: a short one-way digest, salted with the provider."""
    salted = f"{provider}\0{api_key.get_secret_value()}"
    return f"key-{blake2b(salted.encode(), digest_size=6).hexdigest()}"


def read_profiles(path: str | Path) -> dict[str, Provider]:
    """Read a YAML or JSON file of providers, each with ``model`` and ``profiles``, and with these defaults:
    ``strategy`` sequential, ``fallback_models`` [], ``circuit_break_secs`` 60, ``max_retries`` 3.

    A fallback model "other/model" is asked with the profiles of the provider ``other``, if the file has it. Raises
    ``ConfigError``.
    """
    try:
        read = {name: _read(name, mapping(name, entry)) for name, entry in read_mapping(path).items()}
        return {name: _provider(name, read) for name in read}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _read(name: str, entry: dict[str, Any]) -> tuple[_Section, tuple[Profile, ...]]:
    try:
        section = _Section(**entry)
    except ValidationError as error:
        raise config_error(error, name, _Section.model_fields) from None
    return section, tuple(_profile(f"{name}.profiles[{i}]", name, each) for i, each in enumerate(section.profiles))


def _profile(where: str, provider: str, fields: Mapping[str, Any]) -> Profile:
    try:
        return Profile(**{"provider": provider, **fields})
    except ConfigError as error:
        raise ConfigError(str(error).replace("Profile.", f"{where}.")) from None


def _provider(name: str, read: Mapping[str, tuple[_Section, tuple[Profile, ...]]]) -> Provider:
    section, own = read[name]
    targets, keys = list(profile_targets(own, model=section.model)), api_keys(own)
    for tier, fallback in enumerate(section.fallback_models, 1):
        other, _, model = fallback.partition("/")
        known = other in read and model
        lenders, model = (read[other][1], model) if known else (own, fallback)
        targets += [_target(profile, model, tier) for profile in lenders]
        keys |= api_keys(lenders)
    return Provider(tuple(targets), _policy(name, section), keys)


def _policy(name: str, section: _Section) -> Policy:
    try:
        return profiles(
            strategy=section.strategy, circuit_break_secs=section.circuit_break_secs, max_retries=section.max_retries
        )
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _target(profile: Profile, model: str, tier: int) -> Target:
    base_url = profile.base_url
    return Target(
        f"{profile.id}/{model}" if tier else profile.id,
        provider=profile.provider,
        model=model,
        credential=profile.credential,
        endpoint=None if base_url is None else http_url(f"{profile.id}.base_url", base_url),
        tier=tier,
        rpm=profile.rate_limit_rpm or None,
        enabled=profile.enabled,
    )
