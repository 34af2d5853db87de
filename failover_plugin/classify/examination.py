"""How a response was judged, rule by rule, for people: what was read, what nearly applied, and what decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from failover_plugin.classify import classify_response, judge_response
from failover_plugin.classify.evidence import Evidence
from failover_plugin.classify.horizon import Horizon, horizon
from failover_plugin.classify.rules import LAYERS, Finding
from failover_plugin.classify.rules.rule import Rule
from failover_plugin.classify.rules.table import Facts
from failover_plugin.model import Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """``due`` is when to come back, and who says so. ``steps`` quote the response: redact them before showing them."""

    diagnosis: Diagnosis
    due: Horizon | None
    steps: tuple[str, ...]


def examine(
    status: int, headers: Mapping[str, str], body: str | bytes | object, *, provider: str | None = None
) -> Examination:
    """As ``classify_response``, with the way there."""
    evidence, found = judge_response(status, headers, body, provider)
    return Examination(
        diagnosis=classify_response(status, headers, body, provider=provider),
        due=horizon(evidence.headers, evidence.text, evidence.hints),
        steps=tuple(_steps(evidence, found)),
    )


def _steps(evidence: Evidence, found: Finding) -> Iterator[str]:
    yield f"read: status {evidence.effective_status or evidence.status}, codes {', '.join(evidence.codes) or 'none'}"
    facts = Facts(evidence)
    for layer in LAYERS:
        here = layer.find(facts)
        if layer.table is not None:
            yield from _near_misses(layer.name, layer.table(facts).rules, facts, here)
        if here is not None and here == found:
            yield f"{layer.name}: {here.why} -> {here.means}"
            return
        yield f"{layer.name}: nothing"
    yield f"the answer itself: {found.why} -> {found.means}"


def _near_misses(name: str, rules: tuple[Rule, ...], facts: Facts, found: Finding | None) -> Iterator[str]:
    """The rules before the one that holds whose code or words are there, and what stands against each."""
    for one in rules:
        if found is not None and one.find(facts) == found:
            return
        told = one.told(facts)
        if told is not None and (obstacle := one.obstacle(facts.evidence)):
            yield f"{name}: {one.of}: {told} would mean {one.means}, {obstacle}"
