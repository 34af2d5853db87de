"""Where a script is played, by its runtime: in virtual time, or on the wire."""

from __future__ import annotations

from .script import Script
from .verdict import Played, Verdict, judge


def verdict(script: Script) -> Verdict:
    """Play the script with us and without us."""
    if script.runtime != "virtual":
        from . import wire

        return judge(script, wire.played)
    return judge(script, _in_virtual_time)


def _in_virtual_time(script: Script) -> tuple[Played, Played]:
    from .langchain_play import played
    from .langchain_sides import ours, theirs

    return played(script, ours), played(script, theirs)
