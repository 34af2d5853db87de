"""A preset is a policy, and where it helps its targets: nothing here does what a user could not write down as well.

Each configures the core to behave like a design that somebody may know (``table`` has a row for every operation of
theirs): endpoints with three health states, several keys of one provider, a pool of nodes, failover by error class, a
breaker that watches latency. What was a defect there is mended, as each docstring says. ``Policy.to_yaml`` shows what
a preset amounts to, and ``model_copy(update=…)`` changes it.
"""

from failover_plugin.presets.models import ANTHROPIC_TO_OPENAI, OPENAI_TO_ANTHROPIC
from failover_plugin.presets.phrasebook import table
from failover_plugin.presets.r1_endpoints import endpoint_targets, endpoints
from failover_plugin.presets.r2_profiles import (
    Profile,
    Provider,
    api_keys,
    fingerprint,
    profile_targets,
    profiles,
    read_profiles,
)
from failover_plugin.presets.r3_pool import Node, node_targets, pool
from failover_plugin.presets.r4_triggers import (
    PRIMARY_ONLY,
    Trigger,
    anthropic_to_openai,
    fallback_targets,
    openai_to_anthropic,
    simple_failover,
    triggers,
)
from failover_plugin.presets.r5_adaptive import adaptive

__all__ = [
    "ANTHROPIC_TO_OPENAI",
    "OPENAI_TO_ANTHROPIC",
    "PRIMARY_ONLY",
    "Node",
    "Profile",
    "Provider",
    "Trigger",
    "adaptive",
    "anthropic_to_openai",
    "api_keys",
    "endpoint_targets",
    "endpoints",
    "fallback_targets",
    "fingerprint",
    "node_targets",
    "openai_to_anthropic",
    "pool",
    "profile_targets",
    "profiles",
    "read_profiles",
    "simple_failover",
    "table",
    "triggers",
]
