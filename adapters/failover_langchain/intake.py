"""What a user may give as a list of models or runnables, checked once and turned into entries.

A plain list is an order of preference, so a place in it is a tier. What is wrong is named with its place, its value and
the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from failover_langchain.entry import Entry
from failover_langchain.facts import target_of
from failover_langchain.wrapping import chat_model_in, unwrapped
from failover_plugin import ConfigError, Target

_READ_OFF = ("credential", "endpoint", "region", "context_window", "capabilities")
"""Facts that a model tells, and a target given by hand need not."""

Given = Runnable[Any, Any] | str


def entries_of(given: Iterable[Any], *, chat_only: bool, output_version: str | None = None) -> tuple[Entry, ...]:
    """An entry for each chat model (``chat_only``) or runnable, given as it is or in a pair with a ``Target``.

    Raises ``ConfigError`` for an empty list, for what cannot be asked and for two targets of one id.
    """
    field = "models" if chat_only else "runnables"
    if isinstance(given, (str, Runnable)):
        raise ConfigError(f"{field}: {_shown(given)} is not a list; put it, and its fallbacks, in one")
    pairs = [_pair(item, f"{field}[{place}]", chat_only=chat_only) for place, item in enumerate(given)]
    if not pairs:
        raise ConfigError(f"{field}: [] is empty; name at least one, and the one to be asked first at the front")
    targets = _targets(pairs, field)
    return tuple(Entry(given, target, output_version) for (given, _), target in zip(pairs, targets, strict=True))


def alone(item: Any) -> Any:
    """The model of a list's item, without the ``Target`` it may be paired with."""
    match item:
        case (given, _):
            return given
        case given:
            return given


def _pair(item: Any, where: str, *, chat_only: bool) -> tuple[Given, Target | None]:
    match item:
        case (given, Target() as target):
            return _checked(given, where, chat_only=chat_only), target
        case tuple():
            raise ConfigError(f"{where}: not a pair of a model and a Target; write (model, Target(id, provider=...))")
        case given:
            return _checked(given, where, chat_only=chat_only), None


def _checked(given: Any, where: str, *, chat_only: bool) -> Given:
    if isinstance(given, str):
        return _checked_name(given, where)
    runnable = cast("Runnable[Any, Any]", given)
    if isinstance(given, Runnable) and not (chat_only and not isinstance(unwrapped(runnable)[0], BaseChatModel)):
        return runnable
    wanted = "a chat model, a bound chat model" if chat_only else "a runnable"
    raise ConfigError(f"{where}: {_shown(given)} cannot be asked; give {wanted}, or a string like 'openai:gpt-5.5'")


def _checked_name(name: str, where: str) -> str:
    if not name.strip(": "):
        raise ConfigError(f"{where}: {name!r} names no model; write provider:model, like 'openai:gpt-5.5'")
    if find_spec("langchain") is None:
        raise ConfigError(f'{where}: {name!r} can only be built by langchain; pip install "failover-plugin[agents]"')
    return name


def _shown(value: Any) -> str:
    """A value in an error: plain ones as they are, any other by its type alone, for it may hold a secret."""
    return repr(value) if isinstance(value, (str, int, float, type(None))) else f"a {type(value).__name__}"


def _targets(pairs: Sequence[tuple[Given, Target | None]], field: str) -> list[Target]:
    """A target for each. Ids that the facts have in common are numbered; one given by hand must be the only one."""
    taken: set[str] = set()
    for place, (_, target) in enumerate(pairs):
        if target is not None and target.id in taken:
            raise ConfigError(f"{field}[{place}]: the id {target.id!r} is taken by another target; give each its own")
        taken.update([target.id] if target else [])
    facts = [_facts(given, tier) for tier, (given, _) in enumerate(pairs)]
    return [
        _completed(target, known) if target else _numbered(known, taken)
        for (_, target), known in zip(pairs, facts, strict=True)
    ]


def _completed(target: Target, known: Target) -> Target:
    """A target given by hand, with what is known of its model where it names nothing itself."""
    missing = {name: getattr(known, name) for name in _READ_OFF if not getattr(target, name)}
    return replace(target, **missing)


def _facts(given: Given, tier: int) -> Target:
    if isinstance(given, str):
        provider, _, model = given.partition(":")
        if not model:
            return Target(given, provider="unknown", model=given, tier=tier)
        return Target(given, provider=provider, model=model, credential=f"environment-{provider}", tier=tier)
    if inner := chat_model_in(given):
        return target_of(inner, unwrapped(given)[1], tier=tier)
    name = given.get_name()
    return Target(name, provider="runnable", model=name, tier=tier)


def _numbered(target: Target, taken: set[str]) -> Target:
    number, name = 1, target.id
    while name in taken:
        number += 1
        name = f"{target.id}#{number}"
    taken.add(name)
    return replace(target, id=name)
