"""Which limit it is: one that the request alone exceeds, so that no wait ever cures it, or none of the caller's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover_plugin.classify.evidence import Evidence

_KINDS = ("input-tokens", "output-tokens", "tokens")

_LIMIT_AND_REQUESTED = re.compile(r"\blimit:? ([0-9][0-9,]*),(?: used:? [0-9][0-9,]*,)? requested:? ([0-9][0-9,]*)")


def never_fits(evidence: Evidence) -> bool:
    """Whether the request alone asks for more than the limit grants in its whole period."""
    found = _LIMIT_AND_REQUESTED.search(evidence.text) if "requested" in evidence.text else None
    return found is not None and _number(found[2]) > _number(found[1])


def untouched_limit(evidence: Evidence) -> bool:
    """Whether a limit was exceeded of which, as far as is told, nothing has been used, and no time is named: how
    Anthropic refuses a request that is too large for a minute.
    """
    headers = evidence.headers
    if "retry-after" in headers or headers.get("x-should-retry") != "false":
        return False
    told = [kind for kind in _KINDS if f"anthropic-ratelimit-{kind}-limit" in headers]
    return any(_untouched(headers, kind) for kind in told) if told else "tokens per minute" in evidence.text


def no_limit(evidence: Evidence) -> bool:
    """Whether nothing tells of a limit of the caller's own: neither a code nor a remainder of nothing."""
    if any(code.lower().replace("_", "").startswith("ratelimit") for code in evidence.codes):
        return False
    return not any(
        left.strip() == "0" and name.startswith("x-ratelimit-remaining") for name, left in evidence.headers.items()
    )


def _untouched(headers: Mapping[str, str], kind: str) -> bool:
    limit = headers.get(f"anthropic-ratelimit-{kind}-limit")
    return limit is not None and limit == headers.get(f"anthropic-ratelimit-{kind}-remaining")


def _number(text: str) -> int:
    return int(text.replace(",", "")[:18])
