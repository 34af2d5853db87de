"""How a failover shows in traces, and how an answer says who gave it.

The first attempt runs under the caller's own config, untouched: with healthy providers failover leaves no trace and
costs nothing. A later one is a run of its own, tagged with its number, so that nobody takes two runs for one.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

from failover_plugin import Attempt, ErrorClass, Skip, Start, Target, Trail


def attempt_config(config: RunnableConfig | None, attempt: Start) -> RunnableConfig:
    """The config of a second or later attempt: without the caller's run id, tagged and described."""
    described = ensure_config(config)
    described.pop("run_id", None)
    described["tags"] = [*described.get("tags", ()), f"failover:attempt:{attempt.number}"]
    described["metadata"] = {
        **described.get("metadata", {}),
        "failover_attempt": attempt.number,
        "failover_target": attempt.target.id,
        "failover_reason": _reason(attempt.trail),
    }
    return described


def _reason(trail: Trail) -> str | None:
    """What ended the attempt before."""
    ended = [attempt.diagnosis for attempt in trail.attempts if attempt.diagnosis]
    return str(ended[-1].error_class) if ended else None


def failover_facts(target: Target | None, trail: Trail) -> dict[str, Any] | None:
    """What ``response_metadata["failover"]`` says: who answered, after how many attempts; None if all was well until
    then.
    """
    before = list(takewhile(lambda entry: not (isinstance(entry, Attempt) and entry.ok), trail.entries))
    errors = [
        f"{attempt.target}: {attempt.diagnosis}"
        for attempt in before
        if isinstance(attempt, Attempt) and not _was_cancelled(attempt)
    ]
    skipped = any(isinstance(entry, Skip) for entry in before)
    if target is None or not (errors or skipped):
        return None
    return {"target": target.id, "attempts": len(errors) + 1, "errors": errors}


def _was_cancelled(attempt: Attempt) -> bool:
    return attempt.diagnosis is not None and attempt.diagnosis.error_class is ErrorClass.CANCELLED
