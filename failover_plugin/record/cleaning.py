"""What may be in a cassette that others will read: no key, no account, and of the headers only what tells of an answer.

Headers are chosen by what is let through, since nobody knows what a gateway will add tomorrow. Text is kept but for the
values of the keys, whatever has the shape of a key, and the marks by which providers name their customers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

REDACTED = "redacted"

_TELLING = re.compile(
    r"content-type|server|date|.*retry.*|.*rate-?limit.*|.*tokenlimit.*|.*error.*|x-amzn-.*|nvcf-status|x-ms-.*"
)
_SHAPES = (
    re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|ghs|pplx|fw|csk|nvapi|tgp)[-_][A-Za-z0-9_-]{6,}"),
    re.compile(r"\b(?:AIza[\w-]{10,}|A[KS]IA[A-Z0-9]{12,}|github_pat_\w{6,}|ya29\.[\w.-]+|eyJ[\w-]{10,}[\w.-]*)"),
    re.compile(r"(?<=Bearer )\S+"),
    re.compile(r"\borg[-_][A-Za-z0-9-]{6,}"),
    re.compile(r"\bproj(?:ect)?_[A-Za-z0-9]{6,}"),
    re.compile(r"(?<=projects/)[\w-]+"),
    re.compile(r"(?<![\w.])\d{12}(?!\d)"),  # an AWS account, a Google project
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    re.compile(r"(?<=://)[\w-]+(?=\.(?:openai|cognitiveservices|services\.ai)\.azure\.com)"),
)


def tells(header: str) -> bool:
    """Whether a header, by its lower-case name, speaks of the answer and not of who asked."""
    return _TELLING.fullmatch(header) is not None


def cleaner(secrets: Iterable[str]) -> Callable[[str], str]:
    """Takes these values out of a text, and whatever else has the shape of a key or names a customer."""
    values = [form for secret in secrets for form in (secret, quote(secret, safe=""))]

    def clean(text: str) -> str:
        for value in values:
            text = text.replace(value, REDACTED)
        for pattern in _SHAPES:
            text = pattern.sub(REDACTED, text)
        return text

    return clean
