"""What an attempt's end means for its request: the classifier's word, in the light of how far the attempt had come."""

from __future__ import annotations

from dataclasses import replace

from failover_plugin.classify import classify
from failover_plugin.classify.finish import failure
from failover_plugin.classify.redact import redact
from failover_plugin.errors import AnswerFailed, EmptyResponse
from failover_plugin.model import Diagnosis, ErrorClass, Scope, Trail, Usage
from failover_plugin.start import Start

LEFT = Diagnosis(error_class=ErrorClass.CANCELLED, scope=Scope.REQUEST, evidence="the caller left")
NOT_NEEDED = Diagnosis(error_class=ErrorClass.CANCELLED, scope=Scope.REQUEST, evidence="another one answered first")
BEATEN = Diagnosis(error_class=ErrorClass.TIMEOUT, scope=Scope.TARGET, evidence="a backup answered first")

EXHAUSTED = "all of its own targets failed"
"""Evidence that a target is a failover itself, which has asked everybody it has and repeated what was worth it."""

_DIVERGED = Diagnosis(
    error_class=ErrorClass.INVALID_REQUEST, scope=Scope.REQUEST, evidence="restarted, it says something else"
)
_PARTS = ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")


class Diverged(Exception):
    """A restarted stream does not continue what was delivered: nobody's fault, and no continuation."""


def judge(start: Start, error: BaseException) -> Diagnosis:
    """What the error was; one that broke a stream after its first content speaks of the target's streams, unless the
    caller left or the text was blocked.
    """
    if isinstance(error, Diverged):
        return _DIVERGED
    diagnosis = _of_members(error) or classify(error, provider=start.target.provider, handled=start.handled)
    of_the_call = diagnosis.scope in (Scope.TARGET, Scope.REQUEST)
    its_own = diagnosis.error_class in (ErrorClass.CANCELLED, ErrorClass.CONTENT_POLICY)
    if start.content_after is None or not of_the_call or its_own:
        return diagnosis
    return replace(diagnosis, error_class=ErrorClass.STREAM_INTERRUPTED, scope=Scope.TARGET)


def require_sound(mark: str | None, *, has_content: bool, may_be_silent: bool = False, answer: object = None) -> None:
    """Raise what is wrong with an answer that ends with this finish mark, None if the provider gave none.

    Raises ``AnswerFailed`` if the mark says that the model gave up, ``EmptyResponse`` if the answer says nothing. What
    a safety system or the caller's own limit has ended is an answer. So is silence where the model ``may_be_silent``
    and says that it has stopped: after a tool's result it may have nothing to add.

    With ``answer``, the answer itself, one that says nothing is shown to one other target and handed out if that has no
    more to say. Without, it is a failure like any other.
    """
    match failure(mark or "", has_content=has_content, may_be_silent=may_be_silent):
        case ErrorClass.SERVER_ERROR:
            raise AnswerFailed(f'The answer ended with the finish mark "{mark}": the model gave up.')
        case ErrorClass.EMPTY_RESPONSE:
            raise EmptyResponse("The answer has no content: no text, no tool call, no refusal.", answer=answer)
        case _:
            return


def tokens_of(usage: Usage) -> float | None:
    """All tokens of a call, by whatever names the provider counts them."""
    if (total := usage.get("total_tokens")) is not None:
        return float(total)
    parts = [usage[name] for names in _PARTS for name in names if name in usage]
    return float(sum(parts)) if parts else None


def _of_members(error: BaseException) -> Diagnosis | None:
    """A target that is a failover itself and has run out of members is overloaded, whatever its first member said."""
    facts = vars(error)
    if not isinstance(facts.get("trail"), Trail) or "retry_after" not in facts:
        return None
    return Diagnosis(
        error_class=ErrorClass.OVERLOADED,
        scope=Scope.TARGET,
        retry_after=facts["retry_after"],
        message=redact(str(error))[:300],
        evidence=EXHAUSTED,
    )
