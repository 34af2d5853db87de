"""``failover classify``: what an answer meant, whose fault it was, and how that was found out."""
