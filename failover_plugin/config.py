"""From what a user wrote to targets and a policy, checked once: every error names the field, the value and the
remedy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import cache
from inspect import iscoroutinefunction
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from failover_plugin._files import mapping, read_mapping
from failover_plugin._validation import config_error
from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError
from failover_plugin.events import Listener
from failover_plugin.model import Request, Target
from failover_plugin.policy import Policy

VERSION = 1
_NOTHING_SAID = Request()
_NO_NAMES = frozenset[str]()


class Config(NamedTuple):
    """What a file holds: ``Failover(*load_config("failover.yaml"))``."""

    targets: tuple[Target, ...]
    policy: Policy


def load_config(path: str | Path) -> Config:
    """Read ``failover.yaml`` (or JSON): ``version``, ``targets`` and ``policy``. Raises ``ConfigError``."""
    data = read_mapping(path)
    known = {"version", "targets", "policy"}
    if unknown := sorted(set(data) - known):
        raise ConfigError(f"{path}: {unknown[0]} = …: there is no such section. Known: {', '.join(sorted(known))}.")
    if data.get("version", VERSION) != VERSION:
        raise ConfigError(f"{path}: version = {redact(repr(data['version']))}: this release reads version {VERSION}.")
    try:
        return Config(_targets_in(data.get("targets")), Policy(**mapping("policy", data.get("policy") or {})))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def checked_targets(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets, if they are sound, in the order of their tiers. Raises ``ConfigError``."""
    if isinstance(targets, Target | str):
        raise ConfigError(f"targets = {redact(repr(targets))}: give a list of targets, even for one.")
    checked = tuple(_checked(t) for t in targets)
    if not checked:
        raise ConfigError("targets = []: there is nobody to ask. Give at least one Target.")
    counted = Counter(t.id for t in checked)
    if twice := next((i for i, times in counted.items() if times > 1), None):
        raise ConfigError(f"targets: id = {redact(twice)!r} is given twice. Give every target an id of its own.")
    return tuple(sorted(checked, key=lambda t: t.tier))


def checked_policy(policy: object) -> Policy:
    """The policy, the default one for None. Raises ``ConfigError`` for anything else."""
    if policy is None:
        return Policy()
    if not isinstance(policy, Policy):
        raise ConfigError(f"policy = {redact(repr(policy))[:80]}: give a Policy(...), or Policy.from_file(path).")
    return policy


def checked_listener(listener: Listener | None) -> Listener | None:
    """The listener, if it can be called and is done when it returns. Raises ``ConfigError``."""
    if listener is not None and (not callable(listener) or iscoroutinefunction(listener)):
        raise ConfigError(f"on_event = {redact(repr(listener))[:80]}: give a plain function of one event.")
    return listener


def checked_request(request: Request | None) -> Request:
    """The request, if it is sound; an empty one for None. Raises ``ConfigError``."""
    if request is None:
        return _NOTHING_SAID
    if type(request) is Request and _names_no_more_than_a_model(request):
        return request
    try:
        return _request_validator()(request)
    except ValidationError as error:
        raise config_error(error, "Request", _names(Request)) from None


def _names_no_more_than_a_model(request: Request) -> bool:
    """Whether it is sound at a glance, as nearly all are that a host describes. Of what it needs, any words are."""
    needs = request.needs
    return (
        request.input_tokens is None
        and request.output_tokens is None
        and request.affinity is None
        and request.deadline is None
        and request.require_tags == request.forbid_tags == _NO_NAMES
        and (request.model is None or type(request.model) is str)
        and (needs == _NO_NAMES or (type(needs) is frozenset and all(type(need) is str for need in needs)))
    )


def _targets_in(listed: object) -> tuple[Target, ...]:
    if not isinstance(listed, list):
        shown = redact(repr(listed))[:80]
        raise ConfigError(f"targets = {shown}: give a list of targets, each with id, provider and model.")
    entries = cast("list[object]", listed)
    return checked_targets([_target(f"targets[{i}]", entry) for i, entry in enumerate(entries)])


def _target(where: str, entry: object) -> Target:
    try:
        return _targets_adapter().validate_python(mapping(where, entry))
    except ValidationError as error:
        raise config_error(error, where, _names(Target)) from None


def _checked(target: object) -> Target:
    if not isinstance(target, Target):
        raise ConfigError(f"targets: {redact(repr(target))} is not a Target. Write Target('id', provider=…, model=…).")
    try:
        sound = _targets_adapter().validate_python(target)
    except ValidationError as error:
        raise config_error(error, f"Target {target.id!r}", _names(Target)) from None
    if sound.credential and redact(sound.credential) != sound.credential:
        remedy = "Give a label or a fingerprint of the key instead, such as 'env:OPENAI_API_KEY'."
        raise ConfigError(f"Target {target.id!r}.credential looks like a secret, which must not be kept here. {remedy}")
    return replace(sound, endpoint=sound.endpoint and _without_secrets(sound.endpoint))


def _without_secrets(endpoint: str) -> str:
    """A URL without user info and query, either of which may hold a secret; any other name as it is."""
    try:
        parts = urlsplit(endpoint)
    except ValueError:  # brackets that are no IPv6 address: a name, then
        return redact(endpoint)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) if parts.netloc else endpoint


@cache
def _targets_adapter() -> TypeAdapter[Target]:
    return TypeAdapter(Target)


@cache
def _request_validator() -> Callable[[Request], Request]:
    """Not ``TypeAdapter.validate_python``, which does nothing but call this, and costs as much again."""
    return TypeAdapter(Request).validator.validate_python


def _names(kind: type[Target | Request]) -> list[str]:
    return [f.name for f in fields(kind)]
