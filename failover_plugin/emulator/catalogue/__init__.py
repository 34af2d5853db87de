"""The errors the providers document, by name and provider.

Status, type and code are the documented ones, and each entry cites the public page it follows. An error that is in no
documentation but well known from public reports cites such a report.
"""

from __future__ import annotations

from collections.abc import Mapping

from failover_plugin.emulator.catalogue import anthropic, azure, openai
from failover_plugin.emulator.catalogue.entry import Documented

__all__ = ["NAMES", "Documented", "documented"]

NAMES = tuple(openai.ERRORS)

_CATALOGUES: Mapping[str, Mapping[str, Documented]] = {
    "openai": openai.ERRORS,
    "azure": azure.ERRORS,
    "anthropic": anthropic.ERRORS,
}


def documented(name: str, provider: str, wire: str = "openai") -> Documented:
    """The error of this name as ``provider`` says it; without words of its own, as its wire format's maker does.

    ``KeyError`` for a name that is in no catalogue.
    """
    for source in (provider, wire):
        if found := _CATALOGUES.get(source, {}).get(name):
            return found
    return openai.ERRORS[name]
