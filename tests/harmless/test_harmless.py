"""Never worse than none: random scripts of every kind, with us and without us. See the package for how to read this.

CI plays few of each kind. ``FAILOVER_HARMLESS=600`` plays 600 for LangChain, and 90 for LiteLLM, over three seeds;
``-s`` shows what each kind came to. A single one: ``python -m tests.harmless langchain in_turn 7``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from math import ceil

import pytest

from . import wire
from .kinds import KINDS, Kind
from .sides import verdict
from .verdict import Verdict, summary

BY_THE_HUNDRED = int(os.environ.get("FAILOVER_HARMLESS", "0"))
SEEDS = 3
LITELLM_SHARE = 0.15
EVERY = [kind for kinds in KINDS.values() for kind in kinds.values()]

found: list[Verdict] = []
"""The verdicts so far, for the sum."""


def _seeds(kind: Kind) -> list[int]:
    if not BY_THE_HUNDRED:
        return list(kind.seeds)
    scripts = BY_THE_HUNDRED * (LITELLM_SHARE if kind.host == "litellm" else 1.0)
    each = ceil(scripts / SEEDS / len(KINDS[kind.host]))
    return [1000 * seed + number for seed in range(SEEDS) for number in range(each)]


@pytest.fixture(scope="module", autouse=True)
def _players() -> Iterator[None]:
    yield
    wire.close_players()


@pytest.mark.timeout(3600 if BY_THE_HUNDRED else 120)
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: f"{kind.host}-{kind.name}")
def test_no_request_is_lost_and_nobody_innocent_is_blamed(kind: Kind) -> None:
    verdicts = list[Verdict]()
    for seed in _seeds(kind):
        script = kind.script(seed)
        if script.runtime in ("gevent", "uvloop") and find_spec(script.runtime) is None:
            pytest.skip(f"{script.runtime} is not installed")
        verdicts.append(verdict(script))
    found.extend(verdicts)
    if BY_THE_HUNDRED:
        sys.stdout.write(f"\n{kind.host} {kind.name}: {summary(verdicts)}\n")
    wrong = [one for one in verdicts if one.wrong]
    told = "\n".join([f"{len(wrong)} of {len(verdicts)} scripts of {kind.about!r}:", *map(str, wrong[:3])])
    if wrong:
        pytest.fail(told, pytrace=False)


@pytest.mark.parametrize("host", list(KINDS))
def test_in_sum_there_are_no_more_calls_than_without_us(host: str) -> None:
    verdicts = [one for one in found if one.script.host == host]
    sys.stdout.write(f"\n{host}, all: {summary(verdicts)}\n")
    assert sum(len(one.ours.calls) for one in verdicts) <= sum(len(one.theirs.calls) for one in verdicts)
