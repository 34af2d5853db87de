"""The rules, as data: the provider's own facts first, then what the exception is, then the HTTP status.

Why this order: a code is a promise of the provider's, a class name one of the SDK's, and a status is shared by things
that need opposite treatment (429 is a pause, an empty account and a request that will never fit). A phrase counts where
no code exists. Within a family the rarer fact stands before the common one that would swallow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from failover_plugin.classify import names
from failover_plugin.model import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from failover_plugin.classify.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All conditions given must hold. ``codes`` and ``text`` are lower case; ``text`` is one phrase or pattern.

    ``statuses`` are effective HTTP statuses; without any the rule holds whatever the status. ``translated`` restricts
    the rule to exceptions that stand for another one.
    """

    family: str
    means: ErrorClass
    codes: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None
    statuses: frozenset[int | None] = frozenset()
    check: Callable[[Evidence], bool] | None = None
    translated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided, by which rule, and the provider's code if that was what decided."""

    means: ErrorClass
    why: str
    code: str | None = None


def _never_fits(evidence: Evidence) -> bool:
    """The request alone asks for more than the limit grants in its whole period."""
    found = _LIMIT_AND_REQUESTED.search(evidence.text)
    return found is not None and _number(found[2]) > _number(found[1])


def _untouched_limit(evidence: Evidence) -> bool:
    """Anthropic refuses a request that alone exceeds a limit of which nothing has been used, and names no time."""
    return (
        "retry-after" not in evidence.headers
        and evidence.headers.get("x-should-retry") == "false"
        and any(_untouched(evidence.headers, kind) for kind in ("input-tokens", "output-tokens", "tokens"))
    )


def _untouched(headers: Mapping[str, str], kind: str) -> bool:
    limit = headers.get(f"anthropic-ratelimit-{kind}-limit")
    return limit is not None and limit == headers.get(f"anthropic-ratelimit-{kind}-remaining")


def _number(text: str) -> int:
    return int(text.replace(",", "")[:18])


_LIMIT_AND_REQUESTED = re.compile(r"\blimit:? (\d[\d,]*),(?: used:? \d[\d,]*,)? requested:? (\d[\d,]*)")

_REFUSED: Final = frozenset((400, 403, 404, 422, None))
_THROTTLED: Final = frozenset((413, 429, None))


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


def _phrase(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


RULES: Final = (
    Rule(
        family="openai",
        means=ErrorClass.QUOTA_EXHAUSTED,
        codes=_codes(
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
            "billing_not_active",
        ),
    ),
    Rule(
        family="openai",
        means=ErrorClass.CONTEXT_WINDOW,
        codes=_codes("context_length_exceeded"),
    ),
    Rule(
        family="openai",
        means=ErrorClass.NOT_FOUND,
        codes=_codes("model_not_found", "deploymentnotfound", "unknown_model"),
    ),
    Rule(
        family="openai",
        means=ErrorClass.CONTENT_POLICY,
        codes=_codes(
            "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked"
        ),
    ),
    Rule(family="openai", means=ErrorClass.AUTH, codes=_codes("invalid_api_key")),
    Rule(
        family="openai",
        means=ErrorClass.PERMISSION,
        codes=_codes("unsupported_country_region_territory", "permissiondenied"),
    ),
    Rule(
        family="openai",
        means=ErrorClass.UNSUPPORTED,
        codes=_codes("unsupported_parameter", "unsupported_value", "operationnotsupported"),
    ),
    Rule(family="openai", means=ErrorClass.OVERLOADED, codes=_codes("server_is_overloaded", "engine_overloaded")),
    Rule(family="openai", means=ErrorClass.PAYLOAD_TOO_LARGE, statuses=_THROTTLED, check=_never_fits),
    Rule(
        family="openai",
        means=ErrorClass.QUOTA_EXHAUSTED,
        text=_phrase("you exceeded your current quota, please check your plan"),
        codes=_codes("insufficient_quota", "rate_limit_exceeded"),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.QUOTA_EXHAUSTED,
        codes=_codes(
            "billing_error",
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
            "linked_organization_spend_limit_reached",
            "linked_organization_billing_unavailable",
        ),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.QUOTA_EXHAUSTED,
        text=_phrase("credit balance is too low", "(?:api )?usage limits?\\b.{0,80}regain access on"),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.CONTEXT_WINDOW,
        text=_phrase("prompt is too long", r"input length and `?max_tokens`? exceed context limit"),
        statuses=_REFUSED | {413, 200},
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.CONTENT_POLICY,
        text=_phrase("output blocked by content filter"),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PERMISSION,
        text=_phrase("organization has been disabled"),
        statuses=_REFUSED,
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PERMISSION,
        codes=_codes("permission_error", "organization_on_hold"),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PAYLOAD_TOO_LARGE,
        text=_phrase("extra usage is required for long context"),
        statuses=_THROTTLED,
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PAYLOAD_TOO_LARGE,
        codes=_codes("rate_limit_error"),
        check=_untouched_limit,
    ),
    Rule(family="anthropic", means=ErrorClass.PAYLOAD_TOO_LARGE, codes=_codes("request_too_large")),
    Rule(family="anthropic", means=ErrorClass.AUTH, codes=_codes("authentication_error")),
    Rule(family="anthropic", means=ErrorClass.NOT_FOUND, codes=_codes("not_found_error")),
    Rule(family="anthropic", means=ErrorClass.OVERLOADED, codes=_codes("overloaded_error")),
    Rule(family="anthropic", means=ErrorClass.TIMEOUT, codes=_codes("timeout_error")),
    Rule(family="anthropic", means=ErrorClass.RATE_LIMIT, codes=_codes("rate_limit_error")),
    Rule(
        family="openai",
        means=ErrorClass.CONTEXT_WINDOW,
        text=_phrase(
            r"maximum context length is \d", "exceeds the context window", "input tokens exceed the configured limit"
        ),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.CONTENT_POLICY,
        text=_phrase("flagged as potentially violating", "rejected as a result of our safety system"),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.AUTH,
        text=_phrase("incorrect api key provided", "missing credentials. please pass an `api_key`"),
        statuses=frozenset((400, 401, 403, None)),
    ),
    Rule(
        family="openai",
        means=ErrorClass.UNSUPPORTED,
        text=_phrase(
            r"\b(?:not supported|unsupported) (?:with|by|for|in) this model",
            r"\bmodel (?:does not|doesn't) support",
        ),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.OVERLOADED,
        text=_phrase(
            "engine is currently overloaded",
            "model is currently overloaded",
            "experiencing high demand",
            "servers are currently overloaded",
        ),
        statuses=frozenset((429, 500, 503, None)),
    ),
    Rule(
        family="edge",
        means=ErrorClass.SERVER_ERROR,
        text=_phrase("upstream connect error or disconnect/reset"),
        statuses=frozenset((502, 503)),
    ),
    Rule(
        family="litellm",
        means=ErrorClass.NETWORK,
        text=_phrase(r"- connection error\.?", "cannot connect to host", "connection refused", "server disconnected"),
        statuses=frozenset((500, 503)),
        translated=True,
    ),
)
"""Facts that decide before anything else."""

IN_STREAM: Final = (
    Rule(family="openai", means=ErrorClass.OVERLOADED, codes=_codes("service_unavailable_error")),
    Rule(
        family="openai",
        means=ErrorClass.RATE_LIMIT,
        codes=_codes("rate_limit_exceeded", "slow_down", "ratelimitreached", "too_many_requests"),
    ),
    Rule(
        family="openai",
        means=ErrorClass.SERVER_ERROR,
        codes=_codes("server_error", "model_error", "internal_error"),
    ),
    Rule(family="anthropic", means=ErrorClass.SERVER_ERROR, codes=_codes("api_error")),
    Rule(family="openai", means=ErrorClass.INVALID_REQUEST, codes=_codes("invalid_request_error", "invalid_prompt")),
)
"""Codes too coarse to overrule a status; they decide where there is none, as inside a stream that began with 200."""

STATUS: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTH,
    402: ErrorClass.QUOTA_EXHAUSTED,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.NOT_FOUND,  # the base URL leads somewhere else: this target's configuration, not the request
    408: ErrorClass.TIMEOUT,
    409: ErrorClass.SERVER_ERROR,  # a lock the provider failed to get; the SDKs repeat it, the request is not wrong
    410: ErrorClass.NOT_FOUND,  # gone: a retired model
    413: ErrorClass.PAYLOAD_TOO_LARGE,
    414: ErrorClass.PAYLOAD_TOO_LARGE,
    415: ErrorClass.UNSUPPORTED,  # a media type that this target does not take
    424: ErrorClass.SERVER_ERROR,  # something behind the provider failed
    425: ErrorClass.SERVER_ERROR,  # too early: about the connection, not the request
    429: ErrorClass.RATE_LIMIT,
    431: ErrorClass.PAYLOAD_TOO_LARGE,
    451: ErrorClass.PERMISSION,  # unavailable for legal reasons: here, not everywhere
    499: ErrorClass.TIMEOUT,  # somebody in between gave up waiting; had it been us, we would not see it
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.TIMEOUT,
    522: ErrorClass.TIMEOUT,  # the edge waited for the origin in vain; the same again would wait again
    524: ErrorClass.TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
"""Where no provider's fact is known. Any other 4xx is the caller's, any other 5xx the server's (RFC 9110 §15)."""


def decide(evidence: Evidence) -> Finding | None:
    """What this one exception or response says for certain, or None if what lies beneath it should be asked."""
    return (
        _by_fact(evidence, RULES)
        or _by_name(evidence, names.TELLING)
        or (None if evidence.translated else _by_status(evidence))
        or (None if evidence.translated else _by_fact(evidence, IN_STREAM))
    )


def fall_back(evidence: Evidence) -> Finding | None:
    """What it says when nobody could decide for certain."""
    found = names.find(evidence.names, names.LAST) if evidence.translated else None
    if found is not None and found[1].startswith("litellm."):
        return Finding(means=found[0], why=found[1])
    return _by_status(evidence) or _by_fact(evidence, IN_STREAM) or _by_name(evidence, names.LAST)


def _by_fact(evidence: Evidence, rules: tuple[Rule, ...]) -> Finding | None:
    return next(_matches(evidence, rules), None)


def _matches(evidence: Evidence, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    codes = {code.lower(): code for code in reversed(evidence.codes)}
    for rule in rules:
        code = next((codes[lower] for lower in codes if lower in rule.codes), None)
        said = rule.text.search(evidence.text) if rule.text else None
        if _holds(rule, evidence, code, said):
            yield Finding(means=rule.means, why=f"{rule.family}: {_reason(rule, code, said)}", code=code)


def _holds(rule: Rule, evidence: Evidence, code: str | None, said: re.Match[str] | None) -> bool:
    return (
        (not rule.codes or code is not None)
        and (rule.text is None or said is not None)
        and (not rule.statuses or evidence.effective_status in rule.statuses)
        and (rule.check is None or rule.check(evidence))
        and (not rule.translated or evidence.translated)
    )


def _reason(rule: Rule, code: str | None, said: re.Match[str] | None) -> str:
    if said is not None:
        return f'says "{said[0]}"'
    if rule.check is not None:
        return (rule.check.__doc__ or "").partition(".")[0].lower()
    return f"code {code}"


def _by_name(evidence: Evidence, table: Mapping[str, ErrorClass]) -> Finding | None:
    known = [name for name in evidence.names if name.startswith("litellm.")] if evidence.translated else evidence.names
    found = names.find(known, table)
    if found is not None:
        return Finding(means=found[0], why=found[1])
    if names.unreachable(evidence.errno):
        return Finding(means=ErrorClass.NETWORK, why=f"errno {evidence.errno}")
    return None


def _by_status(evidence: Evidence) -> Finding | None:
    status = evidence.effective_status
    if status is None or status < 400:
        return None
    other = ErrorClass.INVALID_REQUEST if status < 500 else ErrorClass.SERVER_ERROR
    return Finding(means=STATUS.get(status, other), why=f"status {status}")
