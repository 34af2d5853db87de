"""No diagnosis shows a key, and none is long. Every key here is made up, and put together only when the test runs."""

from __future__ import annotations

import pytest

from failover_plugin.classify import classify, classify_response
from failover_plugin.classify.redact import MAX_MESSAGE, redact

LETTERS = "x" * 24
MIXED = "Ab1" * 12
HEX = "0f1e2d3c" * 4

SECRETS = {
    "OpenAI": "sk-" + LETTERS,
    "OpenAI, project": "sk-" + "proj-" + MIXED,
    "Anthropic": "sk-" + "ant-api03-" + LETTERS + "_" + LETTERS,
    "OpenRouter": "sk-" + "or-v1-" + HEX,
    "DeepSeek, Moonshot, Qwen": "sk-" + HEX,
    "masked": "sk-" + "*" * 20 + "abcd",
    "Google": "AI" + "za" + LETTERS,
    "Google, new": "A" + "Q." + LETTERS,
    "Google, token": "ya" + "29." + LETTERS,
    "Groq": "gsk" + "_" + LETTERS,
    "xAI": "xai" + "-" + LETTERS,
    "Replicate": "r8" + "_" + LETTERS,
    "Hugging Face": "hf" + "_" + LETTERS,
    "NVIDIA": "nvapi" + "-" + LETTERS,
    "Perplexity": "pplx" + "-" + LETTERS,
    "Fireworks": "fw" + "_" + LETTERS,
    "Cerebras": "csk" + "-" + LETTERS,
    "Together": "tgp" + "_v1_" + LETTERS,
    "AWS": "AK" + "IA" + "A" * 16,
    "AWS, for a session": "AS" + "IA" + "B" * 16,
    "AWS, secret": "wJalr" + "XUtnFEMI/K7" + "MDENG/bPxRfi" + "CYabcdefghij",
    "GitHub": "ghp" + "_" + LETTERS,
    "GitHub, app": "ghs" + "_" + LETTERS,
    "GitHub, fine-grained": "github" + "_pat_" + LETTERS + "_" + LETTERS,
    "JWT": "ey" + "J" + LETTERS + "." + LETTERS + "." + LETTERS,
    "mixed": MIXED,
    "hex": HEX,
    "hex and more": HEX + ".Ab1Ab1Ab1",
}

FRAMES = (
    "{}",
    "Incorrect API key provided: {}.",
    'the key "{}" is wrong',
    "(key {})",
    "{},",
    "a\n{}\nb",
    "/v1?key={}&x=1",
)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_keys_are_hidden_by_their_shape(secret: str, frame: str) -> None:
    shown = redact(frame.format(secret))
    assert secret not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize(
    "frame",
    [
        "Bearer {}",
        "authorization: bearer {}",
        "Authorization: Basic {}",
        "Authorization: {}",
        '"authorization": "{}"',
        "x-api-key: {}",
        "api_key={}",
        "api-key: {}",
        "'api_key': '{}'",
        "x-goog-api-key: {}",
        "https://host/v1?key={}",
        "https://host/v1?a=b&key={}&alt=sse",
        "https://host/v1?subscription-key={}",
        "X-Goog-Api-Key: {}",
        '"x-goog-api-key": "{}"',
        "OPENAI_API_KEY={}",
        "Ocp-Apim-Subscription-Key: {}",
        "aws_secret_access_key = {}",
        '"SecretAccessKey": "{}"',
        '"aws_session_token": "{}"',
        "azure_ad_token={}",
        "AUTHORIZATION: BEARER {}",
        "Authorization: Bearer Bearer {}",
        "api_key=Bearer {}",
        "https://host/v1?a=b&access_token={}&c=d",
        "client_secret={}",
        "https://me:{}@host/v1",
        "Incorrect API key provided: {}. Find yours",
    ],
)
def test_short_keys_are_hidden_by_what_stands_before_them(frame: str) -> None:
    shown = redact(frame.format("hunter"))
    assert "hunter" not in shown
    assert frame.partition("{}")[0].strip("\"' ") in shown


@pytest.mark.parametrize(
    "harmless",
    [
        "The model `claude-haiku-4-5-20251001` does not exist",
        "meta-llama/llama-4-maverick-17b-128e-instruct",
        "Rate limit reached for gpt-x in organization org-abc on tokens per min (TPM): Limit 200000, Used 3",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "request id req_011CabcDEFghi22JKLmno33",
        "trace 123e4567-e89b-12d3-a456-426614174000",
        "see https://platform.openai.com/docs/guides/error-codes",
        "the region asia-northeast1 is full, use ASIA or EU",
        "no inference provider: hf-inference, xai-org/grok-1",
        "https://docs.microsoft.com/en-us/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes",
        "details[].quotaId: GenerateRequestsPerDayPerProjectPerModel",
        "max_tokens: 5, top_p: 1",
        "Invalid value for token: expected a string",
        "internationalizationinternationalization",
        "11111111111111111111111111",
    ],
)
def test_what_is_no_key_is_shown(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_messages_are_one_line_and_capped() -> None:
    assert redact("a\n b\t\tc") == "a b c"
    capped = redact("word " * 1_000)
    assert len(capped) == MAX_MESSAGE
    assert capped.endswith("…")


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("offset", [*range(250, 310, 7), *range(460, 510, 3)])
def test_a_cap_does_not_show_half_a_key(secret: str, offset: int) -> None:
    for filler in ("word ", MIXED + " "):
        shown = redact(filler * (offset // len(filler)) + "." * (offset % len(filler)) + " " + secret)
        assert secret[:18] not in shown


def test_diagnoses_are_redacted() -> None:
    secret = "sk-" + LETTERS
    body = {"error": {"message": f"Wrong key {secret}", "code": secret}}
    assert secret not in repr(classify_response(401, {}, body))
    assert secret not in repr(classify(PermissionError(f"key={secret}")))
    assert "[redacted]" in classify_response(401, {}, body).message
