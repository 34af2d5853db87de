"""The faults that a proxy is asked through: the rows of a table, each with deployments of its own."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failover_plugin.emulator import Site, faults
from support.proxies import deployment

TEXT = "Hello from one of the two, who write the same words."
IDLE = 1.0
"""Seconds: ``idle_timeout`` of both policies here, which is 30 by default."""


@dataclass(frozen=True)
class Row:
    """``answers``: who may, or the status of the error. ``asked``: how often the primary is, at most."""

    number: str
    fault: faults.Fault | None
    answers: str | int
    asked: int
    within: float
    once: bool = False
    ways: tuple[str, ...] = ("plain", "stream")
    broken: bool = False
    """Whether the stream ends in an error, unless it is resumed."""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    both: bool = False
    """Whether the fallback fails in the same way."""


STREAM = ("stream",)
ROWS = [
    Row("1", faults.rate_limit(retry_after=1), "primary", 2, 5, once=True),
    Row("2", faults.rate_limit(retry_after=60), "backup", 1, 2),
    Row("3", faults.rate_limit(), "backup", 2, 5),
    Row("4", faults.server_error(), "primary", 2, 2, once=True),
    Row("5", faults.overloaded(), "backup", 2, 4),
    Row("6", faults.invalid_api_key(), "backup", 1, 2),
    Row("7", faults.reset(), "primary backup", 2, 2, once=True),
    Row("8", None, "backup", 0, 4),
    Row("9-10", faults.hang(), "backup", 1, 3, params={"timeout": 2, "stream_timeout": 2}),
    Row("9-silent", faults.stall(0), "backup", 1, 3, ways=STREAM, params={"timeout": 2, "stream_timeout": 2}),
    Row("11", faults.slow_first_token(20), "backup", 1, 15, ways=STREAM),
    Row("12", faults.cut(), "primary", 1, 5, ways=STREAM, broken=True),
    Row("13", faults.stall(), "primary", 1, 10, ways=STREAM, broken=True),
    Row("14", faults.malformed(), "primary", 1, 5, ways=STREAM, broken=True),
    Row("15", faults.no_sentinel(), "primary", 1, 2, ways=STREAM),
    Row("16", faults.early_end(), "primary", 1, 5, ways=STREAM, broken=True),
    Row("16-empty", faults.early_end(0), "backup", 2, 5, ways=STREAM),
    Row("17", faults.stream_error(), "backup", 2, 3, ways=STREAM),
    Row("18", faults.context_length(), "backup", 1, 2, facts={"context_window": 8_000}),
    Row("18-all", faults.context_length(), 400, 1, 2),
    Row("19", faults.content_policy(), 400, 1, 2),
    Row("20", faults.invalid_request(), 400, 1, 2),
    Row("23", faults.server_error(), 500, 2, 5, both=True, ways=("plain",)),
]
POLICIES = ("default", "resume")
ASKED = [(policy, row, way) for policy in POLICIES for row in ROWS for way in row.ways]


def _nowhere() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/v1"


def group(policy: str, row: Row, way: str) -> str:
    return f"row-{row.number}-{policy}-{way}"


def deployments(stage: Any, policy: str) -> list[Any]:
    """Two for each row and way, with sites of their own."""
    found: list[Any] = []
    for _, row, way in (each for each in ASKED if each[0] == policy):
        name = group(policy, row, way)
        for tier, role in enumerate(("primary", "backup")):
            site: Site = stage.add(name, role, TEXT)
            facts = {"tier": tier, **(row.facts if role == "primary" else {})}
            if row.facts and role == "backup":
                facts["context_window"] = 128_000
            if role == "backup" and row.broken:
                facts["capabilities"] = ["prefill"]
            params = {"api_base": _nowhere()} if role == "primary" and row.fault is None else {}
            found.append(deployment(site, name, info={"failover": facts}, **{**row.params, **params}))
    return found
