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


def __getattr__(name: str) -> object:
    """For LiteLLM's proxy, which takes the last word of a callback's path for an attribute."""
    if name == "proxy":
        raise AttributeError(
            'litellm_settings.callbacks: failover_litellm.proxy is a module. Write "failover_litellm.proxy.failover".'
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
