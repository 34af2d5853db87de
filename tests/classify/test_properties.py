"""Whatever comes in, a diagnosis comes out: no exception, no wait outside of [0 s, 1 h], no long text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from failover_plugin.classify import MAX_RETRY_AFTER, VERDICTS, classify, classify_response
from failover_plugin.classify.redact import MAX_MESSAGE, redact
from failover_plugin.model import Diagnosis, Scope

NAMES = st.sampled_from(
    ["Retry-After", "retry-after", "retry-after-ms", "X-MS-Retry-After-Ms", "date", "x-should-retry"]
)
DATES = st.datetimes().map(lambda moment: f"{moment:%a, %d %b} {moment.year:04} {moment:%H:%M:%S} GMT")
NUMBERS = st.one_of(st.integers(), st.floats()).map(str)
VALUES = st.one_of(NUMBERS, DATES, st.text(max_size=40))
HEADERS = st.dictionaries(st.one_of(NAMES, st.text(max_size=20)), VALUES, max_size=6)

KEYS = st.sampled_from(
    ["error", "message", "code", "type", "status", "details", "detail", "innererror", "response", "x"]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
TEXTS = st.one_of(
    st.text(),
    JSON.map(json.dumps),
    JSON.map(lambda value: json.dumps(value)[:-2]),
    JSON.map(lambda value: f"data: {json.dumps(value)}\n\n"),
)
BODIES = st.one_of(JSON, TEXTS, st.binary(), TEXTS.map(str.encode))


def check(found: Diagnosis) -> None:
    assert found.retry_after is None or 0.0 <= found.retry_after <= MAX_RETRY_AFTER
    assert found.scope in (VERDICTS[found.error_class].scope, Scope.REQUEST)  # 405 and 409 are the request's
    assert len(found.message) <= MAX_MESSAGE
    assert found.evidence
    assert str(found)


@given(status=st.integers(-1, 1000), headers=HEADERS, body=BODIES)
def test_any_response(status: int, headers: dict[str, str], body: object) -> None:
    check(classify_response(status, headers, body))


@given(
    arguments=st.lists(BODIES, max_size=2),
    attributes=st.dictionaries(
        st.sampled_from(["status_code", "code", "type", "body", "message", "headers", "response", "status"]),
        st.one_of(BODIES, HEADERS, st.integers(0, 600)),
    ),
)
def test_any_exception(arguments: list[object], attributes: dict[str, object]) -> None:
    error = Exception(*arguments)
    vars(error).update(attributes)
    check(classify(error))


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)
