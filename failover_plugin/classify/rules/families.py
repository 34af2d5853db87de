"""Codes that say one thing wherever they appear: half of all providers speak OpenAI's format, others Anthropic's,
Google's RPC names or AWS's exception names, and gateways quote them all.

Within the table the rarer fact stands before the common one that would swallow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from failover_plugin.classify.rules.money import MONEY
from failover_plugin.classify.rules.rule import Rule, rule
from failover_plugin.classify.rules.sizes import never_fits
from failover_plugin.model import ErrorClass, Scope

if TYPE_CHECKING:
    from failover_plugin.classify.evidence import Evidence


def _no_wait_named(evidence: Evidence) -> bool:
    return "retry-after" not in evidence.headers


def _flagged(evidence: Evidence) -> bool:
    return any(word in evidence.text for word in ("flagged", "usage polic", "safety"))


FAMILIES: Final[tuple[Rule, ...]] = (
    rule(
        "request size",
        ErrorClass.PAYLOAD_TOO_LARGE,
        statuses=(413, 429, None),
        check=never_fits,
        why="requested more than the limit",
    ),
    rule(
        "history of another provider",
        ErrorClass.UNSUPPORTED,
        says=(
            "invalid `signature` in",
            "invalid signature in",
            "thinking … signature is",
            "thought_signature is",
            "thought_signature in",
            "missing a thought_signature",
            "thought signature",
            "expected `thinking`",
            "thinking block … cannot be modified",
            "must start with a thinking block",
            "reasoning_content … must be",
            "reasoning_content … is missing",
            "reasoning_content … is required",
            "missing reasoning_content",
            "missing `reasoning_content`",
            "item 'rs_",
            "item with id 'rs_",
            "without its required … item",
            "encrypted content … could not",
            "tool id … not found",
            "tool call id … must be",
            "tool_call_id … match pattern",
            "tool_use.id … match pattern",
            "tool_calls … .id': string too long",
        ),
        statuses=(400, 404, 422, None),
    ),
    rule(
        "openrouter",  # which clients of others' names speak to as well
        ErrorClass.UNSUPPORTED,
        says=("no endpoints … support", "no endpoints … can handle", "no endpoints … parameters"),
        statuses=(404,),
    ),
    rule(
        "references",
        ErrorClass.INVALID_REQUEST,
        says=(
            "previous response",
            "item with id",
            "response with id",
            "conversation with id",
            "no such file object",
            "no thread found",
            "thread … not found",
            "no such file",
            "file … not found",
            "file … does not exist",
            "no file found",
            "vector store … not found",
            "no vector store",
            "container … not found",
            "container is expired",
            "container has expired",
            "cachedcontent not found",
            "cached content … not found",
            "batch … not found",
            "no batch found",
        ),
        unless=("profile",),
        statuses=(400, 403, 404),
    ),
    rule(
        "money",
        ErrorClass.QUOTA_EXHAUSTED,
        says=MONEY,
        statuses=(401,),
    ),
    # -- money ---------------------------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.QUOTA_EXHAUSTED,
        "insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded project_spend_limit_exceeded "
        "organization_usage_limit_exceeded billing_hard_limit_reached billing_not_active insufficient_balance "
        "insufficient_credits insufficient_credit insufficient_user_quota payment_required usage_limit_reached "
        "exceeded_current_quota_error balance_not_enough",
    ),
    rule(
        "anthropic",
        ErrorClass.QUOTA_EXHAUSTED,
        "billing_error enforced_spend_limit_reached contract_spend_limit_reached "
        "linked_organization_spend_limit_reached linked_organization_billing_unavailable credit_balance_too_low",
    ),
    rule("aws", ErrorClass.QUOTA_EXHAUSTED, "servicequotaexceededexception"),
    # -- the request and the model -------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.CONTEXT_WINDOW,
        "context_length_exceeded context_window_exceeded exceed_context_size_error too_many_prompt_tokens "
        "model_max_prompt_tokens_exceeded too_many_tokens prompt_too_long input_too_long",
    ),
    rule(
        "openai",
        ErrorClass.PAYLOAD_TOO_LARGE,
        "request_too_large payload_too_large request_body_too_large string_above_max_length tokens_limit_reached "
        "image_too_large file_too_large",
    ),
    rule(
        "openai",
        ErrorClass.CONTENT_POLICY,
        "content_filter content_policy_violation responsibleaipolicyviolation moderation_blocked content_blocked "
        "content_filtered data_inspection_failed datainspectionfailed sensitive_content prohibited_content "
        "cyber_policy",
    ),
    rule("openai", ErrorClass.CONTENT_POLICY, "invalid_prompt", check=_flagged, why="the prompt was flagged"),
    # -- who may do what -----------------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.PERMISSION,
        "model_not_found unsupported_country_region_territory",
        statuses=(403,),
    ),
    rule(
        "openai",
        ErrorClass.PERMISSION,
        "unsupported_country_region_territory permissiondenied insufficient_permissions "
        "missing_scope organization_restricted organization_on_hold model_terms_required ip_not_authorized "
        "access_terminated_error account_suspended",
    ),
    rule(
        "google",
        ErrorClass.PERMISSION,
        "service_disabled consumer_suspended consumer_invalid api_key_service_blocked api_key_http_referrer_blocked "
        "api_key_ip_address_blocked api_key_android_app_blocked api_key_ios_app_blocked "
        "access_token_scope_insufficient",
    ),
    rule(
        "openai",
        ErrorClass.AUTH,
        "invalid_api_key wrong_api_key missing_api_key incorrect_api_key_error invalidapikey invalid_authentication "
        "invalid_authentication_error token_expired invalid_token",
    ),
    rule("anthropic", ErrorClass.AUTH, "authentication_error"),
    rule(
        "google",
        ErrorClass.AUTH,
        "api_key_invalid credentials_missing access_token_expired access_token_type_unsupported unauthenticated",
    ),
    rule(
        "aws",
        ErrorClass.AUTH,
        "unrecognizedclientexception unrecognizedclient expiredtokenexception expiredtoken invalidsignatureexception "
        "signaturedoesnotmatch incompletesignature incompletesignatureexception missingauthenticationtoken "
        "missingauthenticationtokenexception invalidclienttokenid",
    ),
    # -- what there is -------------------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.NOT_FOUND,
        "model_not_found deploymentnotfound unknown_model invalid_model model_decommissioned model_not_available "
        "model_not_supported unavailable_model modelnotfound no_such_model model_not_exist resource_not_found_error "
        "modeldeprecated invalid_engine_error",
    ),
    rule("anthropic", ErrorClass.NOT_FOUND, "not_found_error"),
    rule(
        "openai",
        ErrorClass.UNSUPPORTED,
        "unsupported_parameter unsupported_value operationnotsupported unsupported_content_type unsupported_operation "
        "unimplemented",
    ),
    # -- capacity ------------------------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.OVERLOADED,
        "server_is_overloaded engine_overloaded engine_overloaded_error overloaded model_overloaded "
        "capacity_exceeded queue_exceeded nocapacity service_tier_capacity_exceeded serveroverloaded "
        "server_overloaded",
    ),
    rule("anthropic", ErrorClass.OVERLOADED, "overloaded_error"),
    rule("aws", ErrorClass.OVERLOADED, "modelnotreadyexception serviceunavailableexception"),
    # -- the provider's own -------------------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.SERVER_ERROR,
        "tool_use_failed json_validate_failed output_parse_failed",
        scope=Scope.REQUEST,  # what the model wrote for this request is no tool call, or no JSON
    ),
    rule("openai", ErrorClass.SERVER_ERROR, "model_error"),
    rule("aws", ErrorClass.SERVER_ERROR, "modelerrorexception modelstreamerrorexception internalserverexception"),
    rule("anthropic", ErrorClass.TIMEOUT, "timeout_error"),
    rule("aws", ErrorClass.TIMEOUT, "modeltimeoutexception"),
    rule("google", ErrorClass.TIMEOUT, "deadline_exceeded"),
    # -- a billing 429 without a word ----------------------------------------------------------------------------------
    rule(
        "openai",
        ErrorClass.QUOTA_EXHAUSTED,
        "quota_exceeded",
        statuses=(402, 403, 429, None),
        check=_no_wait_named,
        why="no time to wait is named",
    ),
)
"""Facts that decide before a status does."""

COARSE: Final[tuple[Rule, ...]] = (
    rule(
        "openai",
        ErrorClass.RATE_LIMIT,
        "rate_limit_exceeded slow_down ratelimitreached too_many_requests rate_limited rate_limit_reached_error "
        "request_quota_exceeded token_quota_exceeded requests_limit_exceeded quota_exceeded",
    ),
    rule("anthropic", ErrorClass.RATE_LIMIT, "rate_limit_error"),
    rule("google", ErrorClass.RATE_LIMIT, "resource_exhausted"),
    rule("aws", ErrorClass.RATE_LIMIT, "throttlingexception throttling toomanyrequestsexception"),
    rule("openai", ErrorClass.OVERLOADED, "service_unavailable_error serviceunavailable service_unavailable"),
    rule("google", ErrorClass.OVERLOADED, "unavailable"),
    rule("openai", ErrorClass.PERMISSION, "permission_denied permission_denied_error access_denied"),
    rule("anthropic", ErrorClass.PERMISSION, "permission_error"),
    rule("aws", ErrorClass.PERMISSION, "accessdeniedexception"),
    rule("google", ErrorClass.NOT_FOUND, "not_found"),
    rule("aws", ErrorClass.NOT_FOUND, "resourcenotfoundexception"),
    rule(
        "openai",
        ErrorClass.SERVER_ERROR,
        "server_error internal_error internal_server_error internalservererror internal",
    ),
    rule("anthropic", ErrorClass.SERVER_ERROR, "api_error"),
    rule("google", ErrorClass.SERVER_ERROR, "unknown aborted data_loss"),
    rule("openai", ErrorClass.INVALID_REQUEST, "invalid_request_error invalid_prompt bad_request"),
    rule("google", ErrorClass.INVALID_REQUEST, "invalid_argument failed_precondition out_of_range"),
    rule("aws", ErrorClass.INVALID_REQUEST, "validationexception"),
)
"""Codes too coarse to overrule a status; they decide where there is none, as inside a stream that began with 200."""
