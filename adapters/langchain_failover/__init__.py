"""Failover for LangChain: chat models and other runnables that answer as long as one of several does."""

try:
    import langchain_core  # noqa: F401 # pyright: ignore[reportUnusedImport] - to name the remedy if it is missing
except ModuleNotFoundError as missing:
    raise ImportError('langchain_failover needs langchain-core: pip install "failover-plugin[langchain]"') from missing

from langchain_failover.chat import ChatFailover
from langchain_failover.runnable import RunnableWithFailover, with_failover

__all__ = ["ChatFailover", "RunnableWithFailover", "with_failover"]
