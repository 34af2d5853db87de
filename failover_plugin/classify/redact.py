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
          ["']? \s* [=:] \s* ["']? (?: (?: bearer | basic ) \s+ )? )
    | \b (?: bearer | basic ) \s+
    | \b api [ ] key [ ] provided: \s*
    | :// [^\s/:@]{1,64} : (?= [^\s/@]{1,256} @ )
    )
    [^\s"'&,;<>)\]}@]{4,}
    """
)
"""By the name before them; only a word with ``=`` or ``:`` behind it is compared with names, to be quick."""

_PREFIXED = re.compile(
    r"""(?x)
    \b (?: (?: [spr]k [-_] | (?: gsk | hf | r8 | fw | tgp | gh[oprsu] | github_pat ) _ | (?: nvapi | pplx | csk ) -
          | AIza | AQ[.] | ya29[.] | eyJ ) [\w.~+/=*-]{6,}
        | xai- [\w*]{6,}
        | A[KS]IA [A-Z0-9*]{6,} )
    | (?<![\w/+]) (?= [a-z0-9/+]* [A-Z] ) (?= [A-Z0-9/+]* [a-z] ) (?= [A-Za-z/+]* [0-9] ) [A-Za-z0-9/+]{40} (?![\w/+])
    """
)
"""By the providers' prefixes; and what is left is the shape of an AWS secret, which has none."""

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
