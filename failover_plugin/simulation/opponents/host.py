"""What every opponent stands on: a user's list of targets, and a client that tells no more than clients do.

The designs differ in what they do about a failure, not in how they see it. Two things no client tells them: that an
answer was empty or ended without its finish mark, and, once a stream is open, how to take back what was said.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import cast

from failover_plugin.model import ErrorClass, Target
from failover_plugin.simulation.protocol import Call, Outcome, Reply, Step

CLIENT_TIMEOUT = 60.0
"""Seconds of silence after which a client gives up. Their own are 600 s (LiteLLM), none (LangChain's models), 120 s and
up elsewhere: with those every hang would last longer than a request may, and say nothing about the policy."""

CALLERS_FAULT = frozenset(
    {
        ErrorClass.CONTEXT_WINDOW,
        ErrorClass.UNSUPPORTED,
        ErrorClass.INVALID_REQUEST,
        ErrorClass.CONTENT_POLICY,
        ErrorClass.PAYLOAD_TOO_LARGE,
    }
)
"""What comes as a status of the 400 kind that says nothing about the server."""

_UNNOTICED = ("empty", "truncated")
_INSIDE_200 = ("empty", "error_body")


def call(target: Target, timeout: float = CLIENT_TIMEOUT) -> Generator[Step, Reply, Outcome]:
    """One call, as a step that brings its outcome: ``outcome = yield from call(target)``."""
    return cast(Outcome, (yield Call(target, timeout)))


def listed(targets: Sequence[Target]) -> list[Target]:
    """The order in which a user lists them: by tier, and inside a tier as they come."""
    return sorted(targets, key=attrgetter("tier"))


def tiers(targets: Sequence[Target]) -> list[list[Target]]:
    """The targets of each tier, the preferred tier first."""
    return [list(tier) for _, tier in groupby(listed(targets), key=attrgetter("tier"))]


def seems_fine(outcome: Outcome) -> bool:
    """Whether the client reports a success: no SDK and no framework asked here minds a text that is short or empty."""
    return outcome.ok or outcome.error in _UNNOTICED


def was_opened(outcome: Outcome) -> bool:
    """Whether the response had begun with a 200, so that the caller holds a stream, whatever became of it."""
    return outcome.ok or outcome.first or outcome.error in _INSIDE_200
