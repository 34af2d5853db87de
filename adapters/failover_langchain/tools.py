"""Tools are bound when a target is asked, by that target's own ``bind_tools``: each provider has a format of its own.

Until then they travel as one private argument. It is not called ``tools``: hosts look into that one, and expect there
what a provider would be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from failover_langchain.entry import Entry
from failover_langchain.wrapping import rebound, unwrapped

TOOLS = "failover_tools"


@dataclass(frozen=True, slots=True)
class Tools:
    """What ``bind_tools`` was called with."""

    tools: Sequence[Any]
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])

    def bound_to(self, entry: Entry) -> Runnable[Any, Any]:
        """The entry's runnable with the tools bound to it, in its provider's format."""
        return rebound(entry.runnable, lambda model: model.bind_tools(self.tools, **self.kwargs))


def require_tools(entries: Sequence[Entry]) -> None:
    """Raise ``NotImplementedError`` now if a model takes no tools: later, it would look like an outage."""
    for entry in entries:
        model = unwrapped(entry.runnable)[0] if entry.is_built else None
        if isinstance(model, BaseChatModel) and type(model).bind_tools is BaseChatModel.bind_tools:
            raise NotImplementedError(
                f"{entry.target.id}: {type(model).__name__} takes no tools; leave it out where tools are to be used"
            )
