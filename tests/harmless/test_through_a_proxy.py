"""Never worse than none, through LiteLLM's proxy: by hand, ``FAILOVER_PROXY_HARMLESS=60`` is the number of scripts."""

from __future__ import annotations

import os
import sys
from math import ceil

import pytest

from .kinds import KINDS
from .verdict import judge, summary

SCRIPTS = int(os.environ.get("FAILOVER_PROXY_HARMLESS", "0"))
OF_THE_PROCESS = ("routed_stall", "routed_in_threads")
"""Kinds whose story is the caller's own process: a proxy is another one."""


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not SCRIPTS, reason="only with FAILOVER_PROXY_HARMLESS, the number of scripts")
def test_nothing_is_lost_that_the_same_proxy_serves_without_us() -> None:
    from .proxied import Stage

    kinds = [kind for name, kind in KINDS["litellm"].items() if name not in OF_THE_PROCESS]
    scripts = [kind.script(5000 + seed) for seed in range(ceil(SCRIPTS / len(kinds))) for kind in kinds]
    stage = Stage(scripts)
    try:
        verdicts = []
        for script in scripts:
            verdicts.append(judge(script, stage.played))
            sys.stdout.write(f"{verdicts[-1]}\n")
    finally:
        stage.close()
    sys.stdout.write(f"\n{summary(verdicts)}\n")
    wrong = [str(one) for one in verdicts if one.wrong]
    assert not wrong, "\n".join(wrong)
