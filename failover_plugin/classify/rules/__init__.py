"""The rules in their order: the provider's own, the wire families', what the exception is, the status, the words.

Why this order: a code is a promise of the provider's, a class name one of the SDK's, and a status is shared by things
that need opposite treatment (429 is a pause, an empty account and a request that will never fit). Words come where the
status does not tell, and the status alone last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from failover_plugin.classify import names
from failover_plugin.classify.rules.families import COARSE, FAMILIES
from failover_plugin.classify.rules.own import OWN, distinctive, owners
from failover_plugin.classify.rules.rule import Finding, rule
from failover_plugin.classify.rules.statuses import OF_THE_REQUEST, TELLING, shared
from failover_plugin.classify.rules.table import Facts, Table
from failover_plugin.classify.rules.words import EDGE, WORDS
from failover_plugin.model import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failover_plugin.classify.evidence import Evidence

__all__ = ["LAYERS", "Finding", "decide", "fall_back", "table_of"]


class Layer(NamedTuple):
    """One kind of knowledge: its name, what it finds, and its rules, where it has a table of them."""

    name: str
    find: Callable[[Facts], Finding | None]
    table: Callable[[Facts], Table] | None = None


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


_LOST: Final = Table(LOST)
_WORDS: Final = Table((*EDGE, *WORDS))
_COARSE: Final = Table(COARSE)


@lru_cache(maxsize=64)
def table_of(provider: str | None) -> Table:
    """The rules of codes and of single providers, in the order in which they are asked if this one has answered."""
    first = owners(provider)
    own = tuple(one for name in first for one in OWN if one.of == name)
    others = tuple(one for one in OWN if one.of not in first)
    if provider is None:
        return Table((*(one for one in others if one.codes), *FAMILIES, *(one for one in others if not one.codes)))
    return Table((*own, *FAMILIES, *filter(distinctive, others)))


def decide(evidence: Evidence) -> Finding | None:
    """What this one exception or response says for certain, or None if what lies beneath it should be asked."""
    facts = Facts(evidence)
    for layer in LAYERS[: 2 if evidence.translated else None]:
        if (found := layer.find(facts)) is not None:
            return found
    return None


def fall_back(evidence: Evidence) -> Finding | None:
    """What it says when nobody could decide for certain."""
    facts = Facts(evidence)
    if not evidence.translated:  # all else has been asked
        return _by_name(facts, names.LAST)
    lost = _LOST.find(facts) or _by_name(facts, names.STATUS_INVENTED)
    return lost or _by_status(facts) or _COARSE.find(facts) or _by_name(facts, names.LAST)


def _by_name(facts: Facts, table: Mapping[str, ErrorClass]) -> Finding | None:
    evidence = facts.evidence
    found = names.find(evidence.names, table, exact=evidence.translated)
    if found is not None:
        return Finding(means=found[0], why=found[1])
    if names.unreachable(evidence.errno):
        return Finding(means=ErrorClass.NETWORK, why=f"errno {evidence.errno}")
    return None


def _by_telling_status(facts: Facts) -> Finding | None:
    telling = None if facts.status is None else TELLING.get(facts.status)
    return None if telling is None else _of_status(facts.status, telling)


def _by_shared_status(facts: Facts) -> Finding | None:
    status = facts.status
    return _of_status(status, shared(status)) if status is not None and status >= 400 else None


def _of_status(status: int | None, means: ErrorClass) -> Finding:
    return Finding(means=means, why=f"status {status}", scope=Scope.REQUEST if status in OF_THE_REQUEST else None)


def _by_status(facts: Facts) -> Finding | None:
    return _by_telling_status(facts) or _WORDS.find(facts) or _by_shared_status(facts)


def _of_provider(facts: Facts) -> Table:
    return table_of(facts.evidence.provider)


def _by_code(facts: Facts) -> Finding | None:
    return _of_provider(facts).find(facts)


def _by_telling_name(facts: Facts) -> Finding | None:
    return _by_name(facts, names.TELLING)


def _always(table: Table) -> Callable[[Facts], Table]:
    return lambda facts: table  # noqa: ARG005 - the same for all


LAYERS: Final[tuple[Layer, ...]] = (
    Layer("codes and providers", _by_code, _of_provider),
    Layer("class name", _by_telling_name),
    Layer("telling status", _by_telling_status),
    Layer("words", _WORDS.find, _always(_WORDS)),
    Layer("status", _by_shared_status),
    Layer("coarse codes", _COARSE.find, _always(_COARSE)),
)
"""What is asked, in this order: the first that finds something decides."""
