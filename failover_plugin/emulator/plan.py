"""What goes over the wire, in order: a plan is a tuple of steps, and a fault is whatever changes it.

Plans are plain values: what a fault does can be read, compared and tested without a socket, and one small player
(``wire.play``) is the only code that sends them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class Part(StrEnum):
    """What a piece of an answer is to the client; faults are told in these words, not in bytes."""

    OPENING = "opening"
    CONTENT = "content"
    CLOSING = "closing"
    SENTINEL = "sentinel"


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers. Without a ``content-length`` the body is sent in chunks."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """One piece of the body: one server-sent event, or a slice of a plain body."""

    data: bytes
    part: Part = Part.CONTENT


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds; ``math.inf`` is for good."""

    seconds: float


class Hangup(Enum):
    """How a connection dies: ``CUT`` closes it in mid-answer, ``RESET`` sends a TCP reset."""

    CUT = "cut"
    RESET = "reset"


FOR_GOOD = Pause(math.inf)

Step = Head | Data | Pause | Hangup
Plan = tuple[Step, ...]


def is_content(step: Step) -> bool:
    """Whether a client gets content from this step."""
    return isinstance(step, Data) and step.part is Part.CONTENT


def up_to(plan: Plan, fraction: float) -> Plan:
    """The plan as far as this fraction of its content, rounded, and at least one piece if it is not 0."""
    pieces = sum(map(is_content, plan))
    return first(plan, max(round(pieces * fraction), 1 if fraction else 0))


def first(plan: Plan, pieces: int) -> Plan:
    """The plan as far as this many pieces of content; what opens it is always kept."""
    kept: list[Step] = []
    for step in plan:
        ends = isinstance(step, Data) and step.part in (Part.CLOSING, Part.SENTINEL)
        if ends or (is_content(step) and sum(map(is_content, kept)) >= pieces):
            break
        kept.append(step)
    return tuple(kept)


def without(plan: Plan, *parts: Part) -> Plan:
    """The plan without the pieces that are one of ``parts``."""
    return tuple(step for step in plan if not (isinstance(step, Data) and step.part in parts))


def before_content(plan: Plan, pause: Callable[[int], Pause | None]) -> Plan:
    """The plan with ``pause(n)`` ahead of its n-th piece of content, counted from 0."""
    steps: list[Step] = []
    for step in plan:
        if is_content(step) and (silence := pause(sum(map(is_content, steps)))):
            steps.append(silence)
        steps.append(step)
    return tuple(steps)
