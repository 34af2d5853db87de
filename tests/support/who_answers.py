"""Who answers a request on a router, played often enough to see everybody who may."""

from __future__ import annotations

import asyncio
import copy
import itertools
import pprint
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from support.random_routers import ONE_BY_ONE, Case, draw

FEW, MANY = 30, 300
"""Ten candidates with equal chances: somebody is left out of 30 calls in 4 of 10 cases, and of 300 never."""

Answer = str | tuple[str, Any]
"""What the deployment said; or the class and the status of what was raised."""
Undo = Callable[[], object]
Preparing = Callable[[Any], Undo | None]
"""What is done to a router before it is asked."""

_METHODS = {"astream": "acompletion", "stream": "completion", "messages": "aanthropic_messages"}


@dataclass(frozen=True)
class Outcome:
    """Who answered; and by class and status, what was raised."""

    who: frozenset[str] = frozenset()
    errors: frozenset[tuple[str, Any]] = frozenset()
    seconds: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        errors = [f"{name}({status})" for name, status in sorted(self.errors, key=str)]
        return f"{' '.join([*sorted(self.who), *errors])} in {self.seconds:.1f} s"


def plain(router: Any) -> None:
    """A router as LiteLLM makes it."""


def buildable(number: int) -> Case:
    """The first case of this number that LiteLLM takes."""
    for attempt in itertools.count():
        case = draw(f"{number}.{attempt}")
        try:
            _retire(_build(case))
        except Exception:  # noqa: BLE001 - whatever it does not like
            continue
        return case
    raise AssertionError


async def play(case: Case, calls: int, prepare: Preparing = plain, *, patience: float = 600.0) -> Outcome:
    """So many calls on a router of their own; fewer, if they take longer than ``patience``, in seconds."""
    router = _build(case)
    undo = prepare(router)
    began = time.monotonic()
    askings = itertools.takewhile(lambda _: time.monotonic() - began < patience, _askings(case, calls))
    answers: list[Answer] = []
    try:
        async with asyncio.timeout(None if case.endpoint in ONE_BY_ONE else patience):
            if case.endpoint in ONE_BY_ONE:
                await asyncio.to_thread(lambda: answers.extend(_ask(router, asking) for asking in askings))
            elif case.at_once:
                answers = await asyncio.gather(*[_aask(router, asking) for asking in askings])
            else:
                for asking in askings:
                    answers.append(await _aask(router, asking))
    except TimeoutError:
        pass
    finally:
        if undo is not None:
            undo()
        _retire(router)
    errors = frozenset(answer for answer in answers if not isinstance(answer, str))
    return Outcome(frozenset(answers) - errors, errors, time.monotonic() - began)


async def difference(case: Case, prepare: Preparing) -> str:
    """What is different about the router so prepared; nothing, as a rule."""
    for calls in (FEW, MANY):
        expected = await play(case, calls)
        patience = 10 * expected.seconds + 5
        outcome = await play(case, calls, prepare, patience=patience)
        if outcome.seconds >= patience:
            break
        if outcome == expected or (case.stateful and _within(outcome, await play(case.shuffled(), calls))):
            return ""
    return f"{pprint.pformat(case, width=120, compact=True)}\nplain: {expected}\nwith:  {outcome}"


def _within(outcome: Outcome, anybody: Outcome) -> bool:
    return outcome.who <= anybody.who and bool(outcome.who) == bool(anybody.who) and outcome.errors == anybody.errors


def _build(case: Case) -> Any:
    import litellm

    return litellm.Router(**copy.deepcopy(case.settings))


def _retire(router: Any) -> None:
    (getattr(router, "retire", None) or router.discard)()


def _askings(case: Case, calls: int) -> Iterable[tuple[str, dict[str, Any]]]:
    method = _METHODS.get(case.endpoint, case.endpoint)
    stream = {"stream": True} if case.endpoint in ("stream", "astream") else {}
    same = copy.deepcopy(case.request)
    for number in range(calls):
        request = same if case.reused else copy.deepcopy(case.request)
        if request.get("metadata", {}).get("session_id"):
            request["metadata"]["session_id"] = f"session-{number}"
        yield method, {**request, **stream}


def _ask(router: Any, asking: tuple[str, dict[str, Any]]) -> Answer:
    method, request = asking
    try:
        answer = getattr(router, method)(**request)
        return "".join(_piece(chunk) for chunk in answer) if "stream" in request else _told(answer)
    except Exception as error:  # noqa: BLE001 - an error is an outcome
        return _raised(error)


async def _aask(router: Any, asking: tuple[str, dict[str, Any]]) -> Answer:
    method, request = asking
    try:
        answer = await getattr(router, method)(**request)
        return "".join([_piece(chunk) async for chunk in answer]) if "stream" in request else _told(answer)
    except Exception as error:  # noqa: BLE001 - an error is an outcome
        return _raised(error)


def _raised(error: Exception) -> tuple[str, Any]:
    return type(error).__name__, getattr(error, "status_code", None)


def _piece(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def _told(answer: Any) -> str:
    """What the deployment said, wherever this kind of answer has it."""
    if isinstance(answer, dict):
        return answer["content"][0]["text"]
    if hasattr(answer, "data"):
        return f"d{answer.data[0]['embedding'][0]:.0f}"
    if hasattr(answer, "output"):
        return answer.output[0].content[0].text
    choice = answer.choices[0]
    return choice.text if hasattr(choice, "text") else choice.message.content
