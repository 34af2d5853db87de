"""Many rules, few of them asked: a table finds those that a status, the codes and the words leave possible.

Classifying runs while a request waits for its failover, so three hundred rules must not cost three hundred searches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from failover_plugin.classify.rules.rule import Rule, words_of

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence
    from failover_plugin.classify.rules.rule import Finding

Place: TypeAlias = tuple[int, Rule]
"""A rule, and where it stands in its table."""

Places: TypeAlias = dict[str, list[Place]]


class Facts:
    """Evidence as rules look at it."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.status = evidence.effective_status
        self.codes: Mapping[str, str] = {code.lower(): code for code in reversed(evidence.codes)}
        """The codes, by their lower-case form; the most telling last, so that it wins."""

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of what it says."""
        return words_of(self.evidence.text)


class Table:
    """Rules in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._possible: dict[int | None, tuple[Places, Places, list[Place]]] = {}

    def find(self, facts: Facts) -> Finding | None:
        """What the first rule that holds finds."""
        for one in self.candidates(facts):
            if (found := one.find(facts)) is not None:
                return found
        return None

    def candidates(self, facts: Facts) -> Iterable[Rule]:
        """The rules that the status, the codes and the words leave possible."""
        coded, worded, others = self._of_status(facts.status)
        possible = dict(others)
        for code in facts.codes:
            possible.update(coded.get(code, ()))
        for word in worded.keys() & facts.words if worded else ():
            possible.update(worded[word])
        return (possible[place] for place in sorted(possible))

    def _of_status(self, status: int | None) -> tuple[Places, Places, list[Place]]:
        """The rules possible with this status: by their codes, by the words they cannot do without, and all others."""
        if status not in self._possible:
            coded, worded, others = Places(), Places(), list[Place]()
            for place in enumerate(self.rules):
                one = place[1]
                if one.statuses and status not in one.statuses:
                    continue
                keys = [term.key for term in one.says]
                if one.codes:
                    _put(coded, one.codes, place)
                elif keys and None not in keys:
                    _put(worded, filter(None, keys), place)
                else:
                    others.append(place)
            self._possible[status] = coded, worded, others
        return self._possible[status]


def _put(places: Places, keys: Iterable[str], place: Place) -> None:
    for key in keys:
        places.setdefault(key, []).append(place)
