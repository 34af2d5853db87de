"""Recording provider answers as cassettes; ``failover record`` does it against the real providers."""
