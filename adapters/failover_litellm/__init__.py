"""Failover for LiteLLM's ``Router``: ``install(router, policy=Policy(...))``.

The policy core chooses the deployment of every attempt, times it, judges its outcome and says when to stop; LiteLLM
does the rest as always. Facts about a deployment that cannot be read off it stand under its ``model_info.failover``.
"""

try:
    import litellm  # noqa: F401 # pyright: ignore[reportUnusedImport] - to name the remedy if it is missing
except ModuleNotFoundError as missing:
    raise ImportError('failover_litellm needs litellm: pip install "failover-plugin[litellm]"') from missing

from failover_litellm.strategy import FailoverRoutingStrategy, install

__all__ = ["FailoverRoutingStrategy", "install"]
