"""Emulated providers on loopback: what twenty-five of them send, healthy or with a fault, by script or by time.

For demos, fire drills and tests; the bodies follow the providers' public documentation and come from no recording.
"""

from failover_plugin.emulator import faults
from failover_plugin.emulator.call import Call
from failover_plugin.emulator.emulator import Emulator
from failover_plugin.emulator.faults import Fault
from failover_plugin.emulator.site import Seen, Site

__all__ = ["Call", "Emulator", "Fault", "Seen", "Site", "faults"]
