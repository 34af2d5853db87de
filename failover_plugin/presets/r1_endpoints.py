"""Everybody keeps to one endpoint, and leaves it when it has failed so often in a row that it is unhealthy (R1).

The design of api_xai's ``failover.rs``: Healthy, after a failure Degraded, after ``max_failures`` Unhealthy for
``retry_after`` seconds, then Degraded with a clean count. Mended: an outcome is booked on the endpoint that was
called, not on whichever is current when it comes; a degraded endpoint loses its traffic to healthy ones and is tested
by one request at a time; what comes back is tested by at most ``max_failures`` requests instead of by everybody; and a
request that fails at one endpoint goes on at the next, instead of only the next request.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from failover_plugin.errors import ConfigError
from failover_plugin.model import Target
from failover_plugin.policy import BreakerPolicy, Policy
from failover_plugin.presets.checks import http_url, seconds, whole


def endpoints(*, max_failures: int = 3, retry_after: float = 60.0, auto_rotate: bool = True) -> Policy:
    """Keep to an endpoint until ``max_failures`` calls to it fail in a row, then leave it for ``retry_after`` seconds.

    ``auto_rotate=False``: stay, well or not, until ``Failover.rotate`` is called. If all are unhealthy, the one that is
    due back first is asked all the same. Raises ``ConfigError``.
    """
    whole("max_failures", max_failures)
    seconds("retry_after", retry_after)
    return Policy(
        strategy="sticky",
        auto_rotate=auto_rotate,
        last_resort="earliest",
        patience=0,
        same_target_retries=0,
        breaker=BreakerPolicy(
            threshold=consecutive(max_failures),
            half_life=inf,
            success_clears=True,
            caution=1,
            degraded_at=0.5 / max_failures,
            open_base=retry_after,
            open_cap=retry_after,
            jitter=0,
            half_open_probes=max_failures,
            success_rate=1 / max_failures,
            parole=False,
            ramp=False,
        ),
    )


def endpoint_targets(
    urls: Iterable[str], *, provider: str, model: str, credential: str | None = None
) -> tuple[Target, ...]:
    """One target for each base URL, equal in rank, with the URL as its id.

    ``credential`` is the label or fingerprint of the one key for all of them. Raises ``ConfigError`` for an empty list
    and for what is no http or https URL.
    """
    if isinstance(urls, str):
        raise ConfigError(f"urls = {http_url('urls', urls)!r}: give a list of URLs, even for one.")
    bases = [http_url(f"urls[{i}]", url) for i, url in enumerate(urls)]
    if not bases:
        raise ConfigError("urls = []: there is nobody to ask. Give at least one base URL.")
    return tuple(Target(url, provider=provider, model=model, credential=credential, endpoint=url) for url in bases)


def consecutive(failures: int) -> float:
    """The threshold that so many failures in a row reach, and one less do not, however floats round."""
    return max(1.0, failures - 0.5)
