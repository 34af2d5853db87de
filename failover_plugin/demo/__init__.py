"""The demo: a primary dies and comes back while the same requests go through four stacks side by side.

The adapters bring the stacks, and are found by name when the demo starts: the core imports neither of them.
"""

from failover_plugin.demo.lane import Lane

__all__ = ["Lane"]
