"""The errors the providers document, by name and wire format.

Status, type and code are the documented ones, and each entry cites the public page it follows. An error that is in no
documentation but well known from public reports cites such a report.
"""

from __future__ import annotations

from failover_plugin.emulator.catalogue import anthropic, azure, openai
from failover_plugin.emulator.catalogue.entry import Documented

__all__ = ["NAMES", "Documented", "documented"]

NAMES = tuple(openai.ERRORS)

_BY_FORMAT = {"openai": openai.ERRORS, "azure": openai.ERRORS | azure.ERRORS, "anthropic": anthropic.ERRORS}


def documented(name: str, wire: str) -> Documented:
    """The error of this name in this wire format; Azure says it as OpenAI does where it has no words of its own."""
    return _BY_FORMAT[wire][name]
