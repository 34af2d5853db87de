"""``python -m tests.harmless langchain in_turn 7``: one script, played and judged. Without a seed: the first twenty."""

from __future__ import annotations

import sys

from .kinds import drawn
from .sides import verdict
from .verdict import summary


def main(host: str, kind: str, *seeds: str) -> None:
    """Print a line for each script, and what is wrong with it."""
    for seed in [int(seed) for seed in seeds] or range(20):
        found = verdict(drawn(host, kind, seed))
        lines = [f"{host} {kind} {seed}: {summary([found])}", *found.wrong]
        sys.stdout.write("\n    ".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
