"""What each recorded error is, said by the documentation it follows and not by what the classifier makes of it.

An error is in the catalogue under the name of what it is, so most follow from ``BY_NAME``; ``OWN`` has those that one
provider means otherwise. Where a page leaves it open, as whether a day's quota is a limit that refills or a quota that
is used up, each reading is right; the first is the one that the page is nearest to.
"""

from __future__ import annotations

from failover_plugin import ErrorClass
from support.scenarios import SCENARIOS

_E = ErrorClass
_DAY = (_E.QUOTA_EXHAUSTED, _E.RATE_LIMIT)  # refills by itself, but not while a request can wait
_BUSY = (_E.OVERLOADED, _E.RATE_LIMIT)  # capacity that all customers share
_DOWN = (_E.OVERLOADED, _E.SERVER_ERROR)  # a 503 of which the page only says "unavailable"
_NOT_HERE = (_E.UNSUPPORTED, _E.INVALID_REQUEST)  # another model or mode would have taken it

BY_NAME = {
    "rate_limit": _E.RATE_LIMIT,
    "retry_after": _E.RATE_LIMIT,
    "retry_after_60": _E.RATE_LIMIT,
    "rate_limit_timed": _E.RATE_LIMIT,
    "slow_down": _E.RATE_LIMIT,
    "model_rate_limit": _E.RATE_LIMIT,
    "gateway_rate_limit": _E.RATE_LIMIT,
    "provider_rate_limit": _E.RATE_LIMIT,
    "quota_per_minute": _E.RATE_LIMIT,
    "tokens_per_minute": _E.RATE_LIMIT,
    "in_flight_budget": _E.RATE_LIMIT,
    "frequency": _E.RATE_LIMIT,
    "insufficient_quota": _E.QUOTA_EXHAUSTED,
    "credit_balance": _E.QUOTA_EXHAUSTED,
    "organization_spend_limit": _E.QUOTA_EXHAUSTED,
    "organization_usage_limit": _E.QUOTA_EXHAUSTED,
    "project_spend_limit": _E.QUOTA_EXHAUSTED,
    "credit_too_small": _E.QUOTA_EXHAUSTED,
    "key_limit": _E.QUOTA_EXHAUSTED,
    "plan_without_quota": _E.QUOTA_EXHAUSTED,
    "plan_limit_monthly": _E.QUOTA_EXHAUSTED,
    "plan_limit": _DAY,
    "session_limit": _DAY,
    "usage_limit": _DAY,
    "extra_usage": _E.QUOTA_EXHAUSTED,
    "token_plan": _E.QUOTA_EXHAUSTED,
    "balance_in_chinese": _E.QUOTA_EXHAUSTED,
    "subscription_limit": _DAY[::-1],
    "service_quota": _DAY,
    "daily_limit": _DAY,
    "billing": _E.QUOTA_EXHAUSTED,
    "long_context": (_E.QUOTA_EXHAUSTED, _E.PERMISSION, _E.PAYLOAD_TOO_LARGE),
    "billing_required": (_E.QUOTA_EXHAUSTED, _E.PERMISSION),
    "invalid_api_key": _E.AUTH,
    "wrong_api_key": _E.AUTH,
    "missing_api_key": _E.AUTH,
    "missing_credentials": _E.AUTH,
    "expired_token": _E.AUTH,
    "expired_api_key": _E.AUTH,
    "permission_denied": _E.PERMISSION,
    "service_disabled": _E.PERMISSION,
    "model_blocked": _E.PERMISSION,
    "coding_agents_only": _E.PERMISSION,
    "organization_restricted": (_E.PERMISSION, _E.AUTH),
    "role_missing": (_E.PERMISSION, _E.AUTH),
    "model_access": (_E.PERMISSION, _E.NOT_FOUND),
    "data_policy": (_E.PERMISSION, _E.NOT_FOUND),
    "account_unsupported": (_E.PERMISSION, _E.AUTH),
    "model_not_found": _E.NOT_FOUND,
    "model_not_found_responses": _E.NOT_FOUND,
    "model_retired": _E.NOT_FOUND,
    "profile_needed": (_E.NOT_FOUND, _E.UNSUPPORTED, _E.PERMISSION),
    "model_not_serverless": (_E.NOT_FOUND, _E.UNSUPPORTED),
    "context_length": _E.CONTEXT_WINDOW,
    "context_length_nested": _E.CONTEXT_WINDOW,
    "context_length_500": _E.CONTEXT_WINDOW,
    "payload_too_large": (_E.PAYLOAD_TOO_LARGE, _E.CONTEXT_WINDOW),
    "request_too_large": (_E.PAYLOAD_TOO_LARGE, _E.CONTEXT_WINDOW),
    "content_policy": _E.CONTENT_POLICY,
    "invalid_request": _E.INVALID_REQUEST,
    "invalid_message": _E.INVALID_REQUEST,
    "provider_invalid_request": _E.INVALID_REQUEST,
    "prefill_unsupported": _NOT_HERE,
    "unsupported": _E.UNSUPPORTED,
    "image_unsupported": _E.UNSUPPORTED,
    "thinking_signature": _E.UNSUPPORTED,
    "thinking_missing": _E.UNSUPPORTED,
    "thought_signature": _E.UNSUPPORTED,
    "reasoning_content": _E.UNSUPPORTED,
    "reasoning_item": _E.UNSUPPORTED,
    "item_not_found": _E.UNSUPPORTED,
    "tool_call_id": _E.UNSUPPORTED,
    "response_not_found": _NOT_HERE,
    "file_not_found": _E.INVALID_REQUEST,
    "endpoint_unsupported": _E.UNSUPPORTED,
    "schema_unsupported": _NOT_HERE,
    "unsupported_v1": _E.UNSUPPORTED,
    "unsupported_parameter": _E.UNSUPPORTED,
    "not_supported": _E.UNSUPPORTED,
    "provider_unsupported": _NOT_HERE,
    "overloaded": _E.OVERLOADED,
    "no_capacity": _E.OVERLOADED,
    "queue_full": _E.OVERLOADED,
    "model_busy": _E.OVERLOADED,
    "cold": _E.OVERLOADED,
    "model_not_ready": _E.OVERLOADED,
    "worker_limit": _E.OVERLOADED,
    "retired": (_E.NOT_FOUND, _E.OVERLOADED, _E.SERVER_ERROR),  # a brown-out that announces the end
    "capacity": _BUSY,
    "high_demand": _BUSY,
    "flex_capacity": _BUSY,
    "provisioned_throughput": tuple(reversed(_BUSY)),
    "unavailable": _DOWN,
    "server_error": _E.SERVER_ERROR,
    "model_error": _E.SERVER_ERROR,
    "generation_failed": _E.SERVER_ERROR,
    "provider_error": _E.SERVER_ERROR,
    "json_validate_failed": (_E.SERVER_ERROR, _E.INVALID_REQUEST),
    "tool_use_failed": (_E.SERVER_ERROR, _E.INVALID_REQUEST),
    "unreachable": _E.SERVER_ERROR,
    "timeout": _E.TIMEOUT,
    "model_timeout": (_E.TIMEOUT, _E.SERVER_ERROR),
    "stream_error": _E.OVERLOADED,
    "stream_response_failed": _E.OVERLOADED,
    "stream_rate_limit": _E.RATE_LIMIT,
    "stream_server_error": _E.SERVER_ERROR,
    "stream_model_error": _E.SERVER_ERROR,
    "stream_invalid_request": _E.CONTEXT_WINDOW,
}

OWN = {
    "gemini/400_array": _E.CONTEXT_WINDOW,
    "vertex/429_array": tuple(reversed(_BUSY)),
    "vertex/429_rate_limit": tuple(reversed(_BUSY)),
    "vertex/200_stream_error": tuple(reversed(_BUSY)),
    "anthropic/400_usage_limit": _E.QUOTA_EXHAUSTED,
    "anthropic/429_request_too_large": (_E.PAYLOAD_TOO_LARGE, _E.RATE_LIMIT),  # by its header; by its words
    "gemini/429_insufficient_quota": _DAY,
    "bedrock/429_insufficient_quota": _DAY,
    "groq/429_insufficient_quota": _DAY,
    "openrouter/429_insufficient_quota": _DAY,
    "github_models/429_insufficient_quota": _DAY,
    "zhipu/429_insufficient_quota": _DAY,
    "moonshot/429_insufficient_quota": _DAY,
    "ollama/429_rate_limit": tuple(reversed(_DAY)),
    "bedrock/404_resource_not_found": (_E.PERMISSION, _E.NOT_FOUND),
    "xai/400_unsupported": _NOT_HERE,
    "cohere/400_unsupported": _NOT_HERE,
    "fireworks/400_unsupported": _NOT_HERE,
    "nvidia/403_permission_denied": (_E.PERMISSION, _E.AUTH),
    "qwen/400_unsupported": _NOT_HERE,
    "groq/503_overloaded": _DOWN,
    "mistral/503_overloaded": _DOWN,
    "vertex/503_overloaded": _DOWN,
    "cerebras/503_overloaded": _DOWN,
    "bedrock/503_overloaded": _DOWN,
    "bedrock/200_stream_error": _DOWN,
    "groq/200_stream_error": (_E.SERVER_ERROR, _E.INVALID_REQUEST),
    "cohere/200_stream_error": _E.SERVER_ERROR,
    "openrouter/200_stream_error": _E.SERVER_ERROR,
    "huggingface/200_stream_error": _E.SERVER_ERROR,
    "ollama/200_stream_error": _E.SERVER_ERROR,
    "mistral/200_stream_error": _E.SERVER_ERROR,
    "vllm/200_stream_error": _E.SERVER_ERROR,
    "llamacpp/200_stream_error": _E.CONTEXT_WINDOW,
}


def _expected(cassette: str) -> tuple[ErrorClass, ...]:
    meant = OWN.get(cassette) or BY_NAME[cassette.partition("/")[2][4:]]
    return (meant,) if isinstance(meant, ErrorClass) else meant


EXPECTED = {scenario.cassette: _expected(scenario.cassette) for scenario in SCENARIOS if scenario.fault}
"""By cassette: what it is, and what else it may be taken for."""
