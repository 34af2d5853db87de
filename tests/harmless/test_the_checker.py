"""The checker is checked: the other side against itself is clean, and a wrapper that does harm is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import wire
from .kinds import KINDS, drawn
from .langchain_play import played
from .langchain_sides import OpensForEver, drops_one, theirs
from .verdict import judge

VIRTUAL = [name for name in KINDS["langchain"] if drawn("langchain", name, 0).runtime == "virtual"]


@pytest.mark.parametrize("kind", VIRTUAL)
def test_the_other_side_against_itself_is_clean(kind: str) -> None:
    found = judge(drawn("langchain", kind, 1), lambda s: (played(s, theirs), played(s, theirs)))
    assert not found.wrong, found
    assert not found.excused
    assert len(found.ours.calls) == len(found.theirs.calls)


@pytest.mark.parametrize(("host", "kind"), [("langchain", "streams_on_the_wire"), ("litellm", "routed_one_healthy")])
def test_so_it_is_on_the_wire(host: str, kind: str) -> None:
    found = judge(drawn(host, kind, 1), lambda s: wire.played(s, ("theirs", "theirs again")))
    wire.close_players()
    assert not found.wrong, found
    assert found.theirs.served
    assert found.theirs.calls


@pytest.mark.parametrize("kind", ["set_aside", "in_turn", "all_dead"])
def test_a_wrapper_that_never_comes_back_loses_requests(kind: str) -> None:
    found = judge(drawn("langchain", kind, 2), lambda s: (played(s, OpensForEver), played(s, theirs)))
    assert found.lost
    assert "lost after" in str(found)
    assert f"python -m tests.harmless langchain {kind} 2" in str(found)


@pytest.mark.parametrize("kind", ["wrong_arguments", "own_process", "strictness"])
def test_a_wrapper_that_opens_at_any_error_blames_the_innocent(kind: str) -> None:
    found = judge(drawn("langchain", kind, 3), lambda s: (played(s, OpensForEver), played(s, theirs)))
    assert found.blamed
    assert "is innocent and not closed" in str(found)


def test_a_wrapper_that_drops_a_request_is_caught() -> None:
    script = replace(drawn("langchain", "healthy", 0), thrifty=False)
    script = replace(script, asks=tuple(replace(ask, way="ainvoke", batch=None) for ask in script.asks))
    found = judge(script, lambda s: (played(s, drops_one), played(s, theirs)))
    assert found.lost


def test_a_wrapper_that_asks_twice_is_caught() -> None:
    script = drawn("langchain", "healthy", 1)
    found = judge(script, lambda s: (_twice(played(s, theirs)), played(s, theirs)))
    assert "calls" in str(found)


def _twice(found: object) -> object:
    return replace(found, calls=[*found.calls, *found.calls])  # type: ignore[attr-defined, type-var]


def test_the_same_seed_is_the_same_script() -> None:
    for kind in VIRTUAL:
        assert drawn("langchain", kind, 5) == drawn("langchain", kind, 5)
        assert drawn("langchain", kind, 5) != drawn("langchain", kind, 6)
