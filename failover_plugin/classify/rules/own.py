"""What single providers mean by their own codes and words, where no family says it or where a family would be wrong.

Rules of a provider that is known to have answered come first. Where it is not known all of them may speak, those with
numbers for codes included; where another one is known, only those that cannot be misunderstood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from failover_plugin.classify.horizon import bucket
from failover_plugin.classify.rules.rule import Rule, rule
from failover_plugin.classify.rules.sizes import no_limit, untouched_limit
from failover_plugin.model import ErrorClass as E

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence

_REFUSED: Final = (400, 403, 404, 422, None)
_LONG: Final = ("day", "week", "month")
_IN_FLIGHT: Final = "openrouter_in_flight_budget"


def _of_the_day(evidence: Evidence) -> bool:
    return "perday" in evidence.text or bucket(evidence.headers, evidence.text, evidence.hints) in _LONG


def _grants_nothing(evidence: Evidence) -> bool:
    text = evidence.text.replace("limit: 0.", "limit: _")
    return any(f"limit: 0{end}" in text for end in (",", "\n", " ")) or text.endswith("limit: 0")


def _of_the_minute(evidence: Evidence) -> bool:
    return "perminute" in evidence.text and "perday" not in evidence.text


OWN: Final[tuple[Rule, ...]] = (
    rule("openai", E.PERMISSION, "unsupported_value", says=("organization must be verified",)),
    # -- Anthropic -----------------------------------------------------------------------------------------------------
    rule("anthropic", E.QUOTA_EXHAUSTED, says=("credit balance is too low", "regain access on", "usage limits")),
    rule(
        "anthropic",
        E.PAYLOAD_TOO_LARGE,
        says=("extra usage is required for long context",),
        statuses=(413, 429, None),
    ),
    rule("anthropic", E.PAYLOAD_TOO_LARGE, "rate_limit_error", check=untouched_limit, why="the limit is untouched"),
    rule("anthropic", E.CONTENT_POLICY, says=("output blocked by content filter",)),
    rule("anthropic", E.PERMISSION, says=("organization has been disabled",), statuses=_REFUSED),
    rule(
        "anthropic",
        E.UNSUPPORTED,
        says=("prefilling assistant messages", "assistant message prefill"),
        statuses=_REFUSED,
    ),
    # -- Google --------------------------------------------------------------------------------------------------------
    rule("gemini", E.OVERLOADED, "model_capacity_exhausted"),
    rule("gemini", E.QUOTA_EXHAUSTED, "insufficient_g1_credits_balance billing_disabled"),
    rule("gemini", E.QUOTA_EXHAUSTED, "resource_exhausted", check=_grants_nothing, why="the plan has none of it"),
    rule("gemini", E.OVERLOADED, "resource_exhausted", says=("no capacity", "overloaded", "high demand")),
    rule("gemini", E.RATE_LIMIT, "resource_exhausted", check=_of_the_minute, why="the minute's quota"),
    rule("gemini", E.QUOTA_EXHAUSTED, "resource_exhausted", check=_of_the_day, why="the day's quota"),
    rule("gemini", E.QUOTA_EXHAUSTED, "resource_exhausted", says=("prepayment credits", "spending cap", "depleted")),
    rule("gemini", E.QUOTA_EXHAUSTED, "quota_exhausted"),
    rule("gemini", E.RATE_LIMIT, "resource_exhausted", statuses=(429, None)),
    rule("gemini", E.AUTH, says=("unregistered callers", "api key was reported as leaked"), statuses=(400, 403, None)),
    rule("gemini", E.PERMISSION, "failed_precondition", says=("location is not supported", "region", "country")),
    rule("gemini", E.QUOTA_EXHAUSTED, "failed_precondition", says=("billing",)),
    # -- AWS Bedrock ---------------------------------------------------------------------------------------------------
    rule("bedrock", E.QUOTA_EXHAUSTED, "throttlingexception", says=("per day",)),
    rule("bedrock", E.QUOTA_EXHAUSTED, says=("invalid_payment_instrument", "payment instrument")),
    rule("bedrock", E.PERMISSION, says=("use case details",), statuses=_REFUSED),
    rule("bedrock", E.PERMISSION, says=("operation not allowed",), statuses=_REFUSED),
    rule("bedrock", E.RATE_LIMIT, "throttlingexception"),
    rule("bedrock", E.CONTEXT_WINDOW, says=("input is too long", "too many input tokens"), statuses=_REFUSED),
    rule(
        "bedrock",
        E.NOT_FOUND,
        says=("model identifier is invalid", "on-demand throughput isn", "end of its life"),
        statuses=_REFUSED,
    ),
    # -- Azure, GitHub Models ------------------------------------------------------------------------------------------
    rule(
        "azure",
        E.OVERLOADED,
        says=("experiencing high demand", "at capacity", "high traffic"),
        statuses=(429, 503, None),
        check=no_limit,
        why="beside no limit",
    ),
    rule(
        "github_models",
        E.QUOTA_EXHAUSTED,
        headers={"x-ratelimit-type": "byday"},
        statuses=(429,),
    ),
    # -- Mistral -------------------------------------------------------------------------------------------------------
    rule("mistral", E.OVERLOADED, "3505"),
    rule("mistral", E.OVERLOADED, says=("service tier capacity exceeded",)),
    rule("mistral", E.PAYLOAD_TOO_LARGE, "3210"),
    rule("mistral", E.PAYLOAD_TOO_LARGE, says=("too many inputs in request",)),
    rule("mistral", E.NOT_FOUND, "1500"),
    rule("mistral", E.PERMISSION, "1910 tier_not_allowed"),
    rule("mistral", E.RATE_LIMIT, "1300", statuses=(429, None)),
    rule("mistral", E.SERVER_ERROR, "1000", statuses=(500, None)),
    # -- Cohere --------------------------------------------------------------------------------------------------------
    rule("cohere", E.QUOTA_EXHAUSTED, says=("trial key … / month", "limited … calls / month"), statuses=(429, None)),
    rule("cohere", E.CONTENT_POLICY, says=("blocked input", "blocked output"), statuses=(400, 498)),
    # -- Groq ----------------------------------------------------------------------------------------------------------
    rule("groq", E.PAYLOAD_TOO_LARGE, "rate_limit_exceeded", statuses=(413,)),
    rule("groq", E.OVERLOADED, statuses=(498,), says=("capacity", "flex")),
    # -- xAI -----------------------------------------------------------------------------------------------------------
    rule(
        "xai",
        E.QUOTA_EXHAUSTED,
        says=("used all available credits", "monthly spending limit", "doesn't have any credits", "purchase … credits"),
    ),
    rule("xai", E.CONTENT_POLICY, says=("usage guidelines", "safety_check"), statuses=_REFUSED),
    rule("xai", E.OVERLOADED, says=("at capacity",), statuses=(429, 500, 503, None)),
    # -- OpenRouter ----------------------------------------------------------------------------------------------------
    rule("openrouter", E.RATE_LIMIT, statuses=(402,), says=(_IN_FLIGHT,)),
    rule("openrouter", E.QUOTA_EXHAUSTED, says=("key limit exceeded", "free-models-per-day"), statuses=(402, 403, 429)),
    rule("openrouter", E.PERMISSION, says=("data policy", "privacy", "guardrail"), statuses=(403, 404)),
    rule("openrouter", E.OVERLOADED, says=("no instances available",), statuses=(404, 429, 502, 503)),
    # -- Together, Fireworks, Hugging Face, NVIDIA ---------------------------------------------------------------------
    rule("together", E.QUOTA_EXHAUSTED, "credit_limit", statuses=(402, 403)),
    rule("together", E.RATE_LIMIT, "credit_limit", statuses=(429,)),
    rule("fireworks", E.QUOTA_EXHAUSTED, "precondition_failed", statuses=(412,)),
    rule("fireworks", E.QUOTA_EXHAUSTED, statuses=(412,), says=("suspended", "spending limit", "invoice")),
    rule("huggingface", E.OVERLOADED, says=("currently loading", "too busy"), statuses=(429, 500, 503)),
    rule("huggingface", E.QUOTA_EXHAUSTED, says=("monthly included credits", "monthly usage limit")),
    rule("nvidia", E.QUOTA_EXHAUSTED, says=("credits expired", "cloud credits")),
    rule("nvidia", E.AUTH, says=("authorization failed",), statuses=(403,)),
    rule("nvidia", E.SERVER_ERROR, says=("degraded function",), statuses=_REFUSED),
    rule("nvidia", E.NOT_FOUND, says=("function … not found for account",), statuses=_REFUSED),
    # -- Ollama, llama.cpp, vLLM: servers of one's own ----------------------------------------------------------------
    rule("ollama", E.OVERLOADED, says=("maximum pending requests", "more system memory"), statuses=(429, 500, 503)),
    rule(
        "ollama",
        E.QUOTA_EXHAUSTED,
        says=("weekly usage limit", "session usage limit", "upgrade for higher limits"),
        statuses=(402, 403, 429),
    ),
    rule("llamacpp", E.OVERLOADED, says=("loading model",), statuses=(503,)),
    rule(
        "llamacpp",
        E.UNSUPPORTED,
        says=("requires --", "provide the mmproj", "not supported", "start it with"),
        statuses=(500, 501),
    ),
    rule(
        "llamacpp",
        E.CONTEXT_WINDOW,
        says=("too large to process", "available context size"),
        statuses=(400, 413, 500, None),
    ),
    rule(
        "vllm",
        E.UNSUPPORTED,
        says=("requires --", "not a multimodal model", "does not support multimodal", "at most 0 "),
        statuses=(400, 500, 501),
    ),
    # -- Zhipu, Moonshot, Qwen -----------------------------------------------------------------------------------------
    rule("zhipu", E.QUOTA_EXHAUSTED, "1113 1304 1308 1309 1310"),
    rule("zhipu", E.OVERLOADED, "1305 1312"),
    rule("zhipu", E.RATE_LIMIT, "1302 1303"),
    rule("zhipu", E.CONTENT_POLICY, "1301"),
    rule("zhipu", E.CONTEXT_WINDOW, "1261"),
    rule("zhipu", E.AUTH, "1001 1002 1003 1004"),
    rule("zhipu", E.PERMISSION, "1110 1111 1112 1220 1311 1313"),
    rule("zhipu", E.NOT_FOUND, "1211 1221 1222"),
    rule("zhipu", E.UNSUPPORTED, "1212"),
    rule("moonshot", E.CONTEXT_WINDOW, says=("exceeded model token limit", "input token length too long")),
    rule("qwen", E.QUOTA_EXHAUSTED, "arrearage prepaidbilloverdue postpaidbilloverdue commoditynotpurchased"),
    rule("qwen", E.QUOTA_EXHAUSTED, "allocationquota.freetieronly accessdenied.unpurchased"),
    rule("qwen", E.QUOTA_EXHAUSTED, "throttling.allocationquota insufficient_quota", says=("free … quota",)),
    rule("qwen", E.RATE_LIMIT, "insufficient_quota", says=("allocated quota exceeded", "error-code#token-limit")),
    rule(
        "qwen",
        E.RATE_LIMIT,
        "throttling.ratequota throttling.burstrate throttling.allocationquota limit_requests limit_burst_rate "
        "limitrequests",
    ),
    rule("qwen", E.PERMISSION, "model.accessdenied workspace.accessdenied accessdenied endpoint.accessdenied"),
    rule("qwen", E.CONTEXT_WINDOW, says=("range of input length",), statuses=_REFUSED),
    rule("qwen", E.TIMEOUT, "internalerror.timeout requesttimeout responsetimeout"),
)  # fmt: skip
"""By provider; within one the rarer fact first."""


_KIN: Final = {"vertex": ("gemini",), "github_models": ("azure",), "azure": ("github_models",)}
"""Whose rules are also theirs."""


def owners(provider: str | None) -> tuple[str, ...]:
    """Whose rules come first if this one has answered."""
    return (provider, *_KIN.get(provider, ())) if provider else ()


def distinctive(tested: Rule) -> bool:
    """Whether a rule cannot be misunderstood where another provider is known to have answered: a number says nothing
    there, nor do words alone.
    """
    return bool(tested.codes) and not all(code.isdigit() for code in tested.codes)
