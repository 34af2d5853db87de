"""What can be wrong with a provider: each fault is a named change to the plan of one answer.

``site.fail(faults.overloaded())`` or ``site.script(faults.rate_limit(retry_after=2), None)``. The documented errors
take the wording of whatever wire format the request came in. A fault of your own is a ``Fault`` with a function that
turns a ``Call`` into a plan.

Fractions are of the pieces of content, rounded to at least one. A plain answer has no events, so faults that live
between events do to its body what would happen to a provider's plain answer; each says what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from failover_plugin.emulator.call import Call
from failover_plugin.emulator.catalogue import documented
from failover_plugin.emulator.plan import (
    FOR_GOOD,
    Data,
    Hangup,
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


@dataclass(frozen=True, slots=True)
class Fault:
    """A named way to answer wrongly. ``plan`` says what goes over the wire for one call."""

    name: str
    plan: Callable[[Call], Plan] = field(repr=False)


def status(code: int, body: object = None, *, headers: Mapping[str, str] | None = None) -> Fault:
    """Any status with any body (JSON, text or bytes) and extra headers; without a body, a plain one in the format."""

    def plan(call: Call) -> Plan:
        default = call.format.error_body(f"emulated status {code}", code)
        return call.refused(code, default if body is None else body, headers)

    return Fault(f"status {code}", plan)


def rate_limit(retry_after: float | None = None) -> Fault:
    """429: a limit that refills; ``retry_after``, in seconds, is sent as a header if given."""
    return _documented("rate_limit", _retry_after(retry_after))


def insufficient_quota() -> Fault:
    """429 that does not refill by itself: the month's quota or spend limit is used up."""
    return _documented("insufficient_quota")


def credit_balance() -> Fault:
    """No prepaid credit left: OpenAI's 429 ``credit_balance_exhausted``, Anthropic's 400."""
    return _documented("credit_balance")


def invalid_api_key() -> Fault:
    """401: the key is wrong."""
    return _documented("invalid_api_key")


def permission_denied() -> Fault:
    """403: the key is right and may not do this."""
    return _documented("permission_denied")


def model_not_found() -> Fault:
    """404: no such model or deployment."""
    return _documented("model_not_found")


def context_length() -> Fault:
    """400: the prompt is longer than the model's window."""
    return _documented("context_length")


def invalid_request() -> Fault:
    """400: the caller's own mistake."""
    return _documented("invalid_request")


def prefill_unsupported() -> Fault:
    """400: the model does not go on from a text that the caller begins."""
    return _documented("prefill_unsupported")


def content_policy() -> Fault:
    """400: blocked by a safety system."""
    return _documented("content_policy")


def server_error() -> Fault:
    """500: the provider's own mistake."""
    return _documented("server_error")


def overloaded(retry_after: float | None = None) -> Fault:
    """Out of capacity: 503 in OpenAI's format, 529 in Anthropic's."""
    return _documented("overloaded", _retry_after(retry_after))


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
    """The stream ends cleanly without a finish reason. A plain body is truncated JSON of the announced length."""
    return Fault(f"early end after {after:.0%}", lambda call: _ended(call, after))


def no_sentinel() -> Fault:
    """The stream is complete but for its closing sentinel: ``[DONE]``, ``message_stop``. Plain answers are healthy."""
    return Fault("no sentinel", lambda call: without(call.healthy(), Part.SENTINEL))


def stall(after: float = 1 / 3) -> Fault:
    """Silent after a fraction, the connection open; after 0 once the empty opening is sent."""
    return Fault(f"stall after {after:.0%}", lambda call: (*up_to(call.healthy(), after), FOR_GOOD))


def stream_error(after: int = 0, body: object = None) -> Fault:
    """An error inside a 200 stream, behind the empty opening and ``after`` pieces of content.

    By default the provider is overloaded. A plain request is refused with that error.
    """

    def plan(call: Call) -> Plan:
        entry = documented("overloaded", call.format.name)
        error = entry.body if body is None else body
        if not call.ask.stream:
            return call.refused(entry.status, error)
        return (*first(call.healthy(), after), call.format.error_event(error))

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


def _documented(name: str, headers: Mapping[str, str] | None = None) -> Fault:
    def plan(call: Call) -> Plan:
        entry = documented(name, call.format.name)
        return call.refused(entry.status, entry.body, {**entry.headers, **(headers or {})})

    return Fault(name, plan)


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": f"{seconds:g}"}


def _ended(call: Call, after: float) -> Plan:
    kept = up_to(call.healthy(), after)
    if call.ask.stream:
        return kept
    body = b"".join(step.data for step in kept if isinstance(step, Data) and is_content(step))
    return call.whole(200, body, {"content-type": "application/json"})


def _truncated(step: Step) -> Data:
    data = step.data if isinstance(step, Data) else b""
    return Data(data[: len(data) * 2 // 3] + b"\n\n")
