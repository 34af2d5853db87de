"""What a caller of the proxy and a provider see, fault by fault: one primary, one fallback in the next tier.

Each row is asked plain and streamed (in the middle of an answer only streams can break), by the default policy and with
``stream_failover="resume"``. Both deployments write the same text, so a stream that broke can be gone on with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from support.fault_rows import ASKED, TEXT, Row, group
from support.proxies import Proxy


@pytest.mark.parametrize(("policy", "row", "way"), ASKED, ids=lambda each: getattr(each, "number", each))
def test_a_row(proxies: Mapping[str, Proxy], stage: Any, policy: str, row: Row, way: str) -> None:
    proxy, name = proxies["main" if policy == "default" else policy].ready(), group(policy, row, way)
    primary, backup = stage.site(name, "primary"), stage.site(name, "backup")
    if row.fault is not None:
        primary.script(row.fault) if row.once else primary.fail(row.fault)
        if row.both:
            backup.fail(row.fault)
    began = time.monotonic()
    answer = proxy.client.post(
        "/v1/chat/completions",
        json={"model": name, "messages": [{"role": "user", "content": "Hi"}], "stream": way == "stream"},
    )
    took = time.monotonic() - began
    assert took < row.within
    assert len(primary.requests) <= row.asked
    if isinstance(row.answers, int):
        assert answer.status_code == row.answers
        assert len(backup.requests) <= (2 if row.both else 0)
        return
    assert answer.status_code == 200
    said, error = _read(answer.text) if way == "stream" else (_plain(answer.text), None)
    if row.broken and policy == "default" and error is not None:
        assert TEXT.startswith(said)
        assert said != TEXT
        assert not backup.requests
    else:
        assert (said, error) == (TEXT, None)
        assert answer.headers["x-litellm-model-id"].rpartition(".")[2] in row.answers


def _plain(text: str) -> str:
    return str(json.loads(text)["choices"][0]["message"]["content"])


def _read(text: str) -> tuple[str, Any]:
    """The text of a stream, and the error that it ended with."""
    said, error = "", None
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            event = json.loads(line.removeprefix("data: "))
            error = event.get("error", error)
            said += "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
    return said, error
