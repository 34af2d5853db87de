"""Failover for LangChain: chat models and other runnables that answer as long as one of several does."""

try:
    import langchain_core  # noqa: F401 # pyright: ignore[reportUnusedImport] - to name the remedy if it is missing
except ModuleNotFoundError as missing:
    raise ImportError('failover_langchain needs langchain-core: pip install "failover-plugin[langchain]"') from missing

from failover_langchain.chat import ChatFailover
from failover_langchain.runnable import RunnableWithFailover, with_failover

__all__ = ["ChatFailover", "RunnableWithFailover", "with_failover"]
