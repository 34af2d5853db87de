"""How long the laws are tried: some seconds each; with ``FAILOVER_LAWS=100000`` in the environment, so many steps."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine

STEPS = int(os.environ.get("FAILOVER_LAWS", "0"))
"""Steps to take, 0 for the ordinary few."""

PER_EXAMPLE = 50

long_enough = pytest.mark.timeout(900 if STEPS else 60)
"""For the modules with laws: so many steps take minutes."""

taken: Counter[str] = Counter()
"""Steps taken so far, for each state machine."""


class Laws(RuleBasedStateMachine):
    """A state machine that counts its steps: every rule starts with ``self.step()``."""

    def step(self) -> None:
        taken[type(self).__name__] += 1


def tried(machine: type[Laws], examples: int) -> Any:
    """The machine as a test case: so many ``examples`` in the ordinary suite, the same ones every time."""
    case = machine.TestCase
    case.settings = settings(
        max_examples=STEPS // PER_EXAMPLE * 5 // 4 or examples,
        stateful_step_count=PER_EXAMPLE,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    return case
