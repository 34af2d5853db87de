"""One voice for bad input: pydantic's findings, said as field, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError

_SECRET = re.compile(r"key|password|secret|token", re.IGNORECASE)


def config_error(error: ValidationError, where: str, known: Iterable[str]) -> ConfigError:
    """Say what is wrong with ``where``; ``known`` are the fields it has."""
    return ConfigError("; ".join(_finding(detail, where, sorted(known)) for detail in error.errors(include_url=False)))


def _finding(detail: ErrorDetails, where: str, known: list[str]) -> str:
    field = ".".join([where, *map(str, detail["loc"])])
    value = _shown(field, detail["input"])
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{field} = {value}: there is no such field. {_nearest(str(detail['loc'][-1]), known)}"
        case "missing":
            return f"{field} is missing: give it a value."
        case "value_error" if isinstance(cause := detail.get("ctx", {}).get("error"), ConfigError):
            return str(cause)
        case _:
            return f"{field} = {value}: {_remedy(detail['msg'])}."


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known fields: {', '.join(known)}."


def _remedy(message: str) -> str:
    """Pydantic says what the input "should be"; that is the remedy."""
    text = message.removeprefix("Value error, ").rstrip(".")
    return text.replace("Input should be", "it should be").replace("Input should", "it should")


def _shown(field: str, value: object) -> str:
    """Nothing that may be a secret, by its looks or by its field's name."""
    text = repr("[redacted]") if isinstance(value, str) and _SECRET.search(field) else redact(repr(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
