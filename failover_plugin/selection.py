"""Which targets a request may go to at all, and which of them can do better where one could not.

A request's exclusions are absolute: a target they rule out is not asked, neither first nor as a fallback.
"""

from __future__ import annotations

from failover_plugin.model import ErrorClass, Request, Target


def excluded(target: Target, request: Request) -> str | None:
    """Why this request must not go to this target, or None if it may."""
    if missing := request.require_tags - target.tags:
        return f"lacks the required tag {_listed(missing)}"
    if forbidden := request.forbid_tags & target.tags:
        return f"carries the forbidden tag {_listed(forbidden)}"
    if target.capabilities and (lacking := request.needs - target.capabilities):
        return f"lacks {_listed(lacking)}"
    tokens = (request.input_tokens or 0) + (request.output_tokens or 0)
    if target.context_window is not None and tokens > target.context_window:
        return f"its window of {target.context_window} tokens is too small for {tokens}"
    return None


def incapable(target: Target, failed: Target, error_class: ErrorClass) -> str | None:
    """Why this target could do no better with what ``failed`` could not take, or None if it could.

    What is not known is not assumed: a second refusal costs the caller time and tells nobody anything.
    """
    match error_class:
        case ErrorClass.CONTEXT_WINDOW if not _larger(target.context_window, failed.context_window):
            return "its window is not known to be larger"
        case ErrorClass.PAYLOAD_TOO_LARGE if target.provider == failed.provider and not _larger(target.tpm, failed.tpm):
            return "its limit is not known to be larger"
        case ErrorClass.UNSUPPORTED if target.model == failed.model:
            return "is the same model"
        case _:
            return None


def _larger(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one > other


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
