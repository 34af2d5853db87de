"""Never worse than none: random scripts of every kind, with us and without us. See the package for how to read this.

CI plays few of each kind. ``FAILOVER_HARMLESS=600`` plays 600 for LangChain, and 90 for LiteLLM, over three seeds;
``-s`` shows what each kind came to. A single one: ``python -m tests.harmless langchain in_turn 7``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from . import wire
from .kinds import KINDS, Kind
from .known import BY_HAND, KNOWN
from .sides import verdict
from .verdict import Verdict

BY_THE_HUNDRED = int(os.environ.get("FAILOVER_HARMLESS", "0"))
SEEDS = 3
LITELLM_SHARE = 0.15
EVERY = [kind for kinds in KINDS.values() for kind in kinds.values()]

found: list[Verdict] = []
"""The verdicts so far, for the sum."""


def _seeds(kind: Kind) -> list[int]:
    if not BY_THE_HUNDRED:
        return list(range(kind.often))
    scripts = BY_THE_HUNDRED * (LITELLM_SHARE if kind.host == "litellm" else 1.0)
    each = max(round(scripts / SEEDS / len(KINDS[kind.host])), 1)
    return [1000 * seed + number for seed in range(SEEDS) for number in range(each)]


def _marks(kind: Kind) -> list[pytest.MarkDecorator]:
    if finding := KNOWN.get((kind.host, kind.name)):
        return [pytest.mark.xfail(reason=f"finding {finding} of issue 11", strict=True)]
    if BY_THE_HUNDRED and (finding := BY_HAND.get((kind.host, kind.name))):
        return [pytest.mark.xfail(reason=f"finding {finding} of issue 11", strict=False)]
    return []


@pytest.fixture(scope="module", autouse=True)
def _players() -> Iterator[None]:
    yield
    wire.close_players()


@pytest.mark.timeout(3600 if BY_THE_HUNDRED else 120)
@pytest.mark.parametrize("kind", [pytest.param(k, id=f"{k.host}-{k.name}", marks=_marks(k)) for k in EVERY])
def test_no_request_is_lost_and_nobody_innocent_is_blamed(kind: Kind) -> None:
    verdicts = list[Verdict]()
    for seed in _seeds(kind):
        script = kind.script(seed)
        if script.runtime in ("gevent", "uvloop") and find_spec(script.runtime) is None:
            pytest.skip(f"{script.runtime} is not installed")
        verdicts.append(verdict(script))
    found.extend(verdicts)
    if BY_THE_HUNDRED:
        print(f"\n{kind.host} {kind.name}: {_summary(verdicts)}")
    wrong = [one for one in verdicts if one.wrong]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(verdicts)} scripts of {kind.about!r}:", *map(str, wrong[:3])])


@pytest.mark.parametrize("host", list(KINDS))
def test_in_sum_there_are_no_more_calls_than_without_us(host: str) -> None:
    verdicts = [one for one in found if one.script.host == host]
    print(f"\n{host}, all: {_summary(verdicts)}")
    ours, theirs = (sum(len(side.calls) for side in sides) for sides in _sides(verdicts))
    assert ours <= theirs


def test_every_kind_that_is_known_to_fail_exists() -> None:
    assert set(KNOWN) | set(BY_HAND) <= {(kind.host, kind.name) for kind in EVERY}


def _sides(verdicts: list[Verdict]) -> tuple[list, list]:  # type: ignore[type-arg]
    return [one.ours for one in verdicts], [one.theirs for one in verdicts]


def _summary(verdicts: list[Verdict]) -> str:
    ours, theirs = _sides(verdicts)
    asked = sum(len(side.answers) for side in ours)
    return (
        f"{len(verdicts)} scripts, {sum(bool(one.wrong) for one in verdicts)} of them wrong; {asked} requests, "
        f"{sum(side.served for side in ours)} served ({sum(side.served for side in theirs)} without us), "
        f"{sum(len(one.lost) for one in verdicts)} that only the other side served; "
        f"{sum(len(one.excused) for one in verdicts)} excused, {sum(len(one.left) for one in verdicts)} behind a group; "
        f"{sum(len(one.blamed) for one in verdicts)} innocent targets not closed; "
        f"{sum(len(side.calls) for side in ours)} calls ({sum(len(side.calls) for side in theirs)} without us)"
    )
