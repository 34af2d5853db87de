"""Faults are changes to plans, and plans are values: what they do can be read without a socket."""

from __future__ import annotations

import math

import pytest

from failover_plugin.emulator import Call, Fault, faults
from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.call import Format
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Hangup, Head, Part, Pause, Plan

C, O, E, S = Part.CONTENT, Part.OPENING, Part.CLOSING, Part.SENTINEL  # noqa: E741 - as short as the stories below


def plan(fault: Fault, wire: Format, *, stream: bool = True, latency: float = 0.0) -> Plan:
    call = Call(format=wire, ask=wire.read({"stream": stream}), ident="1", reply="one two three", latency=latency)
    return fault.plan(call)


def story(steps: Plan) -> list[object]:
    """Statuses, parts, seconds and hangups, in order."""
    told: list[object] = []
    for step in steps:
        match step:
            case Head(status):
                told.append(status)
            case Data(_, part):
                told.append(part)
            case Pause(seconds):
                told.append(seconds)
            case _:
                told.append(step)
    return told


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (faults.reset(), [Hangup.RESET]),
        (faults.hang(), [math.inf]),
        (faults.slow_first_token(3), [200, O, 3, C, C, C, E, S]),
        (faults.slow_drip(3), [200, O, C, 3, C, 3, C, E, S]),
        (faults.cut(), [200, O, C, C, Hangup.CUT]),
        (faults.cut(after=0), [200, O, Hangup.CUT]),
        (faults.early_end(), [200, O, C, C]),
        (faults.no_sentinel(), [200, O, C, C, C, E]),
        (faults.stall(), [200, O, C, math.inf]),
        (faults.stall(after=0), [200, O, math.inf]),
        (faults.stream_error(), [200, O, C]),
        (faults.stream_error(after=2), [200, O, C, C, C]),
        (faults.malformed(), [200, O, C, C, C, C, E, S]),
        (faults.empty(), [200, O, E, S]),
    ],
)
def test_a_stream_in_openais_format(fault: Fault, told: list[object]) -> None:
    assert story(plan(fault, OpenAI())) == told


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (faults.slow_first_token(3), [200, O, O, O, 3, C, C, C, E, E, S]),
        (faults.early_end(), [200, O, O, O, C, C]),
        (faults.no_sentinel(), [200, O, O, O, C, C, C, E, E]),
        (faults.stream_error(), [200, O, O, O, C]),
        (faults.empty(), [200, O, O, E, S]),
    ],
)
def test_a_stream_in_anthropics_format(fault: Fault, told: list[object]) -> None:
    assert story(plan(fault, Anthropic())) == told


def test_latency_comes_before_everything() -> None:
    assert story(plan(faults.empty(), OpenAI(), latency=2))[:2] == [2, 200]
    assert story(plan(faults.server_error(), OpenAI(), latency=2))[:2] == [2, 500]


@pytest.mark.parametrize("wire", [OpenAI(), Anthropic()])
@pytest.mark.parametrize("fault", [faults.early_end(), faults.malformed()])
def test_a_truncated_plain_body_has_the_length_it_says(wire: Format, fault: Fault) -> None:
    head, *body = plan(fault, wire, stream=False)
    assert isinstance(head, Head)
    assert int(head.headers["content-length"]) == sum(len(step.data) for step in body if isinstance(step, Data))


def test_a_plain_body_is_cut_in_slices() -> None:
    whole, cut = (plan(fault, OpenAI(), stream=False) for fault in (faults.no_sentinel(), faults.cut(after=1)))
    assert cut == (*whole, Hangup.CUT)
    assert story(plan(faults.cut(after=1 / 2), OpenAI(), stream=False)) == [200, C, C, C, Hangup.CUT]


def test_a_fault_has_a_name_and_a_fault_of_your_own_is_a_function() -> None:
    assert [fault.name for fault in (faults.cut(), faults.status(418))] == ["cut after 67%", "status 418"]
    teapot = Fault("teapot", lambda call: call.refused(418, b"short and stout", {"x-pot": "tea"}))
    head, *_ = plan(teapot, OpenAI())
    assert isinstance(head, Head)
    assert (head.status, head.headers["x-pot"], head.headers["content-length"]) == (418, "tea", "15")
