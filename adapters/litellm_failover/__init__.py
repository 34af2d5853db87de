"""Failover for LiteLLM's ``Router``: ``install(router, policy=Policy(...))``.

The policy core chooses the deployment of every attempt, times it, judges its outcome and says when to stop; LiteLLM
does the rest as always. Facts about a deployment that cannot be read off it stand under its ``model_info.failover``.
"""

from litellm_failover.strategy import FailoverRoutingStrategy, install

__all__ = ["FailoverRoutingStrategy", "install"]
