"""Which two sides a script is played on, by its host and its runtime."""

from __future__ import annotations

from functools import partial

from .script import Script
from .verdict import Verdict, judge


def verdict(script: Script) -> Verdict:
    """Play the script with us and without us."""
    from . import langchain_sides
    from .langchain_play import played

    return judge(script, partial(played, build=langchain_sides.ours), partial(played, build=langchain_sides.theirs))
