"""A finish mark tells a whole answer from a failure under HTTP 200, and both from what a filter or a limit ended."""

from __future__ import annotations

import pytest

from failover_plugin import AnswerFailed, EmptyResponse, classify, require_sound
from failover_plugin.classify.finish import FAILED, FILTERED, LIMITED


@pytest.mark.parametrize("mark", ["stop", "STOP", "end_turn", "tool_calls", "eos", "", None, "a word nobody knows"])
def test_an_answer_that_says_something_is_sound_and_one_that_does_not_is_empty(mark: str | None) -> None:
    require_sound(mark, has_content=True)
    with pytest.raises(EmptyResponse) as empty:
        require_sound(mark, has_content=False)
    assert classify(empty.value).error_class == "empty_response"


@pytest.mark.parametrize("mark", sorted(FAILED))
@pytest.mark.parametrize("has_content", [True, False])
def test_whoever_gives_up_has_failed_whatever_it_had_said(mark: str, *, has_content: bool) -> None:
    with pytest.raises(AnswerFailed, match=mark.upper()) as failed:
        require_sound(mark.upper(), has_content=has_content)
    assert classify(failed.value).error_class == "server_error"


@pytest.mark.parametrize("mark", sorted(FILTERED | LIMITED))
@pytest.mark.parametrize("has_content", [True, False])
def test_what_a_filter_or_a_limit_has_ended_is_an_answer(mark: str, *, has_content: bool) -> None:
    require_sound(mark, has_content=has_content)
    require_sound(mark.upper(), has_content=has_content)


def test_no_mark_means_two_things() -> None:
    assert not FAILED & FILTERED
    assert not FAILED & LIMITED
    assert not FILTERED & LIMITED
