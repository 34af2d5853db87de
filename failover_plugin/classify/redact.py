"""Nothing that looks like a key leaves the classifier, and nothing long does.

Providers quote keys back ("Incorrect API key provided: ..."), SDKs quote headers and URLs, and a diagnosis ends up in
logs, traces and notebooks. A word too many hidden is a small loss, a key shown is not.
"""

from __future__ import annotations

import re
from typing import Final

MAX_MESSAGE: Final = 300
"""Characters of a message that are kept."""

_WINDOW: Final = 1000
"""Characters that are looked at; the rest is dropped unseen, with the word that the end cuts through."""

_HIDDEN: Final = "[redacted]"

_NAMED = re.compile(
    r"""(?ix)
    ( \b (?: bearer | basic ) \s+
    | \b api [ ] key [ ] provided: \s*
    | \b (?: key | token | access_token | secret | password | sig | signature ) =
    | \b (?: (?: x- )? api [-_]? key | (?: proxy- )? authorization | x-goog-api-key | ocp-apim-subscription-key
        | client_secret | secret_access_key | session_token )
      ["']? \s* [=:] \s* ["']? (?: (?: bearer | basic ) \s+ )?
    | :// [^\s/:@]{1,64} : (?= [^\s/@]{1,256} @ )
    )
    [^\s"'&,;<>)\]}@]{4,}
    """
)

_PREFIXED = re.compile(
    r"""(?x) \b
    (?: (?: sk | pk | rk | gsk | xai | hf | r8 | nvapi | pplx | fw | csk | ghp | gho | ghs | ghu | github_pat ) [-_]
      | AIza | ya29\. | eyJ | AKIA | ASIA )
    [\w.~+/=*-]{6,}
    """
)

_LONG = re.compile(r"[\w.~+=-]{20,}")

_RUN = re.compile(r"[A-Za-z0-9]{20,}")

_HARMLESS: Final = ("req_", "req-")
"""Request ids are what a provider's support asks for."""


def redact(text: str) -> str:
    """``text`` on one line, without what looks like a secret, at most ``MAX_MESSAGE`` characters."""
    text = " ".join(_whole_words(text).split())
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    text = _PREFIXED.sub(_HIDDEN, text)
    text = _LONG.sub(_hide_keys, text)
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def _whole_words(text: str) -> str:
    return text if len(text) <= _WINDOW else text[:_WINDOW].rpartition(" ")[0] or _HIDDEN


def _hide_keys(match: re.Match[str]) -> str:
    word = match[0]
    if word.startswith(_HARMLESS):
        return word
    return _HIDDEN if any(_mixed(run) for run in _RUN.findall(word)) else word


def _mixed(run: str) -> bool:
    return not run.isalpha() and not run.isdigit()
