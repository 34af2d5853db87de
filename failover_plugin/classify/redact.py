"""Nothing that looks like a key leaves the classifier, and nothing long does.

Providers quote keys back ("Incorrect API key provided: ..."), SDKs quote headers and URLs, and a diagnosis ends up in
logs, traces and notebooks. A word too many hidden is a small loss, a key shown is not.
"""

from __future__ import annotations

import re
from typing import Final

MAX_MESSAGE: Final = 300
"""Characters of a message that are kept."""

_WINDOW: Final = 500
"""Characters that are looked at; the rest is dropped unseen, with the word that the end cuts through."""

_HIDDEN: Final = "[redacted]"

_NAMED = re.compile(
    r"""(?ix)
    ( (?<! [\w-] ) (?= [\w-]++ ["']? \s*+ [=:] ) [\w-]*?
      (?: (?: key | token | secret | password | sig | signature ) =
        | (?: api [-_]? key | authorization | subscription-key | client_secret | secret_? access_? key
            | session_? token | ad_token )
          ["']? \s* [=:] \s* ["']? (?: (?: bearer | basic ) \s+ )*+ )
    | \b (?: (?: bearer | basic ) \s+ )++
    | \b api [ ] key [ ] provided: \s*
    | :// [^\s/:@]{1,64} : (?= [^\s/@]{1,256} @ )
    )
    (?! \[redacted\] ) [^\s"'&,;<>)\]}@]{4,}
    """
)
"""By the name before them; only a word with ``=`` or ``:`` behind it is compared with names, to be quick."""

_PREFIXES: Final = (
    *("sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "gsk_", "hf_", "r8_", "fw_", "tgp_", "nvapi-", "pplx-", "csk-"),
    *("ghp_", "gho_", "ghr_", "ghs_", "ghu_", "github_pat_", "AIza", "AQ.", "ya29.", "eyJ", "xai-", "AKIA", "ASIA"),
)

_PREFIXED = re.compile(
    r"\b(?:xai-[\w*]{6,}|A[KS]IA[A-Z0-9*]{6,}|(?!xai-|A[KS]IA)"
    rf"(?:{'|'.join(map(re.escape, _PREFIXES))})[\w.~+/=*-]{{6,}})"
)

_LONG = re.compile(r"[\w.~+/=-]{20,}")

_RUN = re.compile(r"[A-Za-z0-9]{20,}")

_AWS_SECRET = re.compile(r"(?<![\w/+])[A-Za-z0-9/+]{40}(?![\w/+])")

_HARMLESS: Final = ("req_", "req-")
"""Request ids are what a provider's support asks for."""


def redact(text: str) -> str:
    """``text`` on one line, without what looks like a secret, at most ``MAX_MESSAGE`` characters."""
    text = " ".join(_whole_words(text).split())
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    if any(prefix in text for prefix in _PREFIXES):
        text = _PREFIXED.sub(_HIDDEN, text)
    text = _LONG.sub(_hide_keys, text)
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def _whole_words(text: str) -> str:
    return text if len(text) <= _WINDOW else text[:_WINDOW].rpartition(" ")[0] or _HIDDEN


def _hide_keys(match: re.Match[str]) -> str:
    if any(_all_kinds(secret) for secret in _AWS_SECRET.findall(match[0])):
        return _HIDDEN
    return "/".join(_HIDDEN if _is_key(part) else part for part in match[0].split("/"))


def _is_key(word: str) -> bool:
    return not word.startswith(_HARMLESS) and any(_mixed(run) for run in _RUN.findall(word))


def _mixed(run: str) -> bool:
    return not run.isalpha() and not run.isdigit()


def _all_kinds(run: str) -> bool:
    return _mixed(run) and not run.islower() and not run.isupper()
