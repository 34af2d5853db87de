"""The generator: what is drawn for each kind of script. ``KINDS`` has them by host and name."""

from __future__ import annotations

from ..script import Script
from . import callers, load, process, providers, routers, wire
from .dice import KINDS, Kind

__all__ = ["KINDS", "Kind", "drawn"]

_ALL = (providers, callers, process, load, wire, routers)  # importing them has filed their kinds


def drawn(host: str, kind: str, seed: int) -> Script:
    """The script of this host, kind and seed, always the same."""
    return KINDS[host][kind].script(seed)
