"""The designs that the policy is compared with, each as it is: with the defects it was measured to have, and no others.

A model here is worth what its tests are worth: each states where its constants come from, and the two that can be run
here are held against the real thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from failover_plugin.simulation.opponents import (
    litellm_router,
    oracle,
    r1_endpoints,
    r2_profiles,
    r3_pool,
    r4_error_class,
    r5_adaptive,
    with_fallbacks,
)
from failover_plugin.simulation.protocol import Factory

OPPONENTS: Mapping[str, Factory] = MappingProxyType(
    {
        "oracle": oracle.make,
        "with_fallbacks": with_fallbacks.make,
        "litellm": litellm_router.make,
        "r1": r1_endpoints.make,
        "r2": r2_profiles.make,
        "r3": r3_pool.make,
        "r4": r4_error_class.make,
        "r5": r5_adaptive.make,
    }
)
"""In the order in which they are shown. ``make(targets, now, rng, world)``: one router for one worker."""

__all__ = ["OPPONENTS"]
