"""Which two sides a script is played on, by its host and its runtime."""

from __future__ import annotations

from functools import partial

from .script import Script
from .verdict import Verdict, judge


def verdict(script: Script) -> Verdict:
    """Play the script with us and without us."""
    if script.runtime != "virtual":
        from .wire import played as played_on_the_wire

        return judge(script, partial(played_on_the_wire, side="ours"), partial(played_on_the_wire, side="theirs"))
    from .langchain_play import played
    from .langchain_sides import ours, theirs

    return judge(script, partial(played, build=ours), partial(played, build=theirs))
