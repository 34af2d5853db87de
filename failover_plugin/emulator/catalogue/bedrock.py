"""Amazon Bedrock's errors: the name is in the header ``x-amzn-errortype``, the body only has a ``message``.

Inside a stream the name is that of an exception event. No ``Retry-After`` comes with any of them.
"""

from __future__ import annotations

from dataclasses import replace

from failover_plugin.emulator.catalogue.entry import Documented

_CODES = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
_COMMON = "https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html"
_CONVERSE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
_INVOKE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"
_STREAM = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"
_TOKENS = "https://github.com/aws-samples/amazon-bedrock-client-for-mac/issues/99"
_DAY = "https://github.com/minorun365/agent-book/issues/29"
_PAYMENT = "https://github.com/Tracer-Cloud/opensre/pull/1811"
_MODEL = "https://github.com/GoogleCloudPlatform/kubectl-ai/issues/515"
_PROFILE = "https://github.com/langchain-ai/langchain-aws/issues/1019"
_CONTEXT = "https://github.com/aws-samples/bedrock-chat/issues/95"
_STREAMING = "https://github.com/aws-samples/amazon-bedrock-client-for-mac/issues/112"

_SPACE = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def _error(status: int, name: str, message: str, follows: str = _CODES) -> Documented:
    headers = {"x-amzn-errortype": f"{name}:{_SPACE}"}
    return Documented(status=status, body={"message": message}, follows=follows, headers=headers)


def _event(status: int, name: str, message: str) -> Documented:
    return replace(_error(status, name, message, _STREAM), event=name[0].lower() + name[1:])


ERRORS = {
    "rate_limit": _error(429, "ThrottlingException", "Too many tokens, please wait before trying again.", _TOKENS),
    "insufficient_quota": _error(
        429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", _DAY
    ),
    "service_quota": _error(
        400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account.", _INVOKE
    ),
    "credit_balance": _error(
        403,
        "AccessDeniedException",
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided.",
        _PAYMENT,
    ),
    "invalid_api_key": _error(
        403, "UnrecognizedClientException", "The security token included in the request is invalid.", _COMMON
    ),
    "expired_token": _error(
        403, "ExpiredTokenException", "The security token included in the request is expired", _COMMON
    ),
    "permission_denied": _error(
        403, "AccessDeniedException", "The role is not authorized to perform: bedrock:InvokeModel"
    ),
    "model_not_found": _error(400, "ValidationException", "The provided model identifier is invalid.", _MODEL),
    "profile_needed": _error(
        400,
        "ValidationException",
        "Invocation of model ID amazon.nova-2-lite-v1:0 with on-demand throughput isn\u2019t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model.",
        _PROFILE,
    ),
    "resource_not_found": _error(
        404, "ResourceNotFoundException", "Model use case details have not been submitted for this account."
    ),
    "context_length": _error(400, "ValidationException", "Input is too long for requested model.", _CONTEXT),
    "invalid_request": _error(400, "ValidationException", "temperature must be at most 1.", _CONVERSE),
    "unsupported": _error(400, "ValidationException", "The model is unsupported for streaming.", _STREAMING),
    "server_error": _error(500, "InternalServerException", "The server had an internal error.", _CONVERSE),
    "overloaded": _error(503, "ServiceUnavailableException", "The service isn't currently available.", _CONVERSE),
    "model_not_ready": _error(429, "ModelNotReadyException", "The model is not ready to serve requests.", _CONVERSE),
    "model_timeout": _error(408, "ModelTimeoutException", "The model took too long to process.", _CONVERSE),
    "model_error": _error(424, "ModelErrorException", "The request failed while the model processed it.", _CONVERSE),
    "stream_error": _event(503, "ServiceUnavailableException", "The service isn't currently available."),
    "stream_rate_limit": _event(429, "ThrottlingException", "Too many tokens, please wait before trying again."),
    "stream_server_error": _event(500, "InternalServerException", "The server had an internal error."),
    "stream_model_error": _event(424, "ModelStreamErrorException", "The model failed in mid-stream."),
    "stream_invalid_request": _event(400, "ValidationException", "Input is too long for requested model."),
}
