"""Many rules, few of them asked: a table finds those that a status, the codes and the words leave possible.

Classifying runs while a request waits for its failover, so three hundred rules must not cost three hundred searches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from failover_plugin.classify.rules.rule import Rule, words_of

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence
    from failover_plugin.classify.rules.rule import Finding

Place: TypeAlias = tuple[int, Rule]
"""A rule, and where it stands in its table."""


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
        self._possible: dict[int | None, tuple[dict[str, list[Place]], list[Place]]] = {}

    def find(self, facts: Facts) -> Finding | None:
        """What the first rule that holds finds."""
        for one in self.candidates(facts):
            if (found := one.find(facts)) is not None:
                return found
        return None

    def candidates(self, facts: Facts) -> Iterable[Rule]:
        """The rules that the status and the codes leave possible."""
        coded, others = self._of_status(facts.status)
        hits = [place for code in facts.codes for place in coded.get(code, ())]
        places = sorted((*hits, *others), key=itemgetter(0)) if hits else others
        return (one for _, one in places)

    def _of_status(self, status: int | None) -> tuple[dict[str, list[Place]], list[Place]]:
        if status not in self._possible:
            coded: dict[str, list[Place]] = {}
            others: list[Place] = []
            for place in enumerate(self.rules):
                one = place[1]
                if one.statuses and status not in one.statuses:
                    continue
                if not one.codes:
                    others.append(place)
                for code in one.codes:
                    coded.setdefault(code, []).append(place)
            self._possible[status] = coded, others
        return self._possible[status]
