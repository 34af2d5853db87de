"""What a provider says is left of a rate limit, read off the headers of any response, good or bad.

A limit that is used up is known from the last answer before it: who reads it need not run into it. Only what is used up
matters, so only a remainder of zero is told, with the time until it refills. A limit that takes longer than
``MAX_RETRY_AFTER`` to refill is a quota, and is met when the provider says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time

from failover_plugin.classify.horizon import MAX_RETRY_AFTER, used_up
from failover_plugin.classify.times import sender


def used_up_for(headers: Mapping[str, str], *, wall: Callable[[], float] = time) -> float:
    """Seconds until everything that is used up has refilled, in [0, ``MAX_RETRY_AFTER``]; 0 if nothing is.

    ``headers`` may have names in any case. Moments count from the response's own ``Date``; ``wall`` (seconds since the
    epoch) is asked only where there is none. Never raises for what they hold.
    """
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    waits = (wait for wait, _ in used_up(lower, sender(lower, wall)))
    return min(max(waits, default=0.0), MAX_RETRY_AFTER)
