"""Sizes have long tails and are written as the catalogue writes them.

``lognormal(800,1.0)`` is a median and the standard deviation of the logarithm, ``<=2500`` a cap; a bare number is
always that size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import exp, inf
from random import Random

_LOGNORMAL = re.compile(r"lognormal\(\s*([0-9]+(?:\.[0-9]+)?)\s*,\s*([0-9]+(?:\.[0-9]+)?)\s*\)(?:\s*<=\s*([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Size:
    """A number of tokens at random."""

    median: float
    sigma: float = 0.0
    cap: float = inf

    @classmethod
    def parse(cls, text: str | float) -> Size | None:
        """What was written, or None if it is no size."""
        if not isinstance(text, str):
            return cls(text)
        found = _LOGNORMAL.fullmatch(text.strip())
        if found is None:
            return None
        median, sigma, cap = found.groups()
        return cls(float(median), float(sigma), float(cap) if cap else inf)

    def draw(self, rng: Random) -> int:
        """One size, at least 1."""
        return max(1, int(min(self.cap, self.median * exp(self.sigma * rng.gauss(0.0, 1.0)))))
