"""The generator: what is drawn for each kind of script, found by host and name."""

from __future__ import annotations

from . import (
    kinds_of_callers,
    kinds_of_load,
    kinds_of_providers,
    kinds_of_routers,
    kinds_of_the_process,
    kinds_on_the_wire,
)
from .dice import KINDS, Kind
from .script import Script

__all__ = ["KINDS", "Kind", "drawn"]

_FILED = (
    kinds_of_providers,
    kinds_of_callers,
    kinds_of_the_process,
    kinds_of_load,
    kinds_on_the_wire,
    kinds_of_routers,
)
"""Each of them files its kinds when it is imported."""


def drawn(host: str, kind: str, seed: int) -> Script:
    """The script of this host, kind and seed, always the same."""
    return KINDS[host][kind].script(seed)
