"""What a policy is worth, in virtual time: fleets, faults and load as data, the real core beside other designs.

``failover simulate`` prints it; ``play`` gives the history of a single run, for plots.
"""

from __future__ import annotations

from failover_plugin.simulation.catalogue import find_scenario, load_scenarios, read_scenario
from failover_plugin.simulation.history import History
from failover_plugin.simulation.metrics import measure
from failover_plugin.simulation.ours import ours
from failover_plugin.simulation.run import play, routed
from failover_plugin.simulation.runner import POLICIES, Result, cast_of, simulate
from failover_plugin.simulation.scenario import Scenario

__all__ = [
    "POLICIES",
    "History",
    "Result",
    "Scenario",
    "cast_of",
    "find_scenario",
    "load_scenarios",
    "measure",
    "ours",
    "play",
    "read_scenario",
    "routed",
    "simulate",
]
