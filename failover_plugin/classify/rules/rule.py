"""A rule is data: what must be there, what must not, and what it means.

Words are given as texts that a provider uses for a thing, in pieces that hold however the sentence around them is
worded: ``"model … not found"`` is both pieces in this order, close to each other. A whole message is never quoted: a
provider rewrites its sentences and keeps its terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence

NEAR: Final = 90
"""Characters that may stand between two pieces."""

_TRIES: Final = 6
"""Places of the first piece that are looked at: a text made to waste time wastes little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All conditions given must hold; ``codes`` and ``says`` are lower case, and one of each is enough.

    ``of`` is the provider or wire family whose rule it is. ``statuses`` are effective HTTP statuses, None for none;
    without any the rule holds whatever the status. ``headers`` are pieces of their values. ``unless`` are words that
    lie: with one of them there the rule does not hold. ``why`` names what ``check`` checks.
    """

    of: str
    means: ErrorClass
    codes: frozenset[str] = frozenset()
    says: tuple[tuple[str, ...], ...] = ()
    unless: tuple[tuple[str, ...], ...] = ()
    statuses: frozenset[int | None] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    check: Callable[[Evidence], bool] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided, by which rule, and the provider's code if that was what decided."""

    means: ErrorClass
    why: str
    code: str | None = None


def rule(
    of: str,
    means: ErrorClass,
    codes: str = "",
    *,
    says: Iterable[str] = (),
    unless: Iterable[str] = (),
    statuses: Iterable[int | None] = (),
    headers: Mapping[str, str] | None = None,
    check: Callable[[Evidence], bool] | None = None,
    why: str = "",
) -> Rule:
    """A row of a table: ``codes`` separated by blanks, the pieces of ``says`` and ``unless`` by " … "."""
    return Rule(
        of=of,
        means=means,
        codes=frozenset(codes.split()),
        says=_pieces(says),
        unless=_pieces(unless),
        statuses=frozenset(statuses),
        headers=headers or {},
        check=check,
        why=why,
    )


def _pieces(texts: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(text.split(" … ")) for text in texts)


def said(text: str, pieces: tuple[str, ...]) -> bool:
    """Whether the text has these pieces, in this order and near each other."""
    first, *others = pieces
    at = text.find(first)
    if not others or at < 0:
        return at >= 0
    for _ in range(_TRIES):
        if at < 0:
            return False
        if _follow(text, at + len(first), others):
            return True
        at = text.find(first, at + 1)
    return False


def _follow(text: str, at: int, pieces: list[str]) -> bool:
    for piece in pieces:
        found = text.find(piece, at, at + NEAR + len(piece))
        if found < 0:
            return False
        at = found + len(piece)
    return True


def matches(tested: Rule, evidence: Evidence, codes: Mapping[str, str]) -> Finding | None:
    """What the rule finds. ``codes`` are the evidence's, by their lower-case form."""
    code = next((codes[code] for code in codes if code in tested.codes), None) if tested.codes else None
    if tested.codes and code is None:
        return None
    words = next((pieces for pieces in tested.says if said(evidence.text, pieces)), None) if tested.says else None
    if tested.says and words is None:
        return None
    if obstacle(tested, evidence):
        return None
    return Finding(means=tested.means, why=f"{tested.of}: {_told(tested, code, words)}", code=code)


def obstacle(tested: Rule, evidence: Evidence) -> str:
    """Why a rule whose code and words are there does not hold; empty if nothing stands against it."""
    if tested.statuses and evidence.effective_status not in tested.statuses:
        return f"not with status {evidence.effective_status}"
    for name, value in tested.headers.items():
        if value not in evidence.headers.get(name, "").lower():
            return f"header {name} does not say so"
    lie = next((pieces for pieces in tested.unless if said(evidence.text, pieces)), None)
    if lie is not None:
        return f'not where it says "{" … ".join(lie)}"'
    return "" if tested.check is None or tested.check(evidence) else f"not so: {tested.why}"


def _told(tested: Rule, code: str | None, words: tuple[str, ...] | None) -> str:
    said_so = f'says "{" … ".join(words)}"' if words else ""
    header = next((f"header {name}: {value}" for name, value in tested.headers.items()), "")
    return ", ".join(filter(None, (f"code {code}" if code else "", said_so, header, tested.why)))
