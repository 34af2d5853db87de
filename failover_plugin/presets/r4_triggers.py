"""The primary, then the fallbacks in order, for the kinds of errors that were named, each with its own model (R4).

The design of llmkit's ``failover.rs``. Mended: retries of the primary back off and keep a Retry-After; what is no
trigger is none at a fallback either; a stream that dies before its first content goes on elsewhere, and later too with
``stream_failover="resume"``; network errors and timeouts are triggers unless others are named; a request goes only to
targets that have what it needs; and a dead primary is remembered, not asked first by every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Literal

from failover_plugin.config import Config
from failover_plugin.errors import ConfigError
from failover_plugin.model import ErrorClass, Request, Target
from failover_plugin.policy import Policy
from failover_plugin.presets.checks import whole
from failover_plugin.presets.models import ANTHROPIC_TO_OPENAI, OPENAI_TO_ANTHROPIC

ALL = 1000
"""Fallbacks asked where all may be: as many as anybody has."""

PRIMARY_ONLY = Request(require_tags=frozenset({"primary"}))
"""A request that goes to the primary of ``fallback_targets`` or to nobody, such as a batch job or a count of tokens."""


class Trigger(StrEnum):
    """A kind of errors that leads to a fallback."""

    RATE_LIMIT = "rate_limit"
    """429, whether the limit refills by itself or the money is gone."""
    SERVER_ERROR = "server_error"
    """A status of 500 or more but 504, and an answer that is empty or breaks off."""
    TIMEOUT = "timeout"
    """408, 504, or the client's own patience."""
    NETWORK_ERROR = "network_error"
    """Refused, reset, DNS, TLS."""
    AUTH_ERROR = "auth_error"
    """401 and 403."""
    ANY_ERROR = "any_error"
    """Whatever it is, the caller's own mistakes included."""

    @property
    def classes(self) -> frozenset[ErrorClass]:
        """The error classes it stands for."""
        return _CLASSES[self]


_CLASSES: Mapping[Trigger, frozenset[ErrorClass]] = {
    Trigger.RATE_LIMIT: frozenset({ErrorClass.RATE_LIMIT, ErrorClass.QUOTA_EXHAUSTED}),
    Trigger.SERVER_ERROR: frozenset(
        {
            ErrorClass.SERVER_ERROR,
            ErrorClass.OVERLOADED,
            ErrorClass.EMPTY_RESPONSE,
            ErrorClass.STREAM_INTERRUPTED,
        }
    ),
    Trigger.TIMEOUT: frozenset({ErrorClass.TIMEOUT}),
    Trigger.NETWORK_ERROR: frozenset({ErrorClass.NETWORK}),
    Trigger.AUTH_ERROR: frozenset({ErrorClass.AUTH, ErrorClass.PERMISSION}),
    Trigger.ANY_ERROR: frozenset(ErrorClass) - {ErrorClass.CANCELLED},
}

USUAL = (Trigger.RATE_LIMIT, Trigger.SERVER_ERROR, Trigger.TIMEOUT, Trigger.NETWORK_ERROR)
"""The triggers unless others are named."""


def triggers(
    *on: Trigger | str,
    max_attempts: int = 0,
    primary_retries: int = 0,
    model_maps: Mapping[str, Mapping[str, str]] | None = None,
    stream_failover: Literal["off", "before_first_content", "resume"] = "before_first_content",
) -> Policy:
    """Fall back ``on`` these kinds of errors only; any other is raised at once. None named: the four usual ones.

    ``max_attempts`` are fallbacks asked at most, 0: all. ``primary_retries`` are extra tries of the primary, for errors
    that pass by themselves. ``model_maps`` has for a target's id the model to call there for the one that the request
    names; what is not listed passes through. Raises ``ConfigError``.
    """
    fallbacks = whole("max_attempts", max_attempts, 0) or ALL
    return Policy(
        strategy="sequential",
        fallback_on=frozenset[ErrorClass]().union(*(_trigger(each).classes for each in on or USUAL)),
        max_attempts=1 + whole("primary_retries", primary_retries, 0) + fallbacks,
        same_target_retries=primary_retries,
        model_maps={target: dict(names) for target, names in (model_maps or {}).items()},
        stream_failover=stream_failover,
    )


def fallback_targets(primary: Target, *fallbacks: Target) -> tuple[Target, ...]:
    """The primary, in a tier of its own and with the tag "primary", and the fallbacks below it in this order."""
    first = replace(primary, tier=0, tags=primary.tags | PRIMARY_ONLY.require_tags)
    return first, *(replace(each, tier=1) for each in fallbacks)


def simple_failover(primary: Target, fallback: Target) -> Config:
    """One primary and one fallback: ``Failover(*simple_failover(primary, fallback))``."""
    return Config(fallback_targets(primary, fallback), triggers())


def openai_to_anthropic(model: str = "gpt-5.5") -> Config:
    """OpenAI, then Anthropic with ``OPENAI_TO_ANTHROPIC``. ``model`` is for requests that name none."""
    return _two("openai", "anthropic", model, OPENAI_TO_ANTHROPIC)


def anthropic_to_openai(model: str = "claude-sonnet-5") -> Config:
    """Anthropic, then OpenAI with ``ANTHROPIC_TO_OPENAI``. ``model`` is for requests that name none."""
    return _two("anthropic", "openai", model, ANTHROPIC_TO_OPENAI)


def _two(primary: str, fallback: str, model: str, names: Mapping[str, str]) -> Config:
    targets = fallback_targets(
        Target(primary, provider=primary, model=model),
        Target(fallback, provider=fallback, model=names.get(model, model)),
    )
    return Config(targets, triggers(model_maps={primary: {}, fallback: names}))


def _trigger(name: Trigger | str) -> Trigger:
    try:
        return Trigger(name)
    except ValueError:
        raise ConfigError(f"trigger = {name!r}: there is no such one. Known: {', '.join(Trigger)}.") from None
