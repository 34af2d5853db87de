"""The main job, in a shorter outage than `failover demo` shows."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from failover_plugin.cli import main

SHORT = """
import sys
from failover_plugin.demo.course import Course
from failover_plugin.demo.main import demo
sys.exit(demo(sys.stdout, plainly=True, course=Course(dies=1, returns=3, ends=8, every=0.25)))
"""


@pytest.fixture(scope="module")
def shown() -> subprocess.CompletedProcess[str]:
    """A process of its own: the demo brings an event loop, and clients that end with it."""
    return subprocess.run([sys.executable, "-c", SHORT], capture_output=True, text=True, timeout=55, check=False)


def test_our_stacks_lose_nothing_and_hardly_ask_the_dead_primary(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.returncode == 0, shown.stdout + shown.stderr
    rows = re.findall(r"^\(([abcd])\) .*?(\d+) of (\d+)\s+(\d+) .*?(\S+)(?: s)?$", shown.stdout, re.M)
    assert [row[0] for row in rows] == ["a", "b", "c", "d"]
    for lane, served, asked, dead, back in rows[2:]:
        assert served == asked == "32", lane
        assert 1 <= int(dead) <= 6, lane
        assert back != "never", lane
    assert int(rows[0][3]) > 10  # with_fallbacks asks the dead primary every time


def test_no_noise_and_no_secret(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.stderr == ""
    assert "Give Feedback" not in shown.stdout


def test_wrong_use_is_said_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["dance"])

    assert exit_.value.code == 2
    assert "demo" in capsys.readouterr().err
