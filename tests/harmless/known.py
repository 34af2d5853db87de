"""What fails today: for each kind the findings of issue 11 that it shows. A mending takes its lines off.

Of these kinds at least one of the scripts that CI plays has to fail, for the tests are expected to: strictly, if they
are played in virtual time.
"""

from __future__ import annotations

KNOWN: dict[tuple[str, str], str] = {
    ("litellm", "routed_wrong_arguments"): "9",
}

IN_REAL_TIME = {
    ("litellm", "routed_wrong_arguments"),
}
"""Those of them that are played in real time: a quick machine may pass."""

BY_HAND: dict[tuple[str, str], str] = {
    ("langchain", "offline"): "10",
}
"""What fails only now and then: not in the scripts that CI plays, but in some of the hundreds played by hand."""
