"""The same failure twice: as an SDK raises it, and as the raw response of the same site to the same request."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from failover_plugin.classify import classify, classify_response
from failover_plugin.emulator import Call, Fault, Site, faults
from failover_plugin.emulator.catalogue import ERRORS_OF
from failover_plugin.emulator.plan import Plan
from failover_plugin.model import Diagnosis
from support.callers import Calls

REFUSED = ("rate_limit", "invalid_api_key", "context_length", "overloaded")
"""Enough to see that an SDK refuses a streaming call as it does a plain one."""

ONLY_IN_STREAM = "stream_"
"""How the names of errors begin that a provider sends in no other place."""

LATE = frozenset({408, 424, 429, 498})
"""Statuses below 500 that an error inside a stream may stand for."""

FRAMED = frozenset({"bedrock"})
"""Whose streams know a few errors by name, and no others."""


@dataclass(frozen=True, slots=True)
class Case:
    """One error of a provider's catalogue: of a call that is "plain", a "stream" that is refused, or "in-stream"."""

    provider: str
    error: str
    mode: str

    def __str__(self) -> str:
        return f"{self.provider}: {self.error}, {self.mode}"

    @property
    def fault(self) -> Fault:
        return faults.stream_error(1, error=self.error) if self.mode == "in-stream" else _refused(self.error)

    def call_of(self, calls: Calls) -> Callable[[], object]:
        return calls.plain if self.mode == "plain" else calls.stream


ELSEWHERE = ("interactions_", "array", "unsupported_v1")
"""How the names of errors begin that come from other endpoints of a provider than its own chat's."""


def cases(provider: str) -> Iterator[Case]:
    """All that can go wrong with a provider's chat."""
    for error in ERRORS_OF[provider]:
        if error.startswith(ELSEWHERE):
            continue
        named = error.startswith(ONLY_IN_STREAM)
        if not named:
            yield Case(provider, error, "plain")
        if error in REFUSED:
            yield Case(provider, error, "stream")
        if named or (provider not in FRAMED and _comes_late(error, ERRORS_OF[provider][error].status)):
            yield Case(provider, error, "in-stream")


def _comes_late(error: str, status: int) -> bool:
    """Whether it can happen once a stream has begun: a limit, a block, or a failure of the provider's own.

    A wrong key or a mistake in the request is refused before.
    """
    return status in LATE or status >= 500 or "policy" in error


def raised(case: Case, site: Site, calls: Calls) -> Diagnosis | None:
    """What is made of what the SDK raises; None if it raises nothing."""
    site.fail(case.fault)
    asked = len(site.requests)
    try:
        case.call_of(calls)()
    except Exception as error:  # noqa: BLE001 - of any class: that is what is classified
        assert len(site.requests) == asked + 1, "the SDK has asked more than once, or somewhere else"
        return classify(error, provider=case.provider)
    return None


def answered(site: Site, provider: str, client: httpx.Client) -> Diagnosis:
    """What is made of the raw response to the same request."""
    seen = site.requests[-1]
    query = "?alt=sse" if "streamGenerateContent" in seen.path else ""
    response = client.post(f"{site.url}{seen.path}{query}", json=dict(seen.body))
    return classify_response(response.status_code, response.headers, response.content, provider=provider)


@contextmanager
def leftovers_collected() -> Generator[Callable[[], object]]:
    """A quick way to collect what clients have left open, and no other collection meanwhile.

    httpcore can lock itself up when a stream that nobody has closed is collected while it opens a connection.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()
        gc.unfreeze()


def assert_same(case: Case, site: Site, calls: Calls, client: httpx.Client) -> None:
    """The SDK's exception says what the raw response says."""
    found = raised(case, site, calls)
    if found is None:
        pytest.fail("the SDK has raised nothing")
    expected = answered(site, case.provider, client)
    assert found.error_class == expected.error_class, (found, expected)
    if case.mode != "in-stream":  # where SDKs keep an error's words, and of its fields what they know
        assert found.retry_after == expected.retry_after, (found, expected)


def _refused(name: str) -> Fault:
    def plan(call: Call) -> Plan:
        entry = call.documented(name)
        return call.refused(entry.status, entry.body, entry.headers)

    return Fault(name, plan)
