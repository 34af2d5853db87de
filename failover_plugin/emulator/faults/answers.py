"""Answers that come late, in part, damaged or not at all.

Fractions are of the pieces of content, rounded to at least one. A plain answer has no events, so faults that live
between events do to its body what would happen to a provider's plain answer; each says what.
"""

from __future__ import annotations

from failover_plugin.emulator.call import Call
from failover_plugin.emulator.encoding import pieces
from failover_plugin.emulator.faults.fault import Fault
from failover_plugin.emulator.plan import (
    FOR_GOOD,
    Data,
    Hangup,
    Head,
    Part,
    Pause,
    Plan,
    Step,
    before_content,
    first,
    is_content,
    up_to,
    without,
)


def reset() -> Fault:
    """The connection is reset before the first byte."""
    return Fault("reset", lambda _call: (Hangup.RESET,))


def hang() -> Fault:
    """The request is accepted and never answered."""
    return Fault("hang", lambda _call: (FOR_GOOD,))


def slow_first_token(seconds: float) -> Fault:
    """Headers and the empty opening at once, the first content later. A plain answer is late as a whole."""

    def plan(call: Call) -> Plan:
        healthy = call.healthy()
        if not call.ask.stream:
            return (Pause(seconds), *healthy)
        return before_content(healthy, lambda n: Pause(seconds) if n == 0 else None)

    return Fault(f"slow first token {seconds:g} s", plan)


def slow_drip(seconds: float) -> Fault:
    """Silence between any two pieces of content, also of a plain body."""
    return Fault(
        f"slow drip {seconds:g} s",
        lambda call: before_content(call.healthy(), lambda n: Pause(seconds) if n else None),
    )


def cut(after: float = 2 / 3) -> Fault:
    """The connection closes in mid-answer: no terminating chunk; a plain body is shorter than its content-length."""
    return Fault(f"cut after {after:.0%}", lambda call: (*up_to(call.healthy(), after), Hangup.CUT))


def early_end(after: float = 2 / 3) -> Fault:
    """The stream ends cleanly without a finish reason. A plain body is truncated and of the announced length."""
    return Fault(f"early end after {after:.0%}", lambda call: _ended(call, after))


def no_sentinel() -> Fault:
    """The stream is complete but for its closing sentinel: ``[DONE]``, ``message_stop``. Plain answers are healthy."""
    return Fault("no sentinel", lambda call: without(call.healthy(), Part.SENTINEL))


def stall(after: float = 1 / 3) -> Fault:
    """Silent after a fraction, the connection open; after 0 once the empty opening is sent."""
    return Fault(f"stall after {after:.0%}", lambda call: (*up_to(call.healthy(), after), FOR_GOOD))


def stream_error(after: int = 0, body: object = None, *, error: str | None = None) -> Fault:
    """An error inside a 200 stream, behind the empty opening and ``after`` pieces of content.

    By default the provider is overloaded, if it is known to say so; ``error`` is the name of another documented error,
    ``body`` a body of one's own. A plain request is refused with that error.
    """

    def plan(call: Call) -> Plan:
        entry = call.in_stream(error)
        if not call.ask.stream:
            return call.refused(entry.status, entry.body if body is None else body, entry.headers)
        return (*first(call.healthy(), after), call.error_event(body, error))

    return Fault(f"stream error after {after}", plan)


def malformed(after: float = 1 / 3) -> Fault:
    """One event more than there should be in mid-stream, and it is not JSON. A plain body is truncated JSON.

    An additional one, so that a client which skips it loses nothing.
    """

    def plan(call: Call) -> Plan:
        if not call.ask.stream:
            return _ended(call, after)
        healthy = call.healthy()
        kept = up_to(healthy, after)
        return (*kept, _truncated(kept[-1]), *healthy[len(kept) :])

    return Fault(f"malformed event after {after:.0%}", plan)


def empty() -> Fault:
    """A success without any content."""
    return Fault("empty", lambda call: call.saying(""))


def failed(after: float = 2 / 3) -> Fault:
    """The model gives up in mid-answer: its text so far and finish reason "error", or what comes next to it."""
    return Fault(f"failed after {after:.0%}", lambda call: call.saying(_part(call.reply, after), "error"))


def filtered(after: float = 0.0) -> Fault:
    """A safety system ends the answer: a success with finish reason "content_filter", "refusal", "SAFETY"."""
    return Fault(f"filtered after {after:.0%}", lambda call: call.saying(_part(call.reply, after), "filter"))


def error_body(error: str | None = None) -> Fault:
    """HTTP 200, and the body is a documented error, by default that of ``stream_error``. A stream begins with it."""

    def plan(call: Call) -> Plan:
        if call.ask.stream:
            return (*first(call.healthy(), 0), call.error_event(None, error))
        return call.refused(200, call.in_stream(error).body)

    return Fault("error in a 200", plan)


def _part(text: str, fraction: float) -> str:
    words = pieces(text)
    return "".join(words[: max(round(len(words) * fraction), 1 if fraction else 0)])


def _ended(call: Call, after: float) -> Plan:
    kept = up_to(call.healthy(), after)
    if call.ask.stream:
        return kept
    body = b"".join(step.data for step in kept if isinstance(step, Data) and is_content(step))
    kind = next(step.headers["content-type"] for step in kept if isinstance(step, Head))
    return call.whole(200, body, {"content-type": kind})


def _truncated(step: Step) -> Data:
    data = step.data if isinstance(step, Data) else b""
    return Data(data[: len(data) * 2 // 3] + b"\n\n")
