"""The rules in their order: the provider's own, the wire families', what the exception is, the status, the words.

Why this order: a code is a promise of the provider's, a class name one of the SDK's, and a status is shared by things
that need opposite treatment (429 is a pause, an empty account and a request that will never fit). Words come where the
status does not tell, and the status alone last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from failover_plugin.classify import names
from failover_plugin.classify.rules.families import COARSE, FAMILIES
from failover_plugin.classify.rules.own import OWN, distinctive, owners
from failover_plugin.classify.rules.rule import Finding, Rule, matches, rule
from failover_plugin.classify.rules.statuses import TELLING, shared
from failover_plugin.classify.rules.words import EDGE, WORDS
from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failover_plugin.classify.evidence import Evidence

__all__ = ["LAYERS", "Finding", "Rule", "decide", "facts", "fall_back"]

Layer: TypeAlias = "Callable[[Evidence], Finding | None]"

LOST: Final = (
    rule(
        "litellm",
        ErrorClass.NETWORK,
        says=(
            "- connection error",
            "cannot connect to host",
            "connection refused",
            "connection reset",
            "name or service not known",
            "server disconnected",
        ),
        statuses=(500, 503),
    ),
    rule("litellm", ErrorClass.OVERLOADED, says=("overloaded",), statuses=(500, 503)),
)
"""What a translator's words still tell where the exception it stood for is gone and its status is made up."""


@lru_cache(maxsize=64)
def facts(provider: str | None) -> tuple[Rule, ...]:
    """The rules of codes and of single providers, in the order in which they are asked if this one has answered."""
    first = owners(provider)
    own = tuple(one for name in first for one in OWN if one.of == name)
    others = tuple(one for one in OWN if one.of not in first)
    if provider is None:
        return (*(one for one in others if one.codes), *FAMILIES, *(one for one in others if not one.codes))
    return (*own, *FAMILIES, *filter(distinctive, others))


def decide(evidence: Evidence) -> Finding | None:
    """What this one exception or response says for certain, or None if what lies beneath it should be asked."""
    for _, find in LAYERS[: 2 if evidence.translated else None]:
        if (found := find(evidence)) is not None:
            return found
    return None


def fall_back(evidence: Evidence) -> Finding | None:
    """What it says when nobody could decide for certain."""
    lost = _first(LOST, evidence) or _by_name(evidence, names.STATUS_INVENTED) if evidence.translated else None
    return lost or _by_status(evidence) or _first(COARSE, evidence) or _by_name(evidence, names.LAST)


def _first(rules: tuple[Rule, ...], evidence: Evidence) -> Finding | None:
    codes = {code.lower(): code for code in reversed(evidence.codes)}
    for one in rules:
        if one.codes and not codes:
            continue
        if (found := matches(one, evidence, codes)) is not None:
            return found
    return None


def _by_name(evidence: Evidence, table: Mapping[str, ErrorClass]) -> Finding | None:
    found = names.find(evidence.names, table, exact=evidence.translated)
    if found is not None:
        return Finding(means=found[0], why=found[1])
    if names.unreachable(evidence.errno):
        return Finding(means=ErrorClass.NETWORK, why=f"errno {evidence.errno}")
    return None


def _by_telling_status(evidence: Evidence) -> Finding | None:
    status = evidence.effective_status
    telling = None if status is None else TELLING.get(status)
    return None if telling is None else Finding(means=telling, why=f"status {status}")


def _by_words(evidence: Evidence) -> Finding | None:
    return _first(WORDS, evidence) if evidence.text or evidence.headers else None


def _by_shared_status(evidence: Evidence) -> Finding | None:
    status = evidence.effective_status
    return Finding(means=shared(status), why=f"status {status}") if status is not None and status >= 400 else None


def _by_status(evidence: Evidence) -> Finding | None:
    return _by_telling_status(evidence) or _by_words(evidence) or _by_shared_status(evidence)


LAYERS: Final[tuple[tuple[str, Layer], ...]] = (
    ("facts", lambda asked: _first(facts(asked.provider), asked)),
    ("class name", lambda asked: _by_name(asked, names.TELLING)),
    ("telling status", _by_telling_status),
    ("edge", lambda asked: _first(EDGE, asked)),
    ("words", _by_words),
    ("status", _by_shared_status),
    ("coarse codes", lambda asked: _first(COARSE, asked)),
)
"""What is asked, by name, in this order: the first that finds something decides."""
