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
    from collections.abc import Callable, Mapping

    from failover_plugin.classify.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All conditions given must hold. ``codes`` and ``phrases`` are lower case, and one of them is enough.

    ``statuses`` are effective HTTP statuses, None for none; without any the rule holds whatever the status. ``why``
    names what ``check`` checks.
    """

    family: str
    means: ErrorClass
    codes: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    statuses: frozenset[int | None] = frozenset()
    check: Callable[[Evidence], bool] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided, by which rule, and the provider's code if that was what decided."""

    means: ErrorClass
    why: str
    code: str | None = None


def _never_fits(evidence: Evidence) -> bool:
    """The request alone asks for more than the limit grants in its whole period."""
    found = _LIMIT_AND_REQUESTED.search(evidence.text) if "requested" in evidence.text else None
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
    Rule(
        family="openai",
        means=ErrorClass.PAYLOAD_TOO_LARGE,
        statuses=_THROTTLED,
        check=_never_fits,
        why="requested more than the limit",
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
        phrases=("credit balance is too low", "regain access on"),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.CONTEXT_WINDOW,
        phrases=("prompt is too long", "exceed context limit"),
        statuses=_REFUSED | {413},
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.CONTENT_POLICY,
        phrases=("output blocked by content filter",),
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PERMISSION,
        phrases=("organization has been disabled",),
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
        phrases=("extra usage is required for long context",),
        statuses=_THROTTLED,
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.PAYLOAD_TOO_LARGE,
        codes=_codes("rate_limit_error"),
        check=_untouched_limit,
        why="the limit is untouched",
    ),
    Rule(
        family="anthropic",
        means=ErrorClass.UNSUPPORTED,
        phrases=("prefilling assistant messages", "assistant message prefill"),
        statuses=_REFUSED,
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
        phrases=("maximum context length is", "exceeds the context window", "input tokens exceed the configured limit"),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.CONTENT_POLICY,
        phrases=("flagged as potentially violating", "rejected as a result of our safety system"),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.AUTH,
        phrases=("incorrect api key provided", "missing credentials. please pass an `api_key`"),
        statuses=frozenset((400, 401, 403, None)),
    ),
    Rule(
        family="openai",
        means=ErrorClass.UNSUPPORTED,
        phrases=(
            "not supported with this model",
            "not supported by this model",
            "not supported for this model",
            "model does not support",
            "model doesn't support",
        ),
        statuses=_REFUSED,
    ),
    Rule(
        family="openai",
        means=ErrorClass.OVERLOADED,
        phrases=(
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
        phrases=("upstream connect error or disconnect/reset",),
        statuses=frozenset((502, 503)),
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

LOST: Final = (
    Rule(
        family="litellm",
        means=ErrorClass.NETWORK,
        phrases=(
            "- connection error",
            "cannot connect to host",
            "connection refused",
            "connection reset",
            "name or service not known",
            "server disconnected",
        ),
        statuses=frozenset((500, 503)),
    ),
    Rule(family="litellm", means=ErrorClass.OVERLOADED, phrases=("overloaded",), statuses=frozenset((500, 503))),
)
"""What a translator's words still tell where the exception it stood for is gone and its status is made up."""

STATUS: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTH,
    402: ErrorClass.QUOTA_EXHAUSTED,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.NOT_FOUND,  # the base URL leads somewhere else: this target's configuration, not the request
    407: ErrorClass.NETWORK,  # a proxy of our own wants a password; neither the provider nor the request is wrong
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
    certain = _by_fact(evidence, RULES) or _by_name(evidence, names.TELLING)
    if certain is not None or evidence.translated:
        return certain
    return _by_status(evidence) or _by_fact(evidence, IN_STREAM)


def fall_back(evidence: Evidence) -> Finding | None:
    """What it says when nobody could decide for certain."""
    lost = _by_fact(evidence, LOST) or _by_name(evidence, names.STATUS_INVENTED) if evidence.translated else None
    return lost or _by_status(evidence) or _by_fact(evidence, IN_STREAM) or _by_name(evidence, names.LAST)


def _by_fact(evidence: Evidence, rules: tuple[Rule, ...]) -> Finding | None:
    codes = {code.lower(): code for code in reversed(evidence.codes)}
    return next(filter(None, (_apply(rule, evidence, codes) for rule in rules)), None)


def _apply(rule: Rule, evidence: Evidence, codes: Mapping[str, str]) -> Finding | None:
    code = next((code for lower, code in codes.items() if lower in rule.codes), None)
    if (rule.codes and code is None) or (rule.statuses and evidence.effective_status not in rule.statuses):
        return None
    said = next((phrase for phrase in rule.phrases if phrase in evidence.text), None)
    if (rule.phrases and said is None) or (rule.check and not rule.check(evidence)):
        return None
    what = rule.why or (f'says "{said}"' if said else f"code {code}")
    return Finding(means=rule.means, why=f"{rule.family}: {what}", code=code)


def _by_name(evidence: Evidence, table: Mapping[str, ErrorClass]) -> Finding | None:
    found = names.find(evidence.names, table, exact=evidence.translated)
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
