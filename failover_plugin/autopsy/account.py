"""An account of one answer: its class, whose fault it was, what follows, when to come back, and how we know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from failover_plugin.autopsy.answer import Answer
from failover_plugin.classify import VERDICTS, Hold, Route, Verdict
from failover_plugin.classify.examination import Examination, examine
from failover_plugin.classify.redact import redact
from failover_plugin.classify.verdicts import FAULTS, MEANINGS
from failover_plugin.model import ErrorClass

_NEXT: Final = {
    Route.ANY: "any other target is asked",
    Route.CAPABLE: "only targets that may be able to are asked",
    Route.OTHER: "one target of another provider or model is asked",
    Route.NONE: "nobody else is asked: the caller gets the error",
}

_INDENT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One answer and what was found out about it."""

    answer: Answer
    found: Examination

    @property
    def is_failure(self) -> bool:
        """Whether anything is wrong with the answer, as far as is known."""
        return self.answer.status >= 400 or self.found.diagnosis.error_class is not ErrorClass.UNKNOWN

    @property
    def retry(self) -> str:
        """When to come back, and who says so."""
        if self.found.due is None:
            return "nobody says when"
        bucket = f"; the bucket is the {self.found.due.period}'s" if self.found.due.period else ""
        return f"in {self.found.due.seconds:g} s ({redact(self.found.due.why)}{bucket})"


def examined(answer: Answer) -> Account:
    """What the classifier makes of it."""
    return Account(answer=answer, found=examine(answer.status, answer.headers, answer.body, provider=answer.provider))


def as_text(account: Account) -> str:
    """For people, without a final newline."""
    return "\n".join((f"{account.answer.whence} -> {account.answer.status}", *_lines(account)))


def as_data(account: Account) -> dict[str, object]:
    """For programs; seconds, and null where nothing is known."""
    found, due = account.found.diagnosis, account.found.due
    verdict = VERDICTS[found.error_class]
    return {
        "answer": account.answer.whence,
        "status": account.answer.status,
        "provider": found.provider,
        "is_failure": account.is_failure,
        "error_class": found.error_class,
        "meaning": MEANINGS[found.error_class],
        "scope": found.scope,
        "fault": FAULTS[found.scope],
        "verdict": {
            "hold": verdict.hold,
            "seconds": verdict.seconds,
            "weight": verdict.weight,
            "retry_same": verdict.retry_same,
            "route": verdict.route,
        },
        "verdict_in_words": in_words(verdict),
        "retry_after": found.retry_after,
        "retry_why": redact(due.why) if due else None,
        "period": due.period if due else None,
        "code": found.code,
        "message": found.message,
        "decided_by": found.evidence,
        "steps": list(map(redact, account.found.steps)),
    }


def in_words(verdict: Verdict) -> str:
    """What follows, in a sentence."""
    return "; ".join(filter(None, (_rest(verdict), _evidence(verdict), _again(verdict), _NEXT[verdict.route])))


def _lines(account: Account) -> Iterator[str]:
    found = account.found.diagnosis
    if not account.is_failure:
        yield _line("class", f"none: {found.evidence}")
        return
    yield _line("class", f"{found.error_class}: {MEANINGS[found.error_class]}")
    yield _line("scope", f"{found.scope}: the fault of {FAULTS[found.scope]}")
    yield _line("verdict", in_words(VERDICTS[found.error_class]))
    yield _line("retry", account.retry)
    yield _line("decided by", found.evidence)
    yield from (_line("looked at" if i == 0 else "", redact(step)) for i, step in enumerate(account.found.steps))
    yield _line("provider", found.provider or "not known")
    if found.code:
        yield _line("code", found.code)
    if found.message:
        yield _line("message", found.message)


def _line(name: str, value: str) -> str:
    return f"  {name:<{_INDENT}}{value}"


def _rest(verdict: Verdict) -> str:
    match verdict.hold:
        case Hold.COOL:
            named = f"for {verdict.seconds:g} s" if verdict.seconds else "2 s, doubling,"
            return f"it rests until the time named, or {named} where none is"
        case Hold.BLOCK:
            return f"it is blocked for {verdict.seconds:g} s, doubling to an hour, and comes back with one probe"
        case Hold.NONE:
            return ""


def _evidence(verdict: Verdict) -> str:
    if not verdict.weight:
        return "" if verdict.hold is not Hold.NONE else "no evidence against anybody's health"
    return f"evidence of {verdict.weight:g} against its health"


def _again(verdict: Verdict) -> str:
    return "it is asked once more where its tier has no other" if verdict.retry_same else ""
