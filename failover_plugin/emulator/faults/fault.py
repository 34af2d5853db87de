"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from failover_plugin.emulator.call import Call
from failover_plugin.emulator.plan import Plan


@dataclass(frozen=True, slots=True)
class Fault:
    """A named way to answer wrongly. ``plan`` says what goes over the wire for one call."""

    name: str
    plan: Callable[[Call], Plan] = field(repr=False)
