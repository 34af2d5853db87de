"""Which targets a request may go to, and which can do better where one could not."""

from __future__ import annotations

import pytest
from core.scripted import target

from failover_plugin.model import ErrorClass, Request
from failover_plugin.selection import excluded, incapable

EU = frozenset({"eu"})
US = frozenset({"us"})


def test_nothing_asked_excludes_nobody() -> None:
    assert excluded(target("a"), Request()) is None


@pytest.mark.parametrize(
    ("request_", "facts", "reason"),
    [
        (Request(require_tags=EU), {}, "lacks the required tag eu"),
        (Request(require_tags=EU), {"tags": EU | US}, None),
        (Request(require_tags=EU | US), {"tags": EU}, "lacks the required tag us"),
        (Request(require_tags=EU | US), {}, "lacks the required tag eu, us"),
        (Request(forbid_tags=US), {"tags": EU | US}, "carries the forbidden tag us"),
        (Request(forbid_tags=US), {"tags": EU}, None),
        (Request(needs=frozenset({"tools"})), {}, None),
        (Request(needs=frozenset({"tools"})), {"capabilities": frozenset({"images"})}, "lacks tools"),
        (Request(needs=frozenset({"tools"})), {"capabilities": frozenset({"images", "tools"})}, None),
        (
            Request(input_tokens=900, output_tokens=101),
            {"context_window": 1000},
            "of 1000 tokens is too small for 1001",
        ),
        (Request(input_tokens=900, output_tokens=100), {"context_window": 1000}, None),
        (Request(input_tokens=1001), {"context_window": 1000}, "too small for 1001"),
        (Request(output_tokens=1001), {"context_window": 1000}, "too small for 1001"),
        (Request(input_tokens=10**9), {}, None),
    ],
)
def test_a_request_excludes_targets(request_: Request, facts: dict[str, object], reason: str | None) -> None:
    said = excluded(target("a", **facts), request_)
    assert said is reason is None or (said is not None and reason is not None and reason in said)


@pytest.mark.parametrize(
    ("window", "failed_window", "able"),
    [
        (200, 100, True),
        (100, 100, False),
        (50, 100, False),
        (None, 100, False),
        (200, None, False),
        (None, None, False),
    ],
)
def test_a_prompt_that_is_too_long_goes_only_to_a_larger_window(
    window: int | None,
    failed_window: int | None,
    able: bool,  # noqa: FBT001 - a table
) -> None:
    one, failed = target("b", context_window=window), target("a", context_window=failed_window)
    assert (incapable(one, failed, ErrorClass.CONTEXT_WINDOW) is None) == able


def test_what_is_too_large_for_one_provider_may_suit_another() -> None:
    failed = target("a", provider="p", tpm=1000)
    assert incapable(target("b", provider="q"), failed, ErrorClass.PAYLOAD_TOO_LARGE) is None
    assert incapable(target("b", provider="p"), failed, ErrorClass.PAYLOAD_TOO_LARGE) is not None
    assert incapable(target("b", provider="p", tpm=2000), failed, ErrorClass.PAYLOAD_TOO_LARGE) is None
    assert incapable(target("b", provider="p", tpm=1000), failed, ErrorClass.PAYLOAD_TOO_LARGE) is not None


def test_a_missing_feature_is_missing_wherever_the_model_is_the_same() -> None:
    failed = target("a", model="m")
    assert incapable(target("b", model="m"), failed, ErrorClass.UNSUPPORTED) == "is the same model"
    assert incapable(target("b", model="n"), failed, ErrorClass.UNSUPPORTED) is None


def test_other_errors_ask_for_nothing_better() -> None:
    assert incapable(target("b", model="m"), target("a", model="m"), ErrorClass.SERVER_ERROR) is None
