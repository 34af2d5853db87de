"""The verdict table is complete and says what the policy relies on."""

from __future__ import annotations

import dataclasses

import pytest

from failover_plugin.classify import VERDICTS, Hold, Route, Verdict, verdict_table
from failover_plugin.model import ErrorClass, Scope

ROWS = {
    # class: (scope, weight, hold, the same target again, who is asked next)
    "rate_limit": ("rate", 0.0, "cool", True, "any"),
    "quota_exhausted": ("credential", 0.0, "block", False, "any"),
    "auth": ("credential", 0.0, "block", False, "any"),
    "permission": ("rate", 0.0, "block", False, "any"),
    "not_found": ("target", 0.0, "block", False, "any"),
    "context_window": ("request", 0.0, "none", False, "capable"),
    "payload_too_large": ("request", 0.0, "none", False, "capable"),
    "content_policy": ("request", 0.0, "none", False, "none"),
    "unsupported": ("request", 0.0, "none", False, "capable"),
    "invalid_request": ("request", 0.0, "none", False, "other"),
    "overloaded": ("target", 1.0, "none", True, "any"),
    "server_error": ("target", 1.0, "none", True, "any"),
    "timeout": ("target", 1.0, "none", False, "any"),
    "network": ("target", 1.0, "none", True, "any"),
    "stream_interrupted": ("target", 1.0, "none", False, "any"),
    "empty_response": ("target", 1.0, "none", False, "any"),
    "cancelled": ("request", 0.0, "none", False, "none"),
    "unknown": ("target", 0.5, "none", False, "any"),
}


def test_every_error_class_has_its_row() -> None:
    assert set(VERDICTS) == set(ErrorClass)


@pytest.mark.parametrize(("error_class", "row"), ROWS.items())
def test_rows(error_class: str, row: tuple[str, float, str, bool, str]) -> None:
    verdict = VERDICTS[ErrorClass(error_class)]
    assert (verdict.scope, verdict.weight, verdict.hold, verdict.retry_same, verdict.route) == row


def test_blocks_begin_with_a_minute_and_a_missing_model_with_ten() -> None:
    first = {error_class: v.seconds for error_class, v in VERDICTS.items() if v.hold is Hold.BLOCK}
    assert first.pop(ErrorClass.NOT_FOUND) == 600.0
    assert set(first.values()) == {60.0}


def test_what_is_the_requests_own_is_evidence_against_nobody() -> None:
    assert all(v.weight == 0.0 and v.hold is Hold.NONE for v in VERDICTS.values() if v.scope is Scope.REQUEST)


def test_nobody_changes_a_verdict() -> None:
    with pytest.raises(TypeError):
        VERDICTS[ErrorClass.UNKNOWN] = Verdict(scope=Scope.REQUEST)  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        VERDICTS[ErrorClass.UNKNOWN].weight = 1.0  # type: ignore[misc]


def test_the_table_is_markdown_with_one_line_per_class() -> None:
    header, rule, *rows = verdict_table().splitlines()
    assert header.startswith("| error class |")
    assert set(rule) == set("|- ")
    assert [row.split("`")[1] for row in rows] == [str(error_class) for error_class in ErrorClass]
    assert len({row.count("|") for row in (header, rule, *rows)}) == 1
    assert {Route.NONE: "nobody", Route.ANY: "any other target"}[VERDICTS[ErrorClass.AUTH].route] in rows[2]
