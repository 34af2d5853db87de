"""One request's record while it is under way: written when it is over, once, whoever ended it."""

from __future__ import annotations

from math import inf

from failover_plugin.simulation.history import Served
from failover_plugin.simulation.protocol import SimRequest


class Receipt:
    """``done`` are the tokens delivered so far, ``first`` when the first of them came."""

    __slots__ = ("_book", "attempts", "done", "first", "is_closed", "request")

    def __init__(self, request: SimRequest, book: list[Served]) -> None:
        self.request = request
        self.attempts = 0
        self.done = 0
        self.first = inf
        self.is_closed = False
        self._book = book

    def close(self, now: float, *, ok: bool, left: bool = False) -> None:
        """It is over."""
        if self.is_closed:
            return
        self.is_closed = True
        r = self.request
        self._book.append(Served(r.arrived, r.deadline, self.first, now, ok, left, self.attempts, r.worker))
