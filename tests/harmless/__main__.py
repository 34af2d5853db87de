"""``python -m tests.harmless langchain in_turn 7``: one script, played and judged. Without a seed: the first twenty."""

from __future__ import annotations

import sys

from .kinds import drawn
from .sides import verdict


def main(host: str, kind: str, *seeds: str) -> None:
    """Print a line for each script, and what is wrong with it."""
    for seed in [int(seed) for seed in seeds] or range(20):
        found = verdict(drawn(host, kind, seed))
        ours, theirs = found.ours, found.theirs
        apart = f", group left {len(found.left)}" if found.left else ""
        print(  # noqa: T201 - what it is for
            f"{host} {kind} {seed}: served {ours.served}/{theirs.served} of {len(ours.answers)}, calls "
            f"{len(ours.calls)}/{len(theirs.calls)}, lost {len(found.lost)}, excused {len(found.excused)}, blamed {sorted(found.blamed)}{apart}"
        )
        for complaint in found.wrong:
            print("   ", complaint)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
