"""What went wrong, and whose fault it is: any exception or response becomes one ``Diagnosis``.

An exception is asked first, then what lies beneath it, until one of them says something certain. An exception that
merely stands for another one (LiteLLM's) gives way to it, because facts get lost in translation. Classifying never
raises: it runs where something has already gone wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from failover_plugin.classify import evidence as evidences
from failover_plugin.classify import local, names, providers, rules, streams
from failover_plugin.classify.answers import as_status
from failover_plugin.classify.evidence import Evidence, chain, class_names, from_exception, from_response
from failover_plugin.classify.horizon import MAX_RETRY_AFTER, horizon
from failover_plugin.classify.redact import redact
from failover_plugin.classify.rules import Finding
from failover_plugin.classify.strangers import attempt
from failover_plugin.classify.verdicts import VERDICTS, Hold, Route, Verdict, verdict_table
from failover_plugin.model import Diagnosis, ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "MAX_RETRY_AFTER",
    "VERDICTS",
    "Hold",
    "Route",
    "Verdict",
    "classify",
    "classify_response",
    "verdict_table",
]

_UNREADABLE = Finding(means=ErrorClass.UNKNOWN, why="nothing could be read")
_NOTHING_WRONG = Finding(means=ErrorClass.UNKNOWN, why="nothing wrong with it is known")
_INSIDE = Finding(means=ErrorClass.SERVER_ERROR, why="an error inside an answer that began with 200")

_HEADER_CODES: Final = ("x-amzn-errortype", "x-ms-error-code", "x-error-code")
"""Headers that carry an error's code, AWS's with an address behind a colon."""


def classify(error: BaseException, *, provider: str | None = None, handled: BaseException | None = None) -> Diagnosis:
    """What an exception means. Never raises, whatever the exception does.

    ``provider`` is who was asked, if that is known. ``handled`` is what was being handled already when the call began,
    such as the failure of another target: it hangs on ``error`` as its context, and is no evidence.
    ``Diagnosis.retry_after`` is in seconds.
    """
    try:
        return _diagnose(error, provider, handled)
    except Exception:  # noqa: BLE001 - an exception may be hostile in ways nobody has thought of
        return _diagnosis(_UNREADABLE, Evidence(), (), provider)


def classify_response(
    status: int, headers: Mapping[str, str], body: str | bytes | object, *, provider: str | None = None
) -> Diagnosis:
    """What an HTTP response means, or the answer of one that began with 200: an error inside its stream or its body, a
    stream without a finish mark, an answer without content. Never raises.

    ``headers`` may have names in any case; at most 16 KiB of ``body`` are read.
    """
    try:
        evidence, found = judge_response(status, headers, body, provider)
        return _diagnosis(found, evidence, (evidence,), provider)
    except Exception:  # noqa: BLE001 - a body object may be hostile too
        return _diagnosis(_UNREADABLE, Evidence(), (), provider)


def judge_response(status: int, headers: object, body: object, provider: str | None) -> tuple[Evidence, Finding]:
    """The evidence in a response, and what it means."""
    if not 200 <= (as_status(status) or 0) < 300:
        evidence = informed(from_response(status, headers, body), provider)
        return evidence, rules.decide(evidence) or _unknown(f"status {status}")
    read = streams.shortened(body)
    error = streams.failure(read)
    evidence = informed(from_response(status, headers, error), provider)
    if error is None:
        return evidence, streams.ending(read) or _NOTHING_WRONG
    return evidence, rules.decide(evidence) or _INSIDE


def informed(evidence: Evidence, provider: str | None) -> Evidence:
    """With the codes that headers carry, and the provider that was asked where the evidence does not name one."""
    sent = (evidence.headers.get(name, "").partition(":")[0].strip() for name in _HEADER_CODES)
    codes = tuple(code for code in sent if code and len(code) < 100)
    known = evidence.provider or providers.canonical(provider)
    if not codes and known == evidence.provider:
        return evidence
    return replace(evidence, codes=(*codes, *evidence.codes), provider=known)


def _diagnose(error: BaseException, provider: str | None, handled: BaseException | None) -> Diagnosis:
    left = names.find(class_names(error), names.CANCELLED)
    if left is not None:
        return _diagnosis(Finding(means=left[0], why=left[1]), Evidence(), (), provider)
    unparsed = evidences.unparsed(error)
    if unparsed is not None:  # worth asking elsewhere, and no news about the health of who answered
        diagnosis = _diagnosis(Finding(means=unparsed[0], why=unparsed[1]), from_exception(error), (), provider)
        return replace(diagnosis, scope=Scope.REQUEST)
    links, asked = tuple(chain(error, handled)), list[Evidence]()
    if ours := local.trouble(links):
        return replace(_diagnosis(ours, from_exception(error), (), provider), scope=Scope.LOCAL)
    if unsent := attempt(None, local.unsendable, links):
        return replace(_diagnosis(unsent, Evidence(), (), provider), scope=Scope.REQUEST)
    for link in links:
        asked.append(informed(from_exception(link), provider))
        found = rules.decide(asked[-1])
        if found is not None:
            return _diagnosis(found, asked[-1], asked, provider)
    if mistaken := _mistaken(links, asked):
        return replace(_diagnosis(mistaken, asked[0], (), provider), scope=Scope.REQUEST)
    return _undecided(asked, provider)


def _mistaken(links: Iterable[BaseException], asked: Iterable[Evidence]) -> Finding | None:
    """The caller's mistake, if this is one, or what LiteLLM's exception stands for is."""
    said = zip(links, asked, strict=True)
    return next((local.mistake(link) for link, evidence in said if not evidence.translated), None)


def _undecided(asked: list[Evidence], provider: str | None) -> Diagnosis:
    for evidence in reversed(asked):  # the one nearest to the wire has lost least
        found = rules.fall_back(evidence)
        if found is not None:
            return _diagnosis(found, evidence, asked, provider)
    return _diagnosis(_unknown(asked[0].names[0]), asked[0], (), provider)


def _unknown(what: str) -> Finding:
    return Finding(means=ErrorClass.UNKNOWN, why=f"nothing known about {what}")


def _diagnosis(found: Finding, evidence: Evidence, asked: Iterable[Evidence], provider: str | None) -> Diagnosis:
    code = found.code or next(iter(evidence.codes), None)
    heard = (evidence, *(e for e in asked if e is not evidence))
    due = (horizon(e.headers, e.text, e.hints) for e in heard)
    return Diagnosis(
        error_class=found.means,
        scope=found.scope or VERDICTS[found.means].scope,
        retry_after=next((wait.seconds for wait in due if wait is not None), None),
        status=evidence.status,
        code=redact(code) if code else None,
        provider=provider or next((e.provider for e in asked if e.provider), None),
        message=redact(evidence.message),
        evidence=redact(found.why),
    )
