"""A rule is data: what must be there, what must not, and what it means.

Words are given as texts that a provider uses for a thing, in pieces that hold however the sentence around them is
worded: ``"model … not found"`` is both pieces in this order, close to each other. A whole message is never quoted: a
provider rewrites its sentences and keeps its terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from failover_plugin.model import ErrorClass, Scope

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence
    from failover_plugin.classify.rules.table import Facts

NEAR: Final = 90
"""Characters that may stand between two pieces."""

_TRIES: Final = 6
"""Places of the first piece that are looked at: a text made to waste time wastes little."""

_WORD = re.compile(r"[a-z0-9_'`-]+")
_FOREIGN: Final = "文"
"""Stands among the words of a text that is not all ASCII: Chinese separates no words."""


@dataclass(frozen=True, slots=True)
class Term:
    """Pieces of a text, in this order and near each other. ``key`` is a word that must be there for them to be."""

    pieces: tuple[str, ...]
    key: str | None

    @classmethod
    def of(cls, text: str) -> Term:
        """The pieces stand separated by " … ". The last word of a piece may go on in the text, as "exceed" does in
        "exceeded"; so the key is the longest of the others, if there are any.
        """
        pieces = tuple(text.split(" … "))
        inner = [word for piece in pieces for word in _WORD.findall(piece.rpartition(" ")[0])]
        return cls(pieces, max(inner, key=len, default=None) if text.replace("…", "").isascii() else _FOREIGN)

    def __str__(self) -> str:
        return f'"{" … ".join(self.pieces)}"'

    def is_in(self, text: str) -> bool:
        """Whether a text has them."""
        first, *others = self.pieces
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


def words_of(text: str) -> frozenset[str]:
    """The words of a text: a term whose key is not among them need not be searched for."""
    words = frozenset(_WORD.findall(text))
    return words if text.isascii() else words | {_FOREIGN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All conditions given must hold; ``codes`` and ``says`` are lower case, and one of each is enough.

    ``scope`` is whose fault it is, where that is not what the class says. ``of`` is the provider or wire family whose
    rule it is. ``statuses`` are effective HTTP statuses, None for none;
    without any the rule holds whatever the status. ``headers`` are pieces of their values. ``unless`` are words that
    lie: with one of them there the rule does not hold. ``why`` names what ``check`` checks.
    """

    of: str
    means: ErrorClass
    codes: frozenset[str] = frozenset()
    says: tuple[Term, ...] = ()
    keys: frozenset[str] = field(init=False)
    """Words of which one must be there for ``says``, but for the ``loose`` ones, which have none."""
    loose: tuple[Term, ...] = field(init=False)
    unless: tuple[Term, ...] = ()
    statuses: frozenset[int | None] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    check: Callable[[Evidence], bool] | None = None
    why: str = ""
    scope: Scope | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(term.key for term in self.says if term.key is not None))
        object.__setattr__(self, "loose", tuple(term for term in self.says if term.key is None))

    def find(self, facts: Facts) -> Finding | None:
        """What the rule finds, or None if it does not hold."""
        code = self._code(facts)
        if self.codes and code is None:
            return None
        term = self._heard(facts)
        if (self.says and term is None) or self.obstacle(facts.evidence):
            return None
        return Finding(means=self.means, why=f"{self.of}: {self._told(code, term)}", code=code, scope=self.scope)

    def told(self, facts: Facts) -> str | None:
        """The code and the words that are there for it, None if they are not or if it asks for none."""
        code, term = self._code(facts), self._heard(facts)
        missing = (self.codes and code is None) or (self.says and term is None)
        return None if missing or not (code or term) else self._told(code, term)

    def _code(self, facts: Facts) -> str | None:
        return next((facts.codes[code] for code in facts.codes if code in self.codes), None) if self.codes else None

    def obstacle(self, evidence: Evidence) -> str:
        """What stands against a rule whose code and words are there; empty if nothing does."""
        if self.statuses and evidence.effective_status not in self.statuses:
            return f"not with status {evidence.effective_status}"
        for name, value in self.headers.items():
            if value not in evidence.headers.get(name, "").lower():
                return f"header {name} does not say so"
        lie = next((term for term in self.unless if term.is_in(evidence.text)), None)
        if lie is not None:
            return f"not where it says {lie}"
        return "" if self.check is None or self.check(evidence) else f"not so: {self.why}"

    def _heard(self, facts: Facts) -> Term | None:
        if not self.says:
            return None
        text, words = facts.evidence.text, facts.words
        possible = self.loose if self.keys.isdisjoint(words) else self.says
        for term in possible:  # a loop, not a generator: it runs hundreds of times while a request waits
            if (term.key is None or term.key in words) and term.is_in(text):
                return term
        return None

    def _told(self, code: str | None, term: Term | None) -> str:
        said_so = f"says {term}" if term else ""
        header = next((f"header {name}: {value}" for name, value in self.headers.items()), "")
        return ", ".join(filter(None, (f"code {code}" if code else "", said_so, header, self.why)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided, by which rule, and the provider's code if that was what decided. ``scope`` is None where the
    class tells whose fault it is.
    """

    means: ErrorClass
    why: str
    code: str | None = None
    scope: Scope | None = None


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
    scope: Scope | None = None,
) -> Rule:
    """A row of a table: ``codes`` separated by blanks, the pieces of ``says`` and ``unless`` by " … "."""
    return Rule(
        of=of,
        means=means,
        codes=frozenset(codes.split()),
        says=tuple(map(Term.of, says)),
        unless=tuple(map(Term.of, unless)),
        statuses=frozenset(statuses),
        headers=headers or {},
        check=check,
        why=why,
        scope=scope,
    )
