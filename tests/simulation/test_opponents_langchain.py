"""The model of ``with_fallbacks`` and the real ``RunnableWithFallbacks``: one script, the same targets asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.hand import STD, Stage, Told, broke, failed, fine

from failover_plugin.simulation.opponents import OPPONENTS
from failover_plugin.simulation.protocol import Outcome

runnables = pytest.importorskip("langchain_core.runnables")

outcomes = st.one_of(
    st.builds(fine),
    st.builds(failed, st.sampled_from(("error", "429", "auth", "ctx", "timeout", "refuse", "empty"))),
    st.builds(broke, st.sampled_from(("mid", "stall"))),
)
stories = st.fixed_dictionaries({t.id: st.lists(outcomes, min_size=1, max_size=5) for t in STD})


@settings(deadline=None, derandomize=True)
@given(says=stories)
def test_the_model_asks_whom_the_real_one_asks(says: dict[str, list[Outcome]]) -> None:
    stage, real = Stage(**says), _Real(Stage(**says))
    router = stage.router(OPPONENTS["with_fallbacks"])
    for _ in range(8):
        assert _essence(stage.ask(router)) == _essence(real.ask())


def test_the_real_one_asks_a_dead_primary_on_every_request() -> None:
    real = _Real(Stage(p1=failed()))
    assert [real.ask().asked for _ in range(50)] == [["p1", "p2"]] * 50


class _Real:
    """Runnables that do what the stage says, with fallbacks."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._told = Told()
        primary, *fallbacks = [runnables.RunnableGenerator(self._answering(t.id)) for t in STD]
        self._runnable = primary.with_fallbacks(fallbacks)

    def ask(self) -> Told:
        self._told = Told()
        try:
            text = "".join(self._runnable.stream("hi"))
        except RuntimeError:
            text = ""
        self._told.delivered = text == "whole answer"
        return self._told

    def _answering(self, name: str) -> Any:
        def answer(_question: Iterator[str]) -> Iterator[str]:
            self._told.asked.append(name)
            outcome = self._stage.answer(name)
            if outcome.error == "empty":
                yield ""  # what a chat model makes of an answer without content
            elif outcome.first:
                yield "whole "
                if not outcome.ok:
                    raise RuntimeError(outcome.error)
                yield "answer"
            else:
                raise RuntimeError(outcome.error)

        return answer


def _essence(told: Told) -> tuple[list[str], bool]:
    return told.asked, told.delivered
